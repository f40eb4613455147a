"""A fitted arm on disk: a folder of its numbers as JSON, its arrays as safetensors, and the SHA-256 of both. No pickle, no torch.

::

    arm.json             format, arm, class, numbers; the catalogue's digest; which arrays are the run's item vectors
    arrays.safetensors   the other arrays
    SHA256SUMS           as sha256sum writes it
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from recsat.atomic import replacing_folder
from recsat.contract.arm import ArmState, Recommender, Saveable
from recsat.contract.interactions import Catalogue
from recsat.contract.reranker import Reranker
from recsat.embed.digest import sha256_of
from recsat.errors import SavedArmError

FORMAT: Final = 3
"""Raised with every change of these files, or of what an arm of recsat keeps in them."""
DESCRIPTION, ARRAYS, SUMS = "arm.json", "arrays.safetensors", "SHA256SUMS"
Arm = TypeVar("Arm", bound=Recommender | Reranker)


@dataclass(frozen=True)
class ArmItems:
    """What all arms of a run have in common, and none writes: the catalogue, and the item vectors by name.

    Digests are computed once for all arms that are saved or loaded with it.
    """

    catalogue: Catalogue
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @cached_property
    def catalogue_digest(self) -> str:
        """SHA-256 of the item ids in their order: an arm's rows are items by their place."""
        return hashlib.sha256(json.dumps(self.catalogue.ids).encode()).hexdigest()

    @cached_property
    def digests(self) -> dict[str, str]:
        return {name: digest_of(vectors) for name, vectors in self.vectors.items()}

    def name_of(self, array: NDArray[Any]) -> str | None:
        """The name of the item vectors that have the content of ``array``; None where it is the arm's own."""
        alike = [name for name, one in self.vectors.items() if one.shape == array.shape and one.dtype == array.dtype]
        digest = digest_of(array) if alike else ""
        return next((name for name in alike if self.digests[name] == digest), None)


class VectorsOfRun(BaseModel):
    """Item vectors that a saved arm refers to."""

    model_config = ConfigDict(extra="forbid")

    name: str
    sha256: str


class Description(BaseModel):
    """arm.json."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[3]
    arm: str
    type: str
    catalogue: str
    vectors: dict[str, VectorsOfRun]
    """By the name of the arm's array."""
    by_columns: list[str]
    """Arrays that lay in memory column by column and are stored transposed: a product of matrices may round otherwise in the other order."""
    numbers: dict[str, Any]


def save_arm(arm: Recommender | Reranker, folder: Path, *, name: str, items: ArmItems) -> None:
    """Writes a fitted arm, in one step in the place of what is in ``folder``. ``name`` is the arm's in the run.

    A reranker that learns is saved in the same way.

    An array with the content of one of the run's item vectors is not written: its name and digest are. Raises SavedArmError for an
    arm that gives no state, or one of other things than numbers.
    """
    if not isinstance(arm, Saveable):
        raise SavedArmError(not_saveable(name, arm))
    state = arm.state()
    for key, array in state.arrays.items():
        if array.dtype.kind not in "biuf":
            raise SavedArmError(
                f"arm {name!r}: its state has the array {key!r} of type {array.dtype}. Give numbers in arrays, and texts among numbers."
            )
    names = {key: items.name_of(array) for key, array in state.arrays.items()}
    arrays = {key: array for key, array in state.arrays.items() if names[key] is None}
    by_columns = [key for key, array in arrays.items() if array.flags.f_contiguous and not array.flags.c_contiguous]
    description = Description(
        format=FORMAT,
        arm=name,
        type=type(arm).__name__,
        catalogue=items.catalogue_digest,
        vectors={
            key: VectorsOfRun(name=shared, sha256=items.digests[shared])
            for key, shared in names.items()
            if shared is not None
        },
        by_columns=by_columns,
        numbers=dict(state.numbers),
    )
    with replacing_folder(folder) as draft:
        (draft / DESCRIPTION).write_bytes(_json(description, name))
        in_order = {key: array.T if key in by_columns else array for key, array in arrays.items()}
        save_file({key: np.asarray(array, order="C") for key, array in in_order.items()}, draft / ARRAYS)
        (draft / SUMS).write_bytes(_sums(draft))


def not_saveable(name: str, arm: object) -> str:
    """What is said of an arm that is no :class:`~recsat.Saveable`."""
    return (
        f"arm {name!r}: {type(arm).__name__} cannot be saved, for it has no state() and restore(). Write both (see recsat.Saveable), "
        "or leave the arm out."
    )


