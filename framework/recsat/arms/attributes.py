"""Arms that are their attributes: what ``fit`` left on them is what is saved, all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.arm import ArmState, Recommender
from recsat.errors import SavedArmError


class SavedByAttributes(Recommender):
    """Base of an arm whose attributes are arrays, tensors, sparse rows and plain values.

    None is left out, settings included: one that was forgotten would be the default of the arm that is restored, and nobody would see it.
    """

    def attributes(self) -> dict[str, Any]:
        """What is saved, by name; an arm that holds more than data says here what stands for the rest."""
        return dict(vars(self))

    def state(self) -> ArmState:
        state = packed(self.attributes())
        if not state.arrays:
            raise SavedArmError(f"{type(self).__name__} is not fitted, so there is nothing to save. Call fit first.")
        return state

    def restore(self, state: ArmState) -> Self:
        vars(self).update(unpacked(state))
        return self


def packed(values: Mapping[str, Any]) -> ArmState:
    """``values`` by name as a state. Tensors are stored from the CPU, a sparse matrix as its three arrays.

    A value may be a state itself, for an arm that has others in it. Raises TypeError for a value of any other type.
    """
    arrays: dict[str, Any] = {}
    tensors: list[str] = []
    plain: dict[str, Any] = {}
    sparse: dict[str, list[int]] = {}
    texts: dict[str, list[str]] = {}
    parts: dict[str, Any] = {}
    for name, value in values.items():
        match value:
            case ArmState():
                arrays |= {f"{name}/{inner}": array for inner, array in value.arrays.items()}
                parts[name] = value.numbers
            case Tensor():
                arrays[name] = value.detach().cpu().numpy()
                tensors.append(name)
            case csr_array():
                arrays |= {f"{name}/{inner}": getattr(value, inner) for inner in ("data", "indices", "indptr")}
                sparse[name] = list(value.shape)
            case np.ndarray() if value.dtype.kind == "U":
                texts[name] = value.tolist()
            case np.ndarray() | np.generic():  # a NumPy number is no Python number: sums with it have another dtype
                arrays[name] = np.asarray(value)
            case None | bool() | int() | float() | str() | list() | tuple() | dict():
                plain[name] = value
            case _:
                raise TypeError(f"{name} is a {type(value).__name__}, of which no state can be made")
    numbers = {"plain": plain, "tensors": tensors, "sparse": sparse, "texts": texts, "parts": parts}
    return ArmState(arrays, numbers)


def unpacked(state: ArmState) -> dict[str, Any]:
    """The values of :func:`packed` by name; tensors are on the CPU, and a tuple has become a list."""
    numbers = state.numbers
    values: dict[str, Any] = {name: array for name, array in state.arrays.items() if "/" not in name}
    values |= {name: torch.from_numpy(values[name]) for name in numbers["tensors"]}
    values |= {name: np.array(words, dtype=np.str_) for name, words in numbers["texts"].items()}
    for name, shape in numbers["sparse"].items():
        rows = _under(state.arrays, name)
        values[name] = csr_array((rows["data"], rows["indices"], rows["indptr"]), shape=tuple(shape))
    values |= {name: ArmState(_under(state.arrays, name), inner) for name, inner in numbers["parts"].items()}
    values |= numbers["plain"]
    return values


def _under(arrays: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arrays whose names begin with ``name/``, by the rest of their names."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}
