from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recsat.errors import DataError
from recsat.experiment import imbalance, sample_ratio_p
from recsat.experiment.checks import MISMATCH


def test_two_groups_are_tested_exactly() -> None:
    p = sample_ratio_p({"a": 7, "b": 3}, {"a": 1, "b": 1})
    assert p == pytest.approx(2 * (1 + 10 + 45 + 120) / 1024, abs=1e-12)


def test_shares_need_not_be_equal_nor_sum_to_one() -> None:
    for n in (1, 10):
        assert sample_ratio_p({"a": 90 * n, "b": 10 * n}, {"b": 1, "a": 9}) == pytest.approx(1)
    assert sample_ratio_p({"a": 900, "b": 100}, {"a": 1, "b": 1}) < MISMATCH


def test_three_groups_by_chi_square() -> None:
    counts = {"a": 3300, "b": 3400, "c": 3500}
    # (100² + 0 + 100²) / 3400 with two degrees of freedom
    assert sample_ratio_p(counts, dict.fromkeys(counts, 1.0)) == pytest.approx(float(stats.chi2.sf(20000 / 3400, 2)))


def test_shares_of_other_groups_are_refused() -> None:
    with pytest.raises(DataError, match="the log has a, b"):
        sample_ratio_p({"a": 1, "b": 2}, {"a": 1, "c": 1})
    with pytest.raises(DataError, match="each must be a number above 0"):
        sample_ratio_p({"a": 1, "b": 2}, {"a": 1, "b": 0})


def test_groups_that_differed_before() -> None:
    rng = np.random.default_rng(1)
    before, nan = rng.normal(size=200), np.full(3, np.nan)
    alike = imbalance(before, np.append(rng.normal(size=200), nan))
    apart = imbalance(before, before + 1)
    assert alike is not None
    assert apart is not None
    assert alike.n_treatment == 200
    assert (alike.p or 0) > 0.01
    assert (apart.p or 1) < MISMATCH
    assert imbalance(before, nan) is None
