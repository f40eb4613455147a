"""A/A: what is counted is what the verdict would say, it is silent where the rules are right, and it is not where they are broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Reads
from recsat.measure import aa, comparisons
from recsat.measure.aa import Alarms, beyond_chance, compare_families, divide_users, exchange_arms, primaries, welch_p
from recsat.measure.evaluate import EvaluatedSplit, evaluate_split, values_by_arm
from recsat.measure.evidence import Evidence
from recsat.measure.intervals import Intervals
from recsat.measure.leaders import Leaders, leaders_of
from recsat.measure.significance import holm, sign_flip_test
from recsat.measure.user_values import UserValues
from recsat.measure.verdict import verdicts
from recsat.result.model import Comparison

SETTINGS = MeasureSettings(baseline="chance", n_bootstrap=300, worth_having={"ndcg@5": 0.05})
VALIDATION = {"chance": 0.1, "text": 0.4}
SEED = 7
Arm = Callable[..., pl.DataFrame]


@pytest.fixture(scope="module")
def evaluated(world: Evidence, arm: Arm) -> EvaluatedSplit:
    lists = {"chance": arm(0.0), "text": arm(0.4, 3)}
    return evaluate_split(lists, world, metrics={}, settings=SETTINGS, k=5, seed=SEED)


def leaders(evaluated: EvaluatedSplit, model: str = "text") -> Leaders:
    reads: dict[str, Reads] = {arm: "language model" if arm == model else "nothing" for arm in ("chance", "text")}
    return leaders_of(evaluated, VALIDATION, reads, SETTINGS.baseline)


def exchanged(evaluated: EvaluatedSplit, n: int = 200, seed: int = 0) -> Alarms:
    alarms = exchange_arms(evaluated, leaders(evaluated), settings=SETTINGS, n=n, seed=seed, run_seed=SEED)
    assert isinstance(alarms, Alarms)
    return alarms


def with_exchanged(evaluated: EvaluatedSplit, users: list[str]) -> EvaluatedSplit:
    """The values of both arms change places for ``users``."""
    other = pl.col("arm").replace({"chance": "text", "text": "chance"})
    changes = pl.col("user_id").is_in(users)
    per_user = evaluated.per_user.with_columns(pl.when(changes).then(other).otherwise(pl.col("arm")).alias("arm"))
    return replace(evaluated, values=UserValues.of_table(per_user, evaluated.n_draws))


def test_a_family_has_the_outcomes_that_the_verdict_gives_the_same_values(evaluated: EvaluatedSplit) -> None:
    infos = primaries(evaluated)
    assert [info.name for info in infos] == ["ndcg@5", "topic-ild@5"]
    values = {info.name: values_by_arm(evaluated, info.name) for info in infos}
    users = evaluated.per_user["user_id"].unique().sort()
    heads = np.random.default_rng(0).random((len(users), 4)) < np.array([0.0, 0.1, 0.5, 1.0])
    pairs = {
        name: (
            np.where(heads[:, :, None], arms["chance"][:, None], arms["text"][:, None]),
            np.where(heads[:, :, None], arms["text"][:, None], arms["chance"][:, None]),
        )
        for name, arms in values.items()
    }
    families = compare_families(pairs, infos, settings=SETTINGS, seed=SEED)
    dimension_of = {info.name: info.dimension for info in infos}
    by_verdict = [
        {
            one.dimension: one.outcome
            for one in verdicts(
                with_exchanged(evaluated, users.filter(heads[:, f]).to_list()),
                leaders(evaluated),
                settings=SETTINGS,
                seed=SEED,
            ).values()
            if one.outcome != "not measured"
        }
        for f in range(4)
    ]
    assert [{dimension_of[one.measure]: one.outcome for one in family} for family in families] == by_verdict
    assert [outcomes["accuracy"] for outcomes in by_verdict] == ["better", "better", "cannot tell", "worse"]


def test_exchanged_arms_are_silent_and_the_same_seed_gives_the_same_counts(evaluated: EvaluatedSplit) -> None:
    alarms = exchanged(evaluated)
    assert alarms.arms == ("text", "chance")
    assert beyond_chance([alarms]) == []
    low, high = alarms.interval
    assert low <= 0.05 <= high
    assert all(0 < measure.alone <= 0.1 * 200 for measure in alarms.measures)
    assert alarms == exchanged(evaluated)
    assert alarms != exchanged(evaluated, seed=1)


def test_worlds_come_in_batches_that_fit_all_with_the_resamples_of_the_run(
    evaluated: EvaluatedSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    seeds: list[int] = []

    def spied(*arguments: Any, seed: int, **settings: Any) -> list[list[Comparison]]:
        seeds.append(seed)
        return compare_families(*arguments, seed=seed, **settings)

    monkeypatch.setattr(aa, "ENTRIES", 80 * 2 * 30)
    monkeypatch.setattr(aa, "compare_families", spied)
    exchange_arms(evaluated, leaders(evaluated), settings=SETTINGS, n=70, seed=0, run_seed=SEED, advance=sizes.append)
    assert sizes == [30, 30, 10]
    assert seeds == [SEED] * 3


def test_a_broken_rule_is_not_silent(evaluated: EvaluatedSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    """P-values four times too small, and intervals half as wide."""
    intact = comparisons.difference_intervals

    def halved(d: np.ndarray, **settings: Any) -> Intervals:
        intervals = intact(d, **settings)
        half = (intervals.high - intervals.low) / 4
        return replace(intervals, low=intervals.mean - half, high=intervals.mean + half)

    monkeypatch.setattr(comparisons, "sign_flip_test", lambda d: sign_flip_test(d) / 4)
    monkeypatch.setattr(comparisons, "difference_intervals", halved)
    alarms = exchanged(evaluated)
    assert beyond_chance([alarms]) == [alarms]


def test_families_are_corrected_each_by_itself(evaluated: EvaluatedSplit) -> None:
    rng = np.random.default_rng(0)
    infos = [primaries(evaluated)[0].model_copy(update={"name": f"m{i}"}) for i in range(4)]
    pairs = {info.name: (rng.normal(size=(80, 300, 1)), rng.normal(size=(80, 300, 1))) for info in infos}
    corrected, uncorrected = (
        compare_families(pairs, infos, adjust=adjust, settings=SETTINGS, seed=SEED) for adjust in (holm, lambda p: p)
    )
    rates = [
        np.mean([any(one.outcome in aa.DIFFERENT for one in family) for family in families])
        for families in (corrected, uncorrected)
    ]
    assert 0.02 < rates[0] < 0.08 < 0.12 < rates[1]


def test_divided_users_are_silent_and_the_halves_are_all_users(evaluated: EvaluatedSplit) -> None:
    alarms = divide_users(evaluated, "text", settings=SETTINGS, n=400, seed=0)
    assert (alarms.way, alarms.arms, alarms.n) == ("users divided", ("text",), 400)
    assert [measure.n_users for measure in alarms.measures] == [79, 80]  # one of the 80 liked nothing after the cut
    assert beyond_chance([alarms]) == []
    assert all(0.01 * 400 <= measure.alone <= 0.1 * 400 for measure in alarms.measures)


def test_welch_shows_halves_that_do_differ() -> None:
    values = np.repeat([[0.0], [1.0]], 40, axis=0) + np.random.default_rng(0).normal(0, 0.1, (80, 1))
    assert welch_p(values, (np.arange(80) < 40)[None])[0, 0] < 1e-9


def test_welch_is_scipy_s_and_leaves_users_without_a_value_out() -> None:
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=(50, 2))
    values[::7, 1] = np.nan
    in_first = rng.random((3, 50)) < 0.4
    expected = [
        [ttest_ind(column[half], column[~half], equal_var=False, nan_policy="omit").pvalue for column in values.T]
        for half in in_first
    ]
    np.testing.assert_allclose(welch_p(values, in_first), expected, rtol=1e-9)


def test_welch_says_nothing_without_spread_or_with_one_user_in_a_half() -> None:
    halves = np.array([[True, False, False, False], [True, True, False, False]])
    p = welch_p(np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]]), halves)
    assert np.isnan(p).tolist() == [[True, True], [True, False]]


def test_beyond_chance_is_corrected_for_the_number_of_kinds(evaluated: EvaluatedSplit) -> None:
    one = replace(exchanged(evaluated), n=1000, n_alarms=63)  # alone: p = .037
    assert beyond_chance([one]) == [one]
    assert beyond_chance([one] + [replace(one, n_alarms=40)] * 9) == []


def test_where_there_is_no_pair_the_reason_is_handed_back(evaluated: EvaluatedSplit) -> None:
    lack = exchange_arms(evaluated, leaders(evaluated, model="none"), settings=SETTINGS, n=20, seed=0, run_seed=SEED)
    assert lack == "Not measured on warm: no arm with a language model has lists there."
