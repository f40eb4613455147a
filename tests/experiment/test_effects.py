from __future__ import annotations

from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
import tea_tasting
from scipy import stats

from recsat.errors import DataError
from recsat.experiment import adjusted_effect, margin_interval, mean_effect, ratio_effect
from recsat.experiment.effects import effective_users, winsorised

CONTROL, TREATMENT = np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0, 8.0])


def test_welch_by_hand() -> None:
    effect = mean_effect(CONTROL, TREATMENT)
    # Variances of the means 1/3 and 14/3/4 = 7/6; their sum 1.5, squared, by (1/9)/2 + (49/36)/3.
    freedom = 2.25 / (1 / 18 + 49 / 108)
    reach = stats.t.ppf(0.975, freedom) * np.sqrt(1.5)
    assert (effect.control, effect.treatment, effect.difference) == (2.0, 5.0, 3.0)
    assert effect.standard_error == pytest.approx(np.sqrt(1.5), abs=1e-12)
    assert (effect.low, effect.high) == pytest.approx((3 - reach, 3 + reach), abs=1e-12)
    assert effect.p == pytest.approx(stats.ttest_ind(TREATMENT, CONTROL, equal_var=False).pvalue, abs=1e-12)


def frame(rng: np.random.Generator) -> pl.DataFrame:
    n = 400
    before = rng.normal(5, 2, n)
    return pl.DataFrame(
        {
            "policy": rng.integers(0, 2, n),
            "before": before,
            "y": 0.6 * before + rng.normal(3, 1, n),
            "clicks": rng.poisson(2, n),
            "views": rng.poisson(9, n) + 1,
        }
    )


@pytest.mark.parametrize("metric", ["mean", "adjusted", "ratio"])
def test_equal_to_a_peer(metric: str) -> None:
    table = frame(np.random.default_rng(3))
    control, treatment = (
        {name: part[name].to_numpy() for name in table.columns}
        for part in (table.filter(policy=0), table.filter(policy=1))
    )
    if metric == "ratio":
        effect = ratio_effect((control["clicks"], control["views"]), (treatment["clicks"], treatment["views"]))
        peer: tea_tasting.metrics.MetricBase[object] = tea_tasting.RatioOfMeans("clicks", "views")
    elif metric == "adjusted":
        effect = adjusted_effect(control["y"], treatment["y"], control["before"], treatment["before"])
        peer = tea_tasting.Mean("y", covariate="before")
    else:
        effect = mean_effect(control["y"], treatment["y"])
        peer = tea_tasting.Mean("y")
    (result,) = tea_tasting.Experiment(metrics={"m": peer}, variant="policy").analyze(table).to_dicts()
    values = (
        effect.difference,
        effect.low,
        effect.high,
        effect.p,
        effect.relative,
        effect.relative_low,
        effect.relative_high,
    )
    names = (
        "effect_size",
        "effect_size_ci_lower",
        "effect_size_ci_upper",
        "pvalue",
        "rel_effect_size",
        "rel_effect_size_ci_lower",
        "rel_effect_size_ci_upper",
    )
    assert values == pytest.approx([result[name] for name in names], rel=1e-8)


def test_a_relative_effect_has_the_sign_of_the_difference_where_the_baseline_is_negative() -> None:
    losses = mean_effect(-np.array([9.0, 10.0, 11.0]), -np.array([4.0, 5.0, 6.0]))
    gains = mean_effect(np.array([9.0, 10.0, 11.0]), np.array([4.0, 5.0, 6.0]))
    assert losses.difference == 5
    assert losses.relative == 0.5
    assert gains.relative == -0.5
    assert gains.relative_low is not None
    assert gains.relative_high is not None
    assert (losses.relative_low, losses.relative_high) == (-gains.relative_high, -gains.relative_low)


def test_no_relative_interval_where_the_baseline_may_be_nothing() -> None:
    effect = mean_effect(np.array([-1.0, 2.0, -1.5, 1.0]), TREATMENT)
    assert effect.low is not None
    assert (effect.relative_low, effect.relative_high) == (None, None)
    assert mean_effect(np.array([-1.0, 1.0]), TREATMENT).relative is None


