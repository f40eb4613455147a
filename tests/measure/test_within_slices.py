"""The verdict's pair within slices: contrasts against closed forms, Simpson's paradox told, and silence where slices are alike."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from recsat.config.settings import MeasureSettings
from recsat.measure.differences import detectable
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.significance import false_discovery, sign_flip_test
from recsat.measure.user_values import UserValues
from recsat.measure.within_slices import compared_within, contrast, within_slices
from recsat.result.model import Comparison, WithinSlices

SETTINGS = MeasureSettings(n_bootstrap=200)
PAIR = Comparison(
    arm="a", other="b", measure="ndcg@5", mean=0.2, low=None, high=None, p_adjusted=1, n_users=200, outcome="better"
)
USERS = [f"u{i:03}" for i in range(200)]


def column(values: np.ndarray, rows: slice, n: int = 200) -> np.ndarray:
    padded = np.full((n, 1), np.nan)
    padded[rows, 0] = values
    return padded


def test_slices_of_users_are_compared_as_welch_does() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.2, 1, 60), rng.normal(0, 0.3, 140)
    compared = contrast(column(few, slice(0, 60)), column(many, slice(60, 200)))
    assert compared is not None
    welch = stats.ttest_ind(few, many, equal_var=False)
    assert compared.mean == pytest.approx(few.mean() - many.mean())
    assert compared.mean / compared.error == pytest.approx(welch.statistic)
    assert compared.freedom == 59


def test_slices_of_items_are_compared_on_the_same_users() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(0, 1, (200, 1))
    second = first + rng.normal(0.05, 0.1, (200, 1))  # nearly alike, user by user
    compared = contrast(first, second)
    paired = stats.ttest_rel(first[:, 0], second[:, 0])
    assert compared is not None
    assert compared.mean / compared.error == pytest.approx(paired.statistic)
    assert compared.p == pytest.approx(paired.pvalue)


def test_draws_that_differ_are_counted() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(0, 1, (200, 5)), rng.normal(0, 1, (200, 5)) + rng.normal(0, 1, (1, 5))
    compared = contrast(first, second)
    assert compared is not None
    by_draw = first.mean(axis=0) - second.mean(axis=0)
    assert compared.mean == pytest.approx(by_draw.mean())
    assert compared.error > by_draw.std(ddof=1) / 5**0.5
    assert 4 <= compared.freedom < 5


@pytest.mark.parametrize("nothing", [np.zeros((10, 1)), np.full((10, 1), np.nan)])
def test_where_nothing_differs_there_is_no_contrast(nothing: np.ndarray) -> None:
    assert contrast(np.zeros((10, 1)), nothing) is None


def judged(by_slice: dict[str, dict[str, float]]) -> WithinSlices:
    """The pair (a, b) where b has 0 everywhere and a has these values."""
    rows = [
        (arm, part, "ndcg@5", 1, user, value if arm == "a" else 0.0)
        for part, values in by_slice.items()
        for user, value in values.items()
        for arm in ("a", "b")
    ]
    schema = ["arm", "slice", "measure", "draw", "user_id", "value"]
    per_user = pl.DataFrame(rows, schema=schema, orient="row", schema_overrides={"draw": pl.Int64})
    evaluated = EvaluatedSplit(
        split="s", k=5, values=UserValues.of_table(per_user), arms=[], measures=[], not_measured=[]
    )
    mean = float(np.mean(list(by_slice["all"].values())))
    pair = Comparison(
        arm="a",
        other="b",
        measure="ndcg@5",
        mean=mean,
        low=None,
        high=None,
        p_adjusted=1,
        n_users=200,
        outcome="better",
    )
    return within_slices(evaluated, pair, settings=SETTINGS, seed=0)


def split_in_two(values: np.ndarray, n_cold: int = 60) -> dict[str, dict[str, float]]:
    whole = dict(zip(USERS, values.tolist(), strict=True))
    return {
        "all": whole,
        "cold users": {user: whole[user] for user in USERS[:n_cold]},
        "warm users": {user: whole[user] for user in USERS[n_cold:]},
    }


def test_a_gain_that_is_a_loss_of_some_is_told() -> None:
    values = np.random.default_rng(3).normal(0, 0.2, 200)
    values[:60] -= 0.3
    values[60:] += 0.3
    result = judged(split_in_two(values))
    assert {one.slice: one.n_users for one in result.slices} == {"cold users": 60, "warm users": 140}
    assert result.reversed == ["cold users"]
    (users,) = result.contrasts
    assert (users.first, users.second) == ("cold users", "warm users")
    assert users.mean == pytest.approx(values[:60].mean() - values[60:].mean())
    assert result.differ


def alarms(p_of_slices: int) -> list[str]:
    """The pair gains overall, and one slice of so many is behind with p of about .03."""
    rng = np.random.default_rng(5)
    behind = rng.normal(0, 0.2, 60)
    behind += -0.056 - behind.mean()  # 2.2 standard errors
    names = [f"slice {i}" for i in range(p_of_slices)]
    differences = {name: column(rng.normal(0.02, 0.2, 60), slice(60, 120)) for name in names[1:]}
    differences[names[0]] = column(behind, slice(0, 60))
    result = compared_within("s", PAIR, differences, [names], settings=SETTINGS, seed=0)
    (first,) = [one for one in result.slices if one.slice == names[0]]
    assert first.high is not None
    assert first.high < 0  # the interval, which is not corrected, leaves out zero
    return result.reversed


def test_the_alarm_of_the_other_sign_pays_for_every_slice_that_was_looked_at() -> None:
    assert alarms(1) == ["slice 0"]
    assert alarms(4) == []


def test_slices_and_contrasts_say_what_they_could_have_shown_and_pay_by_the_false_discovery_rate() -> None:
    values = np.random.default_rng(6).normal(0.04, 0.2, 200)
    result = judged(split_in_two(values))
    raw = np.array([sign_flip_test(part[:, None])[0] for part in (values[:60], values[60:])])
    assert [one.p_adjusted for one in result.slices] == pytest.approx(false_discovery(raw))
    assert [one.detectable for one in result.slices] == pytest.approx(
        [detectable(part[:, None], confidence=0.95)[0] for part in (values[:60], values[60:])]
    )
    (users,) = result.contrasts
    compared = contrast(column(values[:60], slice(0, 60)), column(values[60:], slice(60, 200)))
    assert compared is not None
    quantiles = stats.t.ppf(0.975, 59) + stats.t.ppf(0.8, 59)
    assert users.detectable == pytest.approx(quantiles * compared.error)
    assert compared.detectable(0.95, 3) == pytest.approx(
        (stats.t.ppf(1 - 0.05 / 6, 59) + stats.t.ppf(0.8, 59)) * compared.error
    )


def test_a_slice_of_few_users_is_not_compared() -> None:
    result = judged(split_in_two(np.random.default_rng(3).normal(0.3, 0.2, 200), n_cold=29))
    assert [one.slice for one in result.slices] == ["warm users"]
    assert (result.contrasts, result.differ, result.reversed) == ([], False, [])


def test_slices_that_are_alike_are_silent() -> None:
    """400 worlds of skewed values, most of which are 0."""
    rng = np.random.default_rng(4)
    n_shown = 0
    for _ in range(400):
        values = rng.exponential(0.3, 200) * (rng.random(200) < 0.4) * rng.choice([-1, 1], 200)
        compared = contrast(column(values[:60], slice(0, 60)), column(values[60:], slice(60, 200)))
        assert compared is not None
        n_shown += compared.p <= 0.05
    assert n_shown <= 400 * 0.08
