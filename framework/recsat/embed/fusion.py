"""Vectors of several kinds for one item, such as of its text and of its picture, put together late. Light: no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from recsat.embed.centre import centre
from recsat.errors import DataError

TEXT_NAMES = (
    "raw",
    "text",
    "words-raw",
    "words",
    "permuted-raw",
    "permuted",
    "masked-raw",
    "masked",
)
"""Vectors of the items' texts, by whatever reads them."""
NAME = re.compile(r"[a-z][a-z0-9_-]*")


def ready_vectors(
    matrices: Mapping[str, NDArray[np.float32]], n_items: int, source: str
) -> dict[str, NDArray[np.float32]]:
    """Vectors that came ready, made as the texts' are: float32, catalogue mean subtracted, unit length.

    ``matrices`` has an (n_items, d) array for each name; a zero row says that the item has none, and stays zero. Raises
    DataError, naming ``source``, for a name that is taken or odd, a wrong shape and values that are not finite.
    """
    vectors = {}
    for name, matrix in matrices.items():
        if name in TEXT_NAMES or not NAME.fullmatch(name):
            raise DataError(
                f"{source} gives vectors named {name!r}. Use lower-case letters, digits, - and _, and neither of {', '.join(TEXT_NAMES)}."
            )
        array = np.asarray(matrix)
        if array.ndim != 2 or len(array) != n_items or array.dtype.kind not in "fiu":
            raise DataError(
                f"{source} gives {name!r} vectors of shape {array.shape} and type {array.dtype} for {n_items} items. "
                "Give numbers, one row for each item, in the order of items; a row of zeros where an item has none."
            )
        floats = array.astype(np.float32)
        bad = ~np.isfinite(floats).all(axis=1)
        if bad.any():
            raise DataError(
                f"{source}, {name!r} vectors, row {int(bad.argmax())}: not finite ({int(bad.sum())} rows in all). "
                "Give a row of zeros where an item has no vector."
            )
        vectors[name], _ = centre(unit_length(floats))
    return vectors


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their norms; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit


def fuse(vectors: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]) -> NDArray[np.float32]:
    r"""Unit-length rows whose inner products are the weighted means of the modalities' cosines, (n, Σ d).

    .. math:: e_i = [\sqrt{w_1}\, e_i^1, \dots, \sqrt{w_m}\, e_i^m], \qquad
              e_i^\top e_j = \sum_m w_m \cos(e_i^m, e_j^m), \quad \sum_m w_m = 1

    So this is late fusion: the modalities' scores are added, not their contents. An item without one of them has a zero
    row there; its other parts are made longer, so that it is not ranked last for what is missing. Modalities of weight 0
    are left out; one with a weight and without vectors raises DataError.
    """
    missing = sorted(set(weights) - set(vectors))
    if missing:
        raise DataError(f"there are no vectors named {missing[0]!r}; there are {', '.join(sorted(vectors))}.")
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise DataError(f"weights are {dict(weights)}: give numbers of at least 0, one of them above.")
    parts = [np.sqrt(weight / total) * vectors[name] for name, weight in weights.items() if weight > 0]
    return unit_length(np.concatenate(parts, axis=1, dtype=np.float32))


def shared_out(names: Iterable[str], text_share: float) -> dict[str, float]:
    """Weights of modalities: ``text_share`` for the text, the rest in equal parts; without others the text has it all."""
    others = [name for name in names if name not in TEXT_NAMES]
    if not others:
        return {"text": 1.0}
    return {"text": text_share, **dict.fromkeys(others, (1 - text_share) / len(others))}