def test_what_was_before_explains_all() -> None:
    before = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0, 2.0])
    effect = adjusted_effect(2 * before[0], 2 * before[1], *before)
    assert effect.difference == pytest.approx(0, abs=1e-12)
    assert effect.variance_ratio == pytest.approx(0, abs=1e-12)


def test_missing_values_before_are_the_mean_of_those_present_in_both_groups() -> None:
    nan = np.nan
    one = adjusted_effect(CONTROL, TREATMENT, np.array([1.0, nan, 2.0]), np.array([3.0, 2.0, nan, nan]))
    other = adjusted_effect(CONTROL, TREATMENT, np.array([1.0, 2.0, 2.0]), np.array([3.0, 2.0, 2.0, 2.0]))
    assert one == other
    plain = mean_effect(CONTROL, TREATMENT)
    assert adjusted_effect(CONTROL, TREATMENT, np.full(3, nan), np.full(4, nan)) == plain
    assert adjusted_effect(CONTROL, TREATMENT, np.ones(3), np.ones(4)) == plain


def test_users_are_the_units_of_a_ratio() -> None:
    rng = np.random.default_rng(0)
    clicks, views = rng.poisson(1, 50).astype(float), rng.poisson(5, 50) + 1.0
    other = rng.poisson(1, 60).astype(float), rng.poisson(5, 60) + 1.0
    effect = ratio_effect((clicks, views), other)
    assert effect.control == pytest.approx(clicks.sum() / views.sum(), abs=1e-12)
    tenfold = ratio_effect((clicks * 10, views * 10), (other[0] * 10, other[1] * 10))
    assert asdict(tenfold) == pytest.approx(asdict(effect))
    with pytest.raises(DataError, match="not all 0"):
        ratio_effect((np.zeros(3), np.zeros(3)), other)
    with pytest.raises(DataError, match="3 numerators and 2 denominators"):
        ratio_effect((np.zeros(3), np.ones(2)), other)


def test_without_spread_nothing_can_be_said() -> None:
    effect = mean_effect(np.ones(5), np.full(6, 2.0))
    assert (effect.difference, effect.low, effect.p) == (1.0, None, None)
    assert margin_interval(effect, 0.1) is None


def test_a_margin_is_a_share_of_the_controls_mean() -> None:
    effect = mean_effect(CONTROL, TREATMENT)
    assert effect.low is not None
    assert effect.high is not None
    assert margin_interval(effect, 0.0) == pytest.approx((effect.low, effect.high))
    scaled = mean_effect(0.9 * CONTROL, TREATMENT)
    assert margin_interval(effect, 0.1) == pytest.approx((scaled.low, scaled.high))
    more_is_worse = mean_effect(-1.1 * CONTROL, -TREATMENT)
    assert margin_interval(effect, 0.1, better="lower") == pytest.approx((more_is_worse.low, more_is_worse.high))
    negative = mean_effect(-CONTROL, TREATMENT)
    scaled = mean_effect(-1.1 * CONTROL, TREATMENT)
    assert margin_interval(negative, 0.1) == pytest.approx((scaled.low, scaled.high))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="control: 1 users"):
        mean_effect(np.ones(1), TREATMENT)
    with pytest.raises(DataError, match="treatment: value 1 is not finite"):
        mean_effect(CONTROL, np.array([1.0, np.nan]))
    with pytest.raises(DataError, match="control: 2 values before and 3 after"):
        adjusted_effect(CONTROL, TREATMENT, np.ones(2), np.ones(4))


def test_few_users_may_carry_a_mean() -> None:
    assert effective_users(np.array([1.0, 1.0, 1.0, 1.0])) == 4
    assert effective_users(np.array([0.0, 0.0, 5.0])) == 1
    assert effective_users(np.zeros(3)) == 0
    assert winsorised(np.array([1.0, 9.0]), 5).tolist() == [1.0, 5.0]


def test_false_alarms_of_normal_and_of_zero_inflated_values() -> None:
    rng = np.random.default_rng(8)
    for draw in (
        lambda n: rng.normal(size=n),
        lambda n: (rng.random(n) < 0.1) * rng.exponential(size=n),
    ):
        p = [mean_effect(draw(300), draw(300)).p for _ in range(1500)]
        alarms = float(np.mean([value is not None and value < 0.05 for value in p]))
        assert 0.035 <= alarms <= 0.065
