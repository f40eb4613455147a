"""Inverses of symmetric positive definite matrices, in their own memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import spotrf, spotri

BLOCK = 128


def invert_in_place(A: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of the symmetric positive definite ``A``, C-contiguous (n, n), in the place of ``A``; n³ multiplications by LAPACK's Cholesky.

    Raises LinAlgError, with ``A`` destroyed, where it is not positive definite in float32.
    """
    # A's transpose is A, in the order of columns that LAPACK works on without a copy.
    columns, failed = spotrf(A.T, lower=1, overwrite_a=1, clean=0)
    if not failed:
        columns, failed = spotri(columns, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite in float32")
    inverse: NDArray[np.float32] = columns.T
    _mirror(inverse)
    return inverse


def _mirror(A: NDArray[np.float32]) -> None:
    """Copies what is above the diagonal below it."""
    starts = range(0, len(A), BLOCK)
    for start in starts:
        rows = slice(start, start + BLOCK)
        for first in starts[: start // BLOCK]:  # tiles, or every cell would be another line of the cache
            columns = slice(first, first + BLOCK)
            A[rows, columns] = A[columns, rows].T
        corner = np.triu(A[rows, rows])
        A[rows, rows] = corner + np.triu(corner, 1).T
