from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from recsat.errors import DataError
from recsat.experiment import Design, deviation_of_rates, mean_effect, power_of, smallest_effect, users_needed


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.2, 1.5])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_equal_to_statsmodels(effect: float, share: float) -> None:
    design = Design(deviation=2.0, share=share, power=0.9, confidence=0.99)
    n_control = TTestIndPower().solve_power(effect / 2.0, alpha=0.01, power=0.9, ratio=share / (1 - share))
    assert users_needed(design, effect) == pytest.approx(n_control / (1 - share), abs=2)


@pytest.mark.parametrize("n", [100, 600, 5000, 50_000])
def test_the_smallest_effect_is_that_of_statsmodels(n: int) -> None:
    effect = smallest_effect(Design(deviation=3.0), 2 * n)
    assert effect / 3 == pytest.approx(TTestIndPower().solve_power(nobs1=n, alpha=0.05, power=0.8), rel=1e-4)


def test_power_of_few_users() -> None:
    assert power_of(Design(deviation=1.0), 2.0, 8) == pytest.approx(TTestIndPower().power(2.0, 4, 0.05), abs=1e-9)


def test_there_and_back() -> None:
    design = Design(deviation=2.0, correlation=0.6)
    users = users_needed(design, 0.25)
    assert power_of(design, 0.25, users) >= 0.8 > power_of(design, 0.25, users - 2)
    assert smallest_effect(design, users) == pytest.approx(0.25, rel=1e-3)
    assert users_needed(design, -0.25) == users
    assert users == pytest.approx(0.64 * users_needed(Design(deviation=2.0), 0.25), rel=0.01)


def test_rates_ask_of_the_difference_of_rates() -> None:
    deviation = deviation_of_rates(0.05, 0.055)
    assert deviation**2 == pytest.approx((0.05 * 0.95 + 0.055 * 0.945) / 2)
    assert users_needed(Design(deviation=deviation), 0.005) / 2 == pytest.approx(31_234, rel=1e-3)  # (z + z)² 2 s² / d²


def test_the_planned_users_show_the_effect() -> None:
    design, rng = Design(deviation=1.0, share=0.25), np.random.default_rng(4)
    users = users_needed(design, 0.5)
    n = round(users * 0.25)
    p = [mean_effect(rng.normal(size=users - n), rng.normal(0.5, 1, n)).p for _ in range(2000)]
    assert 0.77 <= np.mean([value is not None and value < 0.05 for value in p]) <= 0.83


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"deviation": 0.0}, "deviation: 0 must be above 0"),
        ({"share": 1.0}, "share: 1 must lie between 0 and 1"),
        ({"power": 0.3}, r"power: 0\.3 must lie between 0\.5 and 1"),
        ({"correlation": 1.0}, "correlation: 1 must lie"),
    ],
)
def test_no_design(settings: dict[str, float], match: str) -> None:
    with pytest.raises(DataError, match=match):
        Design(**{"deviation": 1.0, **settings})


def test_no_plan() -> None:
    design = Design(deviation=1.0)
    with pytest.raises(DataError, match="no difference that could be shown"):
        users_needed(design, 0.0)
    with pytest.raises(DataError, match="so large that 2 users"):
        users_needed(design, 100.0)
    with pytest.raises(DataError, match="more than 1e\\+12 users"):
        users_needed(design, 1e-7)
    with pytest.raises(DataError, match="fewer than 2"):
        smallest_effect(design, 3)
    with pytest.raises(DataError, match=r"rate: 1\.2 must lie"):
        deviation_of_rates(0.9, 1.2)
