"""Inverses in their own memory."""

from __future__ import annotations

import numpy as np
import pytest

from recsat.arms.linear import inverse
from recsat.arms.linear.inverse import factor_in_place, invert_in_place, solve_in_place


@pytest.mark.parametrize(("kind", "rtol"), [(np.float32, 1e-3), (np.float64, 1e-9)])
@pytest.mark.parametrize("n", [1, 5, 37])
def test_the_inverse_is_numpys_in_the_memory_and_precision_of_the_matrix(
    n: int, kind: type[np.float32 | np.float64], rtol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverse, "BLOCK", 5)
    root = np.random.default_rng(n).standard_normal((n, 2 * n)).astype(kind)
    A = root @ root.T + np.eye(n, dtype=kind)
    expected = np.linalg.inv(A.astype(np.float64))
    inverted = invert_in_place(A)
    assert np.shares_memory(inverted, A)
    assert inverted.dtype == kind
    np.testing.assert_allclose(inverted, expected, rtol=rtol, atol=rtol / 100)
    np.testing.assert_array_equal(inverted, inverted.T)


def test_what_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite in float32"):
        invert_in_place(-np.eye(3, dtype=np.float32))


def test_a_solution_is_numpys_in_the_memory_of_the_right_hand_side() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((9, 20)).astype(np.float32)
    A = root @ root.T + np.eye(9, dtype=np.float32)
    C = rng.standard_normal((9, 4)).astype(np.float32)
    expected = np.linalg.solve(A.astype(np.float64), C)
    solved = solve_in_place(factor_in_place(A), C)
    assert np.shares_memory(solved, C)
    assert solved.flags.c_contiguous
    np.testing.assert_allclose(solved, expected, rtol=1e-3, atol=1e-5)