def load_arm(arm: Arm, folder: Path, *, name: str, items: ArmItems) -> Arm:
    """``arm`` as the one that :func:`save_arm` wrote to ``folder`` was: scores and reasons are the same, bit for bit on the same machine.

    ``arm`` is a new one of the same class, not fitted, with whatever parameters; ``items`` must be those that it was saved with.
    Raises SavedArmError where the folder is none of a saved arm, is damaged, has another format, or holds another arm or one of
    another catalogue or other item vectors.
    """
    if not isinstance(arm, Saveable):
        raise SavedArmError(f"arm {name!r}: {type(arm).__name__} has no restore(). Write it (see recsat.Saveable).")
    description = read_description(folder)
    expected = name, type(arm).__name__
    if (description.arm, description.type) != expected:
        raise SavedArmError(
            f"{folder} holds the arm {description.arm!r} ({description.type}), not {name!r} ({expected[1]}). Name the folder of that arm."
        )
    if description.catalogue != items.catalogue_digest:
        raise SavedArmError(
            f"{folder}: arm {name!r} was fitted on another catalogue, or one in another order. Load it with the items it was saved with, or fit it anew."
        )
    arrays = dict(_arrays(folder))
    arrays |= {key: _vectors(folder, one, items) for key, one in description.vectors.items()}
    try:
        arrays |= {key: arrays[key].T for key in description.by_columns}
        return arm.restore(ArmState(arrays, description.numbers))
    except KeyError as error:
        raise SavedArmError(
            f"{folder}: {type(arm).__name__} misses {error} in what was saved. Another version of the arm wrote it: fit it anew."
        ) from error


def read_description(folder: Path) -> Description:
    """What is saved in ``folder``, its arrays unread but for their digest; raises SavedArmError as :func:`load_arm` does."""
    missing = [name for name in (DESCRIPTION, ARRAYS, SUMS) if not (folder / name).is_file()]
    if missing:
        raise SavedArmError(
            f"{folder} is no saved arm: it has no {missing[0]}. Name a folder of save_arm, or save the arm."
        )
    if (folder / SUMS).read_bytes() != _sums(folder):
        raise SavedArmError(
            f"{folder} is damaged: its files are not those of its {SUMS}. Copy it again, or fit the arm anew."
        )
    try:
        content = json.loads((folder / DESCRIPTION).read_bytes())
        if content["format"] != FORMAT:
            raise SavedArmError(
                f"{folder} has format {content['format']!r}, and this recsat reads {FORMAT}. Install the recsat that wrote it, or fit the arm anew."
            )
        return Description.model_validate(content)
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise SavedArmError(
            f"{folder} is no saved arm: its {DESCRIPTION} is not one of recsat's. Name a folder of save_arm."
        ) from error


def digest_of(array: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and numbers, whatever its order in memory."""
    head = f"{array.dtype.newbyteorder('<').str} {array.shape}\n".encode()
    numbers = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    digest = hashlib.sha256(head)
    digest.update(numbers.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _json(description: Description, name: str) -> bytes:
    try:
        return json.dumps(description.model_dump(), allow_nan=False, ensure_ascii=False, indent=1).encode()
    except (TypeError, ValueError) as error:
        raise SavedArmError(
            f"arm {name!r}: the numbers of its state are no JSON ({error}). Give what is no plain number as an array."
        ) from error


def _sums(folder: Path) -> bytes:
    return "".join(f"{sha256_of(folder / name)}  {name}\n" for name in (DESCRIPTION, ARRAYS)).encode()


def _arrays(folder: Path) -> Mapping[str, NDArray[Any]]:
    try:
        arrays: Mapping[str, NDArray[Any]] = load_file(folder / ARRAYS)
        return arrays
    except SafetensorError as error:
        raise SavedArmError(
            f"{folder} is no saved arm: {ARRAYS} cannot be read ({error}). Name a folder of save_arm."
        ) from error


def _vectors(folder: Path, reference: VectorsOfRun, items: ArmItems) -> NDArray[np.float32]:
    if items.digests.get(reference.name) != reference.sha256:
        which = "are others than" if reference.name in items.vectors else "are missing, and are among"
        raise SavedArmError(
            f"{folder}: the item vectors {reference.name!r} {which} those that the arm was fitted on. Load it with the vectors of its run, or fit it anew."
        )
    return items.vectors[reference.name]
