"""A spread that is rounding alone is none."""

from __future__ import annotations

import numpy as np
import pytest

from recsat.measure.scale import scale_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.6931472, -17.3, 3e-8, 123_456.7])
def test_equal_numbers_are_left_as_they_are(value: float, dtype: type[np.floating]) -> None:
    numbers = np.full(100_003, value, dtype=dtype)
    assert scale_of(numbers.std(), numbers.mean()) == 1.0


def test_a_spread_that_is_one_is_kept_however_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((1_000, 3)) * [1e-9, 2.0, 30.0] + [0.0, 1_000.0, -1e5]
    assert scale_of(numbers.std(axis=0), numbers.mean(axis=0)) == pytest.approx(numbers.std(axis=0))


def test_what_is_not_finite_divides_nothing() -> None:
    assert scale_of([np.nan, np.inf], [0.0, 0.0]).tolist() == [1.0, 1.0]
