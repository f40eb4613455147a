"""One draw is compared by the bootstrap and the sign-flip test, several by t over draws and users."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recsat.config.settings import MeasureSettings
from recsat.measure.comparisons import compare, mean_over_draws
from recsat.measure.differences import difference_intervals, effective_users
from recsat.measure.draws import drawn_means
from recsat.measure.significance import sign_flip_test

SETTINGS = MeasureSettings(n_bootstrap=200, confidence=0.9)


def test_one_draw() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, (50, 2))
    compared = compare(values[:, :, None], settings=SETTINGS, seed=3)
    intervals = difference_intervals(values, confidence=0.9, n_bootstrap=200, seed=3)
    assert compared.intervals.low.tolist() == intervals.low.tolist()
    assert compared.p.tolist() == sign_flip_test(values).tolist()
    assert compared.effective_users.tolist() == effective_users(values).tolist()


def test_several_draws() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, (50, 2, 4))
    compared, over_draws = compare(values, settings=SETTINGS, seed=3), drawn_means(values, confidence=0.9)
    assert compared.intervals.high.tolist() == over_draws.intervals.high.tolist()
    assert compared.p.tolist() == over_draws.p.tolist()
    assert compared.effective_users == pytest.approx(effective_users(values.mean(axis=2)))
    # A true mean of that size is shown in four of five: the t beyond its quantile, minus the t of the power.
    shift = compared.detectable / over_draws.error - stats.t.ppf(0.95, over_draws.freedom)
    assert stats.t.cdf(shift, over_draws.freedom) == pytest.approx([0.8, 0.8])


def test_the_mean_over_draws_is_of_those_with_a_value() -> None:
    values = np.array([[[1.0, np.nan, 3.0]], [[np.nan] * 3]])
    assert mean_over_draws(values)[0, 0] == 2.0
    assert np.isnan(mean_over_draws(values)[1, 0])


@pytest.mark.parametrize("n_draws", [1, 4])
def test_beside_others_only_larger_differences_could_be_shown(n_draws: int) -> None:
    values = np.random.default_rng(0).normal(0.1, 1, (50, 1, n_draws))
    alone, of_four = (compare(values, settings=SETTINGS, seed=3, family=family) for family in (1, 4))
    stricter = compare(values, settings=MeasureSettings(n_bootstrap=200, confidence=1 - 0.1 / 4), seed=3)
    assert of_four.detectable[0] == stricter.detectable[0] > alone.detectable[0]
    assert of_four.p == alone.p
    assert of_four.intervals.low == alone.intervals.low
