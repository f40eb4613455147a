"""Inverses of symmetric positive definite matrices, and solutions by them, in their own memory."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import strsm
from scipy.linalg.lapack import get_lapack_funcs

BLOCK = 128
Real = TypeVar("Real", np.float32, np.float64)


def invert_in_place(A: NDArray[Real]) -> NDArray[Real]:
    """The inverse of the symmetric positive definite ``A``, float32 or float64, C-contiguous (n, n), in the place of ``A``; n³ multiplications by LAPACK's Cholesky.

    Raises LinAlgError, with ``A`` destroyed, where it is not positive definite in its precision.
    """
    factor = factor_in_place(A)
    potri: Any = get_lapack_funcs("potri", (factor,))
    columns, failed = potri(factor, lower=1, overwrite_c=1)
    if failed:
        raise _not_positive(A)
    inverse: NDArray[Real] = columns.T
    _mirror(inverse)
    return inverse


def factor_in_place(A: NDArray[Real]) -> NDArray[Real]:
    """L of A = L Lᵀ by columns, in the place of the symmetric ``A``, C-contiguous (n, n); what is above L's diagonal is no zeros. n³ / 3 multiplications.

    Raises LinAlgError, with ``A`` destroyed, where it is not positive definite in its precision.
    """
    potrf: Any = get_lapack_funcs("potrf", (A,))
    # A's transpose is A, in the order of columns that LAPACK works on without a copy.
    factor: NDArray[Real]
    factor, failed = potrf(A.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise _not_positive(A)
    return factor


def _not_positive(A: NDArray[Real]) -> np.linalg.LinAlgError:
    return np.linalg.LinAlgError(f"the matrix is not positive definite in {A.dtype}")


def solve_in_place(factor: NDArray[np.float32], C: NDArray[np.float32]) -> NDArray[np.float32]:
    """A⁻¹ C in the place of ``C``, C-contiguous (n, m), by the ``factor`` of :func:`factor_in_place`; m n² multiplications."""
    # Cᵀ A⁻¹ by columns lies in memory as A⁻¹ C does by rows.
    half = strsm(1.0, factor, C.T, side=1, lower=1, trans_a=1, overwrite_b=1)
    solved: NDArray[np.float32] = strsm(1.0, factor, half, side=1, lower=1, trans_a=0, overwrite_b=1).T
    return solved


def _mirror(A: NDArray[Real]) -> None:
    """Copies what is above the diagonal below it."""
    starts = range(0, len(A), BLOCK)
    for start in starts:
        rows = slice(start, start + BLOCK)
        for first in starts[: start // BLOCK]:  # tiles, or every cell would be another line of the cache
            columns = slice(first, first + BLOCK)
            A[rows, columns] = A[columns, rows].T
        corner = np.triu(A[rows, rows])
        A[rows, rows] = corner + np.triu(corner, 1).T
