from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsat.embed.centre import centre, drift, subtract_mean
from recsat.errors import DataError

vector_tables = arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(2, 8)),
    elements=st.floats(-1, 1, width=32, allow_subnormal=False),
)


def test_worked_by_hand() -> None:
    vectors, mean = centre(np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8]], dtype=np.float32))
    np.testing.assert_allclose(mean, [0.65, 0.45], rtol=1e-6)
    moved = np.array([[0.35, -0.45], [-0.65, 0.55], [0.35, -0.45], [-0.05, 0.35]])
    np.testing.assert_allclose(vectors, moved / np.linalg.norm(moved, axis=1, keepdims=True), rtol=1e-5)
    assert vectors.dtype == mean.dtype == np.float32


def test_a_zero_row_does_not_count_in_the_mean_and_stays_zero() -> None:
    table = np.array([[1, 0], [0, 0], [0, 1]], dtype=np.float32)
    vectors, mean = centre(table)
    np.testing.assert_array_equal(mean, [0.5, 0.5])
    np.testing.assert_array_equal(vectors[1], [0, 0])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(vectors[[0, 2]], [[half, -half], [-half, half]], rtol=1e-6)


def test_a_row_that_equals_the_mean_becomes_zero_and_not_blown_up_noise() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=384)
    same = np.tile((one / np.linalg.norm(one)).astype(np.float32), (7, 1))
    vectors, _ = centre(same)
    np.testing.assert_array_equal(vectors, np.zeros((7, 384), dtype=np.float32))


@given(vector_tables)
def test_rows_are_unit_or_zero_and_the_input_is_untouched(table: np.ndarray) -> None:
    before = table.copy()
    vectors, mean = centre(table)
    norms = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(norms - 1) < 1e-5) | (norms == 0))
    np.testing.assert_array_equal(table, before)
    np.testing.assert_array_equal(vectors, subtract_mean(table, mean))


def test_a_value_that_is_not_finite_is_an_error_that_names_the_row() -> None:
    with pytest.raises(DataError, match=r"row 1: not finite \(1 rows"):
        centre(np.array([[1, 0], [np.nan, 0]], dtype=np.float32))
    with pytest.raises(DataError, match="shape"):
        centre(np.ones(3, dtype=np.float32))


def test_an_empty_table_stays_empty() -> None:
    vectors, mean = centre(np.empty((0, 4), dtype=np.float32))
    assert vectors.shape == (0, 4)
    np.testing.assert_array_equal(mean, np.zeros(4))


def test_drift_is_a_distance_in_units_of_the_spread() -> None:
    vectors = np.array(
        [[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0]], dtype=np.float32
    )  # spread 1, the zero row counts for nothing
    mean = np.zeros(2, dtype=np.float32)
    assert drift(mean, mean, vectors) == 0
    assert drift(np.array([0.3, 0.4], dtype=np.float32), mean, vectors) == pytest.approx(0.5)
    assert drift(np.array([0.3, 0.4], dtype=np.float32), mean, 2 * vectors) == pytest.approx(0.25)
    assert drift(mean, mean, np.zeros((3, 2), dtype=np.float32)) == 0
    with pytest.raises(DataError, match="means of one encoder"):
        drift(np.zeros(3, dtype=np.float32), mean, vectors)
