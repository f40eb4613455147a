from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.experiment import confidence_sequence, ratio_confidence_sequence, ratio_effect
from recsat.experiment.sequence import FEWEST_USERS, USERS_BY_SKEWNESS, mixture_reach
from recsat.offpolicy.intervals import ratio_contributions


def test_the_first_look_by_hand() -> None:
    control, treatment = np.tile([0.0, 1.0], 100), np.tile([1.0, 3.0], 100)  # not skewed
    (look,) = confidence_sequence([control], [treatment])
    squared_error = (0.25 + 1) / 199
    half = -2 * np.log(0.05)
    r = 4 / squared_error / (half + np.log(half) + 1)
    reach = np.sqrt(squared_error**2 * (1 / squared_error + r) * np.log((1 / squared_error + r) / (r * 0.05**2)))
    assert look.difference == 1.5
    assert look.n_users == 400
    assert (look.low, look.high) == pytest.approx((1.5 - reach, 1.5 + reach), abs=1e-12)


def test_looks_add_up_and_the_constant_is_that_of_the_start() -> None:
    rng = np.random.default_rng(0)
    control, treatment = rng.normal(size=900), rng.normal(size=900)
    looks = confidence_sequence(np.split(control, 3), np.split(treatment, 3))
    assert [look.n_users for look in looks] == [600, 1200, 1800]
    assert looks[-1].difference == pytest.approx(treatment.mean() - control.mean(), abs=1e-12)
    (alone,) = confidence_sequence([control], [treatment])
    assert looks[-1].high != alone.high
    widths = [look.high - look.low for look in looks if look.high is not None and look.low is not None]
    assert widths == sorted(widths, reverse=True)


def test_nothing_is_said_before_there_are_enough_users_for_the_skewness() -> None:
    rng = np.random.default_rng(1)
    parts = [(rng.random((2, 200)) < 0.1) * rng.exponential(size=(2, 200)) for _ in range(30)]
    looks = confidence_sequence([part[0] for part in parts], [part[1] for part in parts])
    started = [look.low is not None for look in looks]
    first = started.index(True)
    assert first > 0
    assert all(started[first:])

    def skewness(part: int) -> float:
        values = np.concatenate([p[part] for p in parts[: first + 1]])
        return float(((values - values.mean()) ** 3).mean() / values.std() ** 3)

    assert all(200 * (first + 1) >= USERS_BY_SKEWNESS * skewness(part) ** 2 for part in (0, 1))
    few = [np.tile([0.0, 1.0], FEWEST_USERS // 2 - 1)]
    assert confidence_sequence(few, few)[0].low is None


def test_what_has_begun_to_speak_goes_on_though_a_large_value_comes() -> None:
    even, skewed = np.tile([0.0, 1.0], 100), np.append(np.zeros(199), 1000.0)
    first, second = confidence_sequence([even, skewed], [even, even])
    assert first.low is not None
    assert second.low is not None
    assert second.low < first.low


def test_no_spread_says_nothing() -> None:
    same = [np.zeros(500)]
    assert confidence_sequence(same, same)[0].low is None


def test_unequal_numbers_of_looks_are_refused() -> None:
    with pytest.raises(DataError, match="1 of the control and 2"):
        confidence_sequence([np.zeros(3)], [np.zeros(3), np.zeros(3)])


def test_a_look_is_wider_than_an_interval_that_is_looked_at_once() -> None:
    squared_error = np.array(0.01)
    assert mixture_reach(squared_error, 50.0, 0.05) > 1.96 * 0.1


def test_a_ratio_s_sequence_is_that_of_its_linearised_values() -> None:
    rng = np.random.default_rng(5)
    groups = [(rng.poisson(rate, 800).astype(float), rng.poisson(9, 800) + 1.0) for rate in (1.0, 1.2)]
    (look,) = ratio_confidence_sequence(*([group] for group in groups))
    (expected,) = confidence_sequence(*([ratio_contributions(*group)] for group in groups))
    assert (look.n_users, look.difference) == (1600, pytest.approx(expected.difference, abs=1e-12))
    assert (look.low, look.high) == pytest.approx((expected.low, expected.high), abs=1e-10)
    assert look.difference == pytest.approx(ratio_effect(*groups).difference, abs=1e-12)


def test_a_ratio_is_linearised_anew_at_each_look() -> None:
    rng = np.random.default_rng(6)
    parts = [[(rng.poisson(1.0 + day, 300) + 0.0, rng.poisson(9, 300) + 1.0) for day in range(3)] for _ in range(2)]
    last = ratio_confidence_sequence(*parts)[-1]
    so_far = [tuple(np.concatenate(column) for column in zip(*days, strict=True)) for days in parts]
    assert last.difference == pytest.approx(ratio_effect(*so_far).difference, abs=1e-12)
    starts = [ratio_contributions(*days[0]) for days in parts]
    (first,) = confidence_sequence(*([values] for values in starts))
    assert ratio_confidence_sequence(*parts)[0].low == pytest.approx(first.low, abs=1e-10)


def test_a_ratio_that_few_users_decide_starts_late() -> None:
    rng = np.random.default_rng(7)
    views = rng.poisson(9, (2, 2000)) + 1.0
    clicks = (rng.random((2, 2000)) < 0.01) * rng.lognormal(3, 1, (2, 2000))
    groups = [[(a, b)] for a, b in zip(clicks, views, strict=True)]
    assert ratio_confidence_sequence(*groups)[0].low is None
    assert ratio_confidence_sequence(*([(np.minimum(a, 1.0), b)] for ((a, b),) in groups))[0].low is None
    assert ratio_confidence_sequence(*([(b + a.clip(max=1), b)] for ((a, b),) in groups))[0].low is None
