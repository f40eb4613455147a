"""Smaller vectors: fewer bits a number, or fewer numbers. Light: no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsat.embed.fusion import unit_length
from recsat.errors import DataError


@dataclass(frozen=True)
class Int8Vectors:
    """Rows as 8-bit integers and one scale each: ``codes`` int8 (n, d), ``scales`` float32 (n,); d + 4 bytes a row."""

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.scales.nbytes

    def __len__(self) -> int:
        return len(self.codes)

    def decoded(self, rows: slice = slice(None)) -> NDArray[np.float32]:
        """The rows as float32, each number within half a scale of what it was."""
        return self.codes[rows].astype(np.float32) * self.scales[rows, None]


def int8(vectors: NDArray[np.float32]) -> Int8Vectors:
    r"""Symmetric rounding, row by row.

    .. math:: s_i = \max_j |v_{ij}| / 127, \qquad c_{ij} = \operatorname{round}(v_{ij} / s_i)

    A zero row stays zero. Raises DataError where a number is not finite.
    """
    _check(vectors)
    scales = (np.abs(vectors).max(axis=1, initial=0.0) / 127).astype(np.float32)
    divisor = np.where(scales > 0, scales, 1.0)[:, None]
    return Int8Vectors(np.rint(vectors / divisor).clip(-127, 127).astype(np.int8), scales)


@dataclass(frozen=True)
class Projection:
    """Onto a few directions: ``directions`` (D, d), orthonormal columns. Items and queries go through the same one."""

    directions: NDArray[np.float32]

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, d) float32, unit length; zero rows stay zero."""
        return unit_length(np.asarray(vectors @ self.directions, dtype=np.float32))


def principal(vectors: NDArray[np.float32], dimension: int) -> Projection:
    r"""The ``dimension`` directions that keep most of the inner products: eigenvectors of :math:`V^\top V`.

    Of all projections of that rank it changes the matrix of inner products least (Eckart and Young, 1936). With the
    catalogue mean subtracted before, as ``text`` vectors have it, this is principal component analysis.
    """
    _check(vectors)
    _check_dimension(vectors, dimension)
    wide = vectors.astype(np.float64)
    _, eigenvectors = np.linalg.eigh(wide.T @ wide)
    return Projection(np.ascontiguousarray(eigenvectors[:, ::-1][:, :dimension], dtype=np.float32))


def truncated(vectors: NDArray[np.float32], dimension: int) -> Projection:
    """The first ``dimension`` numbers: for encoders that were trained to put the most there (Kusupati et al., NeurIPS 2022)."""
    _check_dimension(vectors, dimension)
    return Projection(np.eye(vectors.shape[1], dimension, dtype=np.float32))


def _check_dimension(vectors: NDArray[np.float32], dimension: int) -> None:
    if not 1 <= dimension <= vectors.shape[1]:
        raise DataError(f"cannot make {dimension} numbers of {vectors.shape[1]}: give 1 to {vectors.shape[1]}.")


def _check(vectors: NDArray[np.float32]) -> None:
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        raise DataError(f"vectors, row {int(bad.argmax())}: not finite ({int(bad.sum())} rows in all).")
