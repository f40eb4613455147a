"""Every interval and every test that a report prints, by its own functions, over worlds whose truth is known.

A judge takes a generator, a number of users and a number of worlds, and says of each world, under a name for each statement, whether it holds
(1), does not (0), or was not made (NaN). To add an interval, add a :class:`Case` to a section, or a :class:`Section` to :data:`SECTIONS`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

import numpy as np
import polars as pl
from coverage_worlds import (
    EXCHANGEABLE,
    FEW_GAIN,
    GAIN,
    HITS,
    MONEY,
    NOISY,
    ONE_ARM,
    UNBOUNDED,
    UNEQUAL,
    UNEQUAL_MONEY,
    Bounds,
    OneArm,
    TwoArms,
    Values,
    drawn_lists,
    events_without_order,
    ndcg_like,
    popularity,
)
from experiment import RATIOS, VALUES
from numpy.typing import NDArray
from off_policy import JUDGED, LOGGING, TARGETS, logged
from scipy.stats import t as student

from recsat.config.settings import ExperimentMetric, MeasureSettings
from recsat.contract.domain import Reads
from recsat.experiment import adjusted_effect, mean_effect, ratio_effect, sample_ratio_p
from recsat.experiment.analysis import FEWEST_USERS, guardrail_outcome, outcome_of
from recsat.experiment.checks import MISMATCH, imbalance
from recsat.experiment.effects import Effect
from recsat.experiment.sequence import sequence_of_moments, sequence_of_ratio_moments
from recsat.measure import concentration
from recsat.measure.aa import DIFFERENT, compare_families
from recsat.measure.attribution import attribution
from recsat.measure.behaviour import HABITS
from recsat.measure.differences import detectable, difference_intervals, winsorised
from recsat.measure.discounts import discounts
from recsat.measure.draws import drawn_means
from recsat.measure.evaluate import EvaluatedSplit, _compared, _differences, measures_of
from recsat.measure.exposure import ListedItems
from recsat.measure.fitness import order_p_value
from recsat.measure.intervals import Intervals, bootstrap_intervals
from recsat.measure.kinds import KindsOfDraw, kind_accuracy
from recsat.measure.leaders import leaders_of
from recsat.measure.learning import learning_points
from recsat.measure.measures import bounds_of
from recsat.measure.pooled import Resampling, pooled_difference, pooled_mean
from recsat.measure.score import ALL
from recsat.measure.significance import false_discovery, holm, sign_flip_test
from recsat.measure.slices import OF_ITEMS, OF_USERS
from recsat.measure.user_values import UserValues
from recsat.measure.within_slices import compared_within
from recsat.metrics import click_through_rate
from recsat.offpolicy import DR, IPS, SNIPS, BanditLog, diagnose
from recsat.offpolicy.intervals import PolicyValue, interval_of_difference, user_interval
from recsat.offpolicy.judged import mean_reward, value_of
from recsat.result.model import Comparison, Estimate, MeasureInfo, Share

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))
import logged_lists

from recsat.testing.simulate import make_world

BETTER = (0, 1, 2)
LEVEL, WORTH, TOGETHER, TAIL = 0.05, 0.02, 50, 0.01
SETTINGS = MeasureSettings(baseline="b", worth_having={"ndcg@10": WORTH})
Judged = dict[str, Values]
Judge = Callable[[np.random.Generator, int, int], Judged]
Bar = tuple[float, float]
ANY: Bar = (0.93, 1.0)
ACCURACY: Bar = (0.935, 0.965)
ALARMS: Bar = (0.0, LEVEL)
USUAL: Mapping[int, int] = {50: 2000, 100: 2000, 600: 2000, 5000: 300}
"""Worlds by number of users: so many that the whole page takes ten minutes of two processors."""
SLOW: Mapping[int, int] = {50: 250, 100: 250, 600: 250, 5000: 60}
SLOWEST: Mapping[int, int] = {50: 250, 100: 250, 600: 100, 5000: 30}
OF_GROUPS: Mapping[int, int] = {100: 1500, 200: 1500, 1000: 1500, 5000: 500}
OF_LOOKS: Mapping[int, int] = {50: 2000, 200: 2000, 1000: 2000, 5000: 500}
OF_LOGS: Mapping[int, int] = {50: 200, 200: 200, 1000: 50, 5000: 25}


@dataclass(frozen=True)
class Case:
    """One kind of world; ``bars`` are what the shares of some statements must lie within."""

    world: str
    judge: Judge
    bars: Mapping[str, Bar] = field(default_factory=dict)
    worlds: Mapping[int, int] = field(default_factory=lambda: USUAL)
    limit: str = ""
    """Why a row of it may miss its bar: a limit that is known and that the report speaks of, and no fault."""


@dataclass(frozen=True)
class Section:
    """A table of the page."""

    title: str
    text: str
    cases: Sequence[Case]
    below: str = "too narrow"
    """What is wrong where a share is below its bar."""


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _holds(low: Values, high: Values, truth: Values | float) -> Values:
    """1 where the interval holds ``truth``, NaN where there is none."""
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    return np.where(np.isnan(low) | np.isnan(high), np.nan, (low <= truth) & (truth <= high))


def _in_parts(rng: np.random.Generator, n_worlds: int, part: Callable[[int], Judged]) -> Judged:
    """``part`` of :data:`TOGETHER` worlds at a time, put together."""
    parts = [part(min(TOGETHER, n_worlds - start)) for start in range(0, n_worlds, TOGETHER)]
    return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}


def _means(columns: Values, bounds: Bounds, name: str, seed: int) -> tuple[Values, Values]:
    """Ends of the interval of each column's mean, as the report prints them."""
    keyed = {(str(j), ALL, name): columns[:, j, None] for j in range(columns.shape[1])}
    measures = measures_of(keyed, {name: bounds}, SETTINGS, seed)
    ends = np.array([[one.low, one.high] for one in measures], dtype=np.float64)
    return ends[:, 0], ends[:, 1]


def mean_of_one(world: OneArm, rng: np.random.Generator, n: int, n_worlds: int, *, winsorise: float = 0.0) -> Judged:
    """The interval of one arm's mean; with ``winsorise``, of the mean of the values drawn in as the population's are."""
    truth = _winsorised_mean(world, winsorise) if winsorise else world.mean

    def part(m: int) -> Judged:
        values = world.draw(rng, n, m)
        if winsorise:
            values = np.column_stack([winsorised(one, one, winsorise, world.bounds) for one in values.T])
        return {"holds the mean": _holds(*_means(values, world.bounds, "value", _seed(rng)), truth)}

    return _in_parts(rng, n_worlds, part)


@cache
def _winsorised_mean(world: OneArm, share: float) -> float:
    sample = world.draw(np.random.default_rng(0), 4_000_000, 1)[:, 0]
    return float(winsorised(sample, sample, share, world.bounds).mean())


def mean_difference(
    world: TwoArms, rng: np.random.Generator, n: int, n_worlds: int, *, winsorise: float = 0.0
) -> Judged:
    """The interval of a paired difference and the sign-flip test, and beside them what the report does not print: BCa and plain t."""

    truth = _winsorised_difference(world, winsorise) if winsorise else world.difference

    def part(m: int) -> Judged:
        a, b = world.draw(rng, n, m)
        if winsorise:
            pooled = [_drawn_in(one, other, winsorise) for one, other in zip(a.T, b.T, strict=True)]
            a, b = (np.column_stack(side) for side in zip(*pooled, strict=True))
        d = a - b
        seed = _seed(rng)
        t = difference_intervals(d, confidence=1 - LEVEL, n_bootstrap=SETTINGS.n_bootstrap, seed=seed)
        bca = bootstrap_intervals(d, confidence=1 - LEVEL, n_bootstrap=SETTINGS.n_bootstrap, seed=seed)
        half = student.ppf(1 - LEVEL / 2, n - 1) * d.std(axis=0, ddof=1) / np.sqrt(n)
        p, leaves_out_zero = sign_flip_test(d), (t.low > 0) | (t.high < 0)
        rejects = p <= LEVEL
        there_is_none = np.where(truth == 0, 1.0, np.nan)
        return {
            "holds the difference": _holds(t.low, t.high, truth),
            "p ≤ .05 though none": there_is_none * rejects,
            "sign though none": there_is_none * (rejects & leaves_out_zero),
            "p and interval contradict": 1.0 * (rejects != leaves_out_zero),
            "BCa would hold it": _holds(bca.low, bca.high, truth),
            "plain t would": _holds(d.mean(axis=0) - half, d.mean(axis=0) + half, truth),
        }

    return _in_parts(rng, n_worlds, part)


def _drawn_in(a: Values, b: Values, share: float) -> tuple[Values, Values]:
    pool = np.concatenate([a, b])
    return winsorised(a, pool, share, (0.0, None)), winsorised(b, pool, share, (0.0, None))


@cache
def _winsorised_difference(world: TwoArms, share: float) -> float:
    if world in EXCHANGEABLE:
        return 0.0
    a, b = _drawn_in(*(side[:, 0] for side in world.draw(np.random.default_rng(0), 4_000_000, 1)), share)
    return float(a.mean() - b.mean())


def over_draws(rng: np.random.Generator, n: int, n_worlds: int, *, n_draws: int, of_draws: float) -> Judged:
    """Means over draws of skewed values whose truth is 0."""

    def part(m: int) -> Judged:
        of_users = rng.exponential(0.1, (n, m, 1)) - 0.1
        of_both = rng.exponential(0.2, (n, m, n_draws)) - 0.2
        values = of_users + of_both + rng.normal(0, of_draws, (1, m, n_draws))
        values[rng.random(values.shape) < 0.2] = np.nan
        intervals = drawn_means(values, confidence=1 - LEVEL).intervals
        one = difference_intervals(
            values[:, :, 0], confidence=1 - LEVEL, n_bootstrap=SETTINGS.n_bootstrap, seed=_seed(rng)
        )
        return {
            HOLDS_DRAWS: _holds(intervals.low, intervals.high, 0.0),
            "one draw would": _holds(one.low, one.high, 0.0),
        }

    return _in_parts(rng, n_worlds, part)


CONCENTRATION = {
    "coverage": concentration.coverage_of,
    "entropy": concentration.entropy_of,
    "simpson": concentration.simpson_of,
    "gini": concentration.gini_of,
}
N_ITEMS, K = 300, 10


def of_catalogue(
    rng: np.random.Generator, n: int, n_worlds: int, *, empty: float = 0.0, against: float | None = None
) -> Judged:
    """Measures of all lists together, of one arm, or its difference to an arm of another ``against`` steepness.

    The truth is the expected value for lists of as many users: the mean over all worlds.
    """
    values, jackknife = np.empty((n_worlds, 4)), []
    for world in range(n_worlds):
        of_arms = []
        for steepness in [1.0] if against is None else [1.0, against]:
            matrix = drawn_lists(rng, popularity(N_ITEMS, steepness), n, K, empty)
            listed = ListedItems(pl.Series(np.arange(n)), pl.Series(np.arange(N_ITEMS)), matrix)
            of_arms.append(np.column_stack([measure(listed).user_values for measure in CONCENTRATION.values()]))
        table = of_arms[0] if against is None else of_arms[0] - of_arms[1]
        values[world] = table.mean(axis=0)
        jackknife.append(table)
    truth = values.mean(axis=0) if against != 1.0 else np.zeros(4)
    judged: Judged = {name: np.empty(n_worlds) for name in CONCENTRATION}
    for start in range(0, n_worlds, TOGETHER):
        tables = jackknife[start : start + TOGETHER]
        for j, name in enumerate(CONCENTRATION):
            columns = np.column_stack([table[:, j] for table in tables])
            if against is None:
                low, high = _means(columns, bounds_of(name, {}), f"{name}@{K}", _seed(rng))
            else:
                ends = _difference_ends(columns, _seed(rng))
                low, high = ends.low, ends.high
            judged[name][start : start + len(tables)] = _holds(low, high, truth[j])
    return judged


def _difference_ends(d: Values, seed: int) -> Intervals:
    return difference_intervals(d, confidence=1 - LEVEL, n_bootstrap=SETTINGS.n_bootstrap, seed=seed)


def click_rate(rng: np.random.Generator, n: int, n_worlds: int, *, noise: float) -> Judged:
    """The off-policy click rate of a personal arm, where the log shows popular items."""
    metric = click_through_rate(description="Clicks.")
    holds = []
    for _ in range(n_worlds):
        settings = logged_lists.SETTINGS.model_copy(update={"seed": _seed(rng), "n_users": n})
        world = make_world(logged_lists.TOPICS, settings)
        listed = logged_lists.personal_lists(world, settings.seed, noise)
        values = metric.compute(logged_lists.judged_of(world, listed))["value"].to_numpy()
        low, high = _means(values[:, None], metric.bounds, "value", settings.seed)
        holds.append(_holds(low, high, logged_lists.true_rate(world, listed)))
    return {"holds the rate": np.concatenate(holds)}


ARMS: Mapping[str, Reads] = {
    "popularity": "nothing",
    "ease": "nothing",
    "text-words": "words",
    "text": "language model",
    "hybrid-words": "words",
    "hybrid": "language model",
}


def shares(rng: np.random.Generator, n: int, n_worlds: int, *, words: float, model: float) -> Judged:
    """Whose the gain is: two arms of each kind, of which validation picks one, by chance where both are alike.

    An arm's value is its user's, which is like nDCG, times noise and a factor: .8 where it reads nothing, ``words`` and ``model`` for the others.
    """
    factors = {"nothing": 0.8, "words": words, "language model": model}
    rows = []
    for _ in range(n_worlds):
        base = ndcg_like(rng, n, 1)[:, 0]
        values = {arm: base * rng.beta(8, 2, n) * factors[reads] for arm, reads in ARMS.items()}
        validation = {arm: factors[reads] + rng.normal(0, 0.02) for arm, reads in ARMS.items()}
        evaluated = _split_of(values)
        leaders = leaders_of(evaluated, validation, ARMS, SETTINGS.baseline)
        split = attribution(evaluated, leaders, "not shown", settings=SETTINGS, seed=_seed(rng))
        assert split.model is not None
        assert split.without_model is not None
        mean = 0.8 * ONE_ARM[0].mean
        m, w, none = (mean * factors[reads] for reads in (ARMS[split.model], ARMS[split.without_model], "nothing"))
        truths = ((split.gain, m - none), (split.words_share, w - none), (split.model_share, m - w))
        rows.append([_share_holds(share, truth) for share, truth in truths])
    gain, of_words, of_model = np.array(rows).T
    return {"holds the gain": gain, "holds the words' share": of_words, "holds the model's share": of_model}


def _share_holds(share: Share | None, truth: float) -> float:
    if share is None or share.low is None or share.high is None:
        return np.nan
    return float(share.low <= truth <= share.high)


def _split_of(values: Mapping[str, Values]) -> EvaluatedSplit:
    """A split with nDCG@10 alone."""
    users = pl.Series(np.arange(len(next(iter(values.values()))))).cast(pl.String)
    tables = [
        pl.DataFrame({"user_id": users, "value": column}).select(
            pl.lit(arm).alias("arm"),
            pl.lit(ALL).alias("slice"),
            pl.lit("ndcg@10").alias("measure"),
            pl.lit(1, dtype=pl.Int64).alias("draw"),
            "user_id",
            "value",
        )
        for arm, column in values.items()
    ]
    return EvaluatedSplit("warm", 10, UserValues.of_table(pl.concat(tables)), [], [], [])


def _one_draw(pairs: Mapping[str, tuple[Values, Values]]) -> dict[str, tuple[Values, Values]]:
    """The values of a split that is drawn once, (n_users, n_families, 1)."""
    return {name: (a[:, :, None], b[:, :, None]) for name, (a, b) in pairs.items()}


def _info(name: str) -> MeasureInfo:
    return MeasureInfo(name=name, label=name, description="", dimension="accuracy", better="higher")


def families(worlds: Sequence[TwoArms], rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """Four primary measures under Holm, twelve exploratory ones under a false discovery rate, in all of which nothing is true."""

    def part(m: int) -> Judged:
        judged = {}
        for name, n_measures, adjust in (("any primary", 4, holm), ("any exploratory", 12, false_discovery)):
            pairs = {f"m{j}": worlds[j % len(worlds)].draw(rng, n, m) for j in range(n_measures)}
            compared = compare_families(_one_draw(pairs), [_info(key) for key in pairs], adjust=adjust, settings=SETTINGS, seed=_seed(rng))  # fmt: skip
            judged[name] = np.array(
                [any(one.outcome in DIFFERENT for one in family) for family in compared], dtype=float
            )
        return judged

    return _in_parts(rng, n_worlds, part)


def table_of_arms(
    worlds: Sequence[TwoArms], rng: np.random.Generator, n: int, n_worlds: int, *, better: float = 0.0
) -> Judged:
    """The table: seven arms and the baseline, four measures each, all 28 comparisons with the baseline in one family; three of the arms are ``better``."""
    marks, false = [], []
    for _ in range(n_worlds):
        columns = {}
        for j in range(4):
            _, baseline = worlds[j % len(worlds)].draw(rng, n, 1)
            columns[SETTINGS.baseline, ALL, f"m{j}"] = baseline
            for arm in range(7):
                a, b = worlds[j % len(worlds)].draw(rng, n, 1)
                # An arm differs from the baseline as two arms of this world do from each other.
                columns[f"a{arm}", ALL, f"m{j}"] = baseline + a - b + better * (arm in BETTER)
        users = pl.arange(len(next(iter(columns.values()))), eager=True).cast(pl.String)
        values = UserValues(users, 1, columns)
        compared = _compared(columns, values, SETTINGS, _seed(rng))
        signs = [key[0] for key, one in _differences(values, compared, SETTINGS).items() if one.significant]
        marks.append(bool(signs))
        false.append(sum(arm not in {f"a{i}" for i in BETTER} for arm in signs) / max(len(signs), 1))
    return (
        {"part that is false": np.array(false)} if better else {"any mark in the table": np.array(marks, dtype=float)}
    )


def discoveries(rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """Twelve exploratory measures, half of them better by .05: what part of those called different is not."""
    true = {f"m{j}" for j in range(6)}

    def part(m: int) -> Judged:
        pairs = {}
        for j in range(12):
            a, b = NOISY.draw(rng, n, m)
            pairs[f"m{j}"] = (a + 0.05 * (f"m{j}" in true), b)
        compared = compare_families(_one_draw(pairs), [_info(key) for key in pairs], adjust=false_discovery, settings=SETTINGS, seed=_seed(rng))  # fmt: skip
        names = [[one.measure for one in family if one.outcome in DIFFERENT] for family in compared]
        return {
            "part that is false": np.array(
                [sum(key not in true for key in keys) / max(len(keys), 1) for keys in names]
            ),
            "part of the true that are called so": np.array([sum(key in true for key in keys) / 6 for keys in names]),
        }

    return _in_parts(rng, n_worlds, part)


def worth_having(rng: np.random.Generator, n: int, n_worlds: int, *, truth: float) -> Judged:
    """Answers where a difference of .02 would be worth having and the arm is better by ``truth``."""
    wrong = {"as good as"} if truth >= WORTH else set()
    wrong |= {"worse"} if truth > 0 else {"better", "worse"}

    def part(m: int) -> Judged:
        a, b = NOISY.draw(rng, n, m)
        compared = compare_families(
            _one_draw({"ndcg@10": (a + truth, b)}), [_info("ndcg@10")], settings=SETTINGS, seed=_seed(rng)
        )
        outcomes = np.array([family[0].outcome if family else "" for family in compared])
        answers = {name: 1.0 * (outcomes == name) for name in ("better", "as good as", "cannot tell")}
        return {"wrong": 1.0 * np.isin(outcomes, list(wrong)), **answers}

    return _in_parts(rng, n_worlds, part)


def power(world: TwoArms, rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """How often a true difference is shown that is as large as the smallest detectable one, by the world's own spread."""
    a, b = world.draw(np.random.default_rng(0), 1_000_000, 1)
    smallest = {
        family: float(detectable(a - b, confidence=1 - LEVEL / family)[0] * np.sqrt(len(a) / n)) for family in (1, 4)
    }

    def part(m: int) -> Judged:
        pairs = {}
        for j in range(4):
            a, b = world.draw(rng, n, m)
            pairs[f"m{j}"] = (a, b)
        rates = {}
        for name, keys in (("shown alone", ["m0"]), ("shown among four", list(pairs))):
            chosen_pairs = {key: pairs[key] for key in keys}
            chosen_pairs["m0"] = (pairs["m0"][0] + smallest[len(keys)], pairs["m0"][1])
            compared = compare_families(
                _one_draw(chosen_pairs), [_info(key) for key in keys], settings=SETTINGS, seed=_seed(rng)
            )
            rates[name] = np.array([any(one.measure == "m0" and one.outcome == "better" for one in family) for family in compared], dtype=float)  # fmt: skip
        return rates

    return _in_parts(rng, n_worlds, part)


def within(
    families: Sequence[Sequence[str]], rng: np.random.Generator, n: int, n_worlds: int, *, n_draws: int = 1
) -> Judged:
    """The pair of the verdict in slices that are alike: each family of slices divides the users at random, a third left out, or is every user with other items.

    A user's difference in another slice of the items hangs together with the first by half.
    """
    marks = []
    for _ in range(n_worlds):
        whole = rng.normal(0, 0.2, (n, 1)) * (rng.random((n, 1)) > 0.35) + rng.normal(0, 0.02, (1, n_draws)) * (
            n_draws > 1
        )
        differences = {}
        for names in families:
            of_items = set(names) <= set(OF_ITEMS)
            part = rng.random((n, 1)) * (1 if of_items or len(names) > 2 else 1.5)
            for j, name in enumerate(names):
                again = 0.5 * whole + 0.5 * rng.normal(0, 0.2, (n, n_draws))
                mine = part * len(names) // 1 == j
                differences[name] = (
                    again if of_items else np.where(mine, whole + rng.normal(0, 0.1, (n, n_draws)), np.nan)
                )
        of_slices = compared_within("warm", PAIR, differences, families, settings=SETTINGS, seed=_seed(rng))
        holding = [
            _holds(np.array(one.low, dtype=float), np.array(one.high, dtype=float), 0.0) for one in of_slices.slices
        ]
        contrasts = [_holds(np.array(one.low), np.array(one.high), 0.0) for one in of_slices.contrasts]
        marks.append(
            [
                np.mean(holding) if holding else np.nan,
                np.mean(contrasts) if contrasts else np.nan,
                float(of_slices.differ) if contrasts else np.nan,
                float(bool(of_slices.reversed)) if holding else np.nan,
            ]
        )
    of_slice, of_contrast, differ, other_way = np.array(marks, dtype=float).T
    return {
        "slices that hold": of_slice,
        "contrasts that hold": of_contrast,
        "slices called different": differ,
        "any said to be the other way round": other_way,
    }


def of_kinds(rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """Lists of items of one kind alone, all in an order that is drawn: each user has one held-out like, of a kind that is drawn."""
    users = np.array([f"u{i:05}" for i in range(n)])
    kinds = {f"kind{j}": np.array([f"{j}-{i:02}" for i in range(ITEMS_OF_KIND)]) for j in range(N_KINDS)}
    items = pl.DataFrame({"item_id": np.concatenate([*kinds.values()]), "kind": np.repeat([*kinds], ITEMS_OF_KIND)})
    truth = float(discounts(K).sum()) / ITEMS_OF_KIND

    def lists(kind: str, arm: str) -> pl.DataFrame:
        order = rng.random((n, ITEMS_OF_KIND)).argsort(axis=1)[:, :K]
        ranks = np.tile(np.arange(1, K + 1), n)
        return pl.DataFrame({"user_id": users.repeat(K), "item_id": kinds[kind][order.ravel()], "rank": ranks})

    marks = []
    for _ in range(n_worlds):
        likes = pl.DataFrame(
            {"user_id": users, "item_id": items["item_id"].to_numpy()[rng.integers(items.height, size=n)]}
        )
        draw = KindsOfDraw(lists=lists, relevant=likes, items=items)
        of_kinds = kind_accuracy(
            "warm", [*kinds], ["a", "b"], [draw], pair=("a", "b"), settings=SETTINGS, k=K, seed=_seed(rng)
        )
        means = [arm.ndcg for one in of_kinds for arm in one.arms]
        pairs = [one.pair for one in of_kinds if one.pair is not None]
        marks.append(
            [
                np.mean([_holds(np.array(one.low, float), np.array(one.high, float), truth) for one in means])
                if means
                else np.nan,
                np.mean([_holds(np.array(one.low, float), np.array(one.high, float), 0.0) for one in pairs])
                if pairs
                else np.nan,
                float(any(one.outcome != "not shown" for one in pairs)) if pairs else np.nan,
            ]
        )
    return dict(zip(OF_KINDS, np.array(marks, dtype=float).T, strict=True))


def on_the_curve(world: OneArm, rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """Points of a learning curve."""
    users = pl.arange(n, eager=True).cast(pl.String)
    tables = [
        pl.DataFrame({"user_id": users, "value": column}).select(
            pl.lit("a").alias("arm"),
            pl.lit("warm").alias("split"),
            pl.lit(j).alias("n_likes"),
            pl.lit(1.0).alias("share"),
            "user_id",
            "value",
        )
        for j, column in enumerate(world.draw(rng, n, n_worlds).T)
    ]
    points = learning_points(pl.concat(tables), settings=SETTINGS, seed=_seed(rng))
    low, high = (np.array([getattr(one, end) for one in points], dtype=float) for end in ("low", "high"))
    return {"holds the mean": _holds(low, high, world.mean)}


def pooled_rows(rng: np.random.Generator, n: int, *, clicks: bool) -> tuple[NDArray[np.int64], Values, Values]:
    """Users of rows, their losses under a predictor, and under another that is as good: squared errors of ratings, or log losses of clicks.

    The more rows a user has, the easier: numbers of rows are lognormal, so that a tenth of the users has half of them.
    """
    rows = np.maximum(1, rng.lognormal(1.5, 1.0, n).astype(np.int64))
    users = np.repeat(np.arange(n), rows)
    ease = (1.3 - 0.15 * np.log(rows))[users]
    if clicks:
        logit = -3 + rng.normal(0, 0.7, n)[users]
        clicked = rng.random(len(users)) < 1 / (1 + np.exp(-logit))
        guesses = (1 / (1 + np.exp(-(logit + rng.normal(0, 0.3, len(users))))) for _ in range(2))
        first, second = (-np.log(np.where(clicked, guess, 1 - guess)) for guess in guesses)
        return users, first, second
    error = rng.normal(0, 0.5, n)[users] + rng.normal(0, 1, len(users))
    first, second = ((ease * (error + rng.normal(0, 0.3, len(users)))) ** 2 for _ in range(2))
    return users, first, second


@cache
def pooled_truth(*, clicks: bool) -> float:
    """The mean loss over rows of very many users."""
    _, losses, _ = pooled_rows(np.random.default_rng(1), 2_000_000, clicks=clicks)
    return float(losses.mean())


def pooled(rng: np.random.Generator, n: int, n_worlds: int, *, clicks: bool) -> Judged:
    """Errors over rows, their root, and the difference from another predictor that is as good."""
    truth = pooled_truth(clicks=clicks)
    names = ("holds the mean loss", "holds its root", "holds the difference")
    judged: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(n_worlds):
        users, first, second = pooled_rows(rng, n, clicks=clicks)
        ids, losses, others = (pl.Series(values) for values in (users, first, second))
        how = Resampling(confidence=SETTINGS.confidence, n_bootstrap=SETTINGS.n_bootstrap, seed=_seed(rng))
        intervals = (
            pooled_mean(ids, losses, how),
            pooled_mean(ids, losses, how, root=True),
            pooled_difference(ids, losses, others, how),
        )
        for name, interval, true in zip(names, intervals, (truth, truth**0.5, 0.0), strict=True):
            judged[name].append(float(_holds(np.array(interval.low, float), np.array(interval.high, float), true)))
    return {name: np.array(values) for name, values in judged.items()}


def experiment(rng: np.random.Generator, n: int, n_worlds: int, *, shape: float) -> Judged:
    """Two groups by a coin, the treatment worse by just the guardrail's margin: values are gamma distributed, the more skewed the smaller the ``shape``."""
    metric = ExperimentMetric(value="v", role="guardrail", margin=MARGIN)
    judged: dict[str, list[float]] = {name: [] for name in OF_EXPERIMENTS}
    for _ in range(n_worlds):
        n_control = int(rng.binomial(n, 0.5))
        control = rng.gamma(shape, 1 / shape, n_control)
        treatment = (1 - MARGIN) * rng.gamma(shape, 1 / shape, n - n_control)
        effect = mean_effect(control, treatment, confidence=SETTINGS.confidence)
        ends = (np.array(end, dtype=float) for end in (effect.relative_low, effect.relative_high))
        p = sample_ratio_p({"a": n_control, "b": n - n_control}, {"a": 1, "b": 1})
        enough_users = min(n_control, n - n_control) >= FEWEST_USERS
        statements = (
            float(_holds(*ends, -MARGIN)) if enough_users else np.nan,
            float(guardrail_outcome(effect, metric, SETTINGS.confidence) != "not shown") if enough_users else np.nan,
            float(p < MISMATCH),
        )
        for name, value in zip(OF_EXPERIMENTS, statements, strict=True):
            judged[name].append(value)
    return {name: np.array(values) for name, values in judged.items()}


def _counts_twice(rng: np.random.Generator, n: int) -> tuple[Values, Values]:
    """What each user did before and after, by a keenness that few have much of."""
    keen = rng.gamma(0.5, 2.0, n)
    before, after = rng.poisson(5 * keen, (2, n)).astype(np.float64)
    return before, after


def _two_normals(rng: np.random.Generator, n: int) -> tuple[Values, Values]:
    before = rng.normal(size=n)
    return before, 5 + 0.7 * before + rng.normal(size=n)


def _clicks_and_views(rng: np.random.Generator, n: int, *, ratio: str) -> tuple[Values, Values]:
    shape, spread, rate = RATIOS[ratio]
    keen = rng.gamma(shape, 1 / shape, n)
    views = rng.poisson(spread * keen) + 1.0
    return rng.binomial(views.astype(np.int64), np.minimum(rate * keen, 1.0)).astype(np.float64), views


TWO_VALUES: Mapping[str, Callable[[np.random.Generator, int], tuple[Values, Values]]] = {
    "CUPED, normal": _two_normals,
    "CUPED, counts of which few users have most": _counts_twice,
    **{ratio: partial(_clicks_and_views, ratio=ratio) for ratio in RATIOS},
}
"""What was before and what after; numerators and denominators."""


def _effect_of(name: str, rng: np.random.Generator, n_control: int, n_treatment: int) -> tuple[Effect, Effect | None]:
    """The effect between two groups that are alike, and how they differed before."""
    sizes = n_control, n_treatment
    if name in VALUES:
        return mean_effect(*(VALUES[name](rng, (n,)) for n in sizes), confidence=SETTINGS.confidence), None
    control, treatment = (TWO_VALUES[name](rng, n) for n in sizes)
    if not name.startswith("CUPED"):
        return ratio_effect(control, treatment, confidence=SETTINGS.confidence), None
    (x, y), (x_treated, y_treated) = control, treatment
    adjusted = adjusted_effect(y, y_treated, x, x_treated, confidence=SETTINGS.confidence)
    return adjusted, imbalance(x, x_treated, confidence=SETTINGS.confidence)


def groups_alike(name: str, rng: np.random.Generator, n: int, n_worlds: int, *, share: float = 0.5) -> Judged:
    """An experiment in which nothing was done: its difference, its relative effect and what it says of them; nothing of groups that are too few."""
    metric = ExperimentMetric(value="v", role="primary")
    judged: dict[str, list[float]] = {one: [] for one in OF_GROUPS_ALIKE}
    for _ in range(n_worlds):
        n_treatment = int(rng.binomial(n, share))
        if min(n_treatment, n - n_treatment) < FEWEST_USERS:
            statements = [np.nan] * len(OF_GROUPS_ALIKE)
        else:
            effect, before = _effect_of(name, rng, n - n_treatment, n_treatment)
            ends = [(effect.low, effect.high), (effect.relative_low, effect.relative_high)]
            says = outcome_of(effect, metric, effect.p, SETTINGS.confidence) != "not shown"
            statements = [
                *(float(_holds(np.array(low, float), np.array(high, float), 0.0)) for low, high in ends),
                float(says),
                np.nan if before is None or before.p is None else float(before.p < MISMATCH),
            ]
        for one, value in zip(OF_GROUPS_ALIKE, statements, strict=True):
            judged[one].append(value)
    return {one: np.array(values) for one, values in judged.items()}


def every_day(name: str, rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """Two groups that are alike, half of the users each, looked at :data:`N_LOOKS` times: by a confidence sequence, and by an interval that is for one look."""
    is_ratio = name in RATIOS

    def sums(m: int) -> Values:
        shape = (N_LOOKS, m, n // (2 * N_LOOKS))
        if is_ratio:
            a, b = (side.reshape(shape) for side in TWO_VALUES[name](rng, int(np.prod(shape))))
            parts = (np.ones(shape), a, b, a * a, a * b, b * b, a**3, a * a * b, a * b * b, b**3)
        else:
            y = VALUES[name](rng, shape)
            parts = (np.ones(shape), y, y**2, y**3)
        return np.stack([part.sum(axis=2) for part in parts], axis=-1).cumsum(axis=0)

    def part(m: int) -> Judged:
        sequence = sequence_of_ratio_moments if is_ratio else sequence_of_moments
        control, treatment = sums(m), sums(m)
        difference, low, high = sequence(control, treatment, confidence=SETTINGS.confidence)
        starts = np.isfinite(low).any(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(_squared_error(control) + _squared_error(treatment))
            fixed = (np.abs(difference) > 1.96 * error).any(axis=0)
            out = ((low > 0) | (high < 0)).any(axis=0)
        return {
            "ever leaves out the truth": 1.0 * out,
            "of those that say something": np.where(starts, 1.0 * out, np.nan),
            "says something": 1.0 * starts,
            "an interval for one look would": 1.0 * fixed,
        }

    return _in_parts(rng, n_worlds, part)


def _squared_error(sums: Values) -> Values:
    """Of the mean, or of the ratio, from sums so far."""
    n, first = sums[..., 0], sums[..., 1]
    if sums.shape[-1] == 4:
        return np.asarray((sums[..., 2] / n - (first / n) ** 2) / (n - 1))
    b, aa, ab, bb = (sums[..., i] for i in (2, 3, 4, 5))
    ratio = first / b
    return np.asarray((aa - 2 * ratio * ab + ratio**2 * bb) / b**2 * n / (n - 1))


def policy_values(overlap: str, rng: np.random.Generator, n: int, n_worlds: int, *, amounts: bool = False) -> Judged:
    """What a report says of a policy by the log of another, and beside it what IPS and DR say, which stand in no report.

    With ``amounts`` a click brings in something, lognormal. Where the log cannot answer nothing is said.
    """
    judged: dict[str, list[float]] = {name: [] for name in OF_POLICIES}
    confidence, mean_amount = SETTINGS.confidence, float(np.exp(SIGMA**2 / 2)) if amounts else 1.0
    for _ in range(n_worlds):
        seed = _seed(rng)
        one, again = logged(seed, LOGGING[overlap], n), logged(seed, TARGETS[JUDGED], n, draw=1)
        log, itself = (_with_amounts(rng, side.log) if amounts else side.log for side in (one, again))
        target, other = TARGETS[JUDGED](one.world), TARGETS[PAIRED](one.world)
        policy, of_other = one.policy(target), one.policy(other)
        value, value_of_other, value_of_log = (mean_amount * one.truth(side) for side in (target, other, one.logging))
        answer = value_of(JUDGED, log, policy.of_actions(log), confidence)
        contributions, others = (SNIPS().contributions(log, side) for side in (policy, of_other))
        answers = answer.answer != "refused"
        both_answer = answers and diagnose(log, of_other).answer != "refused"
        pair = user_interval(log, contributions - others, confidence=confidence)
        gap = interval_of_difference(log, contributions, itself, itself.reward, confidence=confidence)
        statements: list[tuple[Estimate | PolicyValue | None, float]] = [
            (mean_reward(log, user_interval(log, log.reward, confidence=confidence)), value_of_log),
            (answer.value, value),
            (answer.against_logging, value - value_of_log),
            (pair if both_answer else None, value - value_of_other),
            # Who is shown what satisfies comes more often, so that the two logs weigh users unequally.
            (gap if answers else None, value - mean_amount * again.truth(target)),
            (IPS().interval(log, policy) if answers else None, value),
            (DR(one.model(target)).interval(log, policy) if answers else None, value),
        ]
        for name, (ends, truth) in zip(OF_POLICIES, statements, strict=True):
            holds_truth = (
                np.nan if ends is None else float(_holds(np.array(ends.low, float), np.array(ends.high, float), truth))
            )
            judged[name].append(holds_truth)
    return {name: np.array(values) for name, values in judged.items()}


def _with_amounts(rng: np.random.Generator, log: BanditLog) -> BanditLog:
    return replace(log, reward=log.reward * rng.lognormal(0, SIGMA, log.n))


def order(rng: np.random.Generator, n: int, n_worlds: int) -> Judged:
    """The shuffle test of whether the order of events says something, where it says nothing."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    alarms = []
    for _ in range(n_worlds):
        items, days = events_without_order(rng, n)
        events = pl.DataFrame(
            {
                "user_id": pl.Series(np.repeat(np.arange(n), items.shape[1])).cast(pl.String),
                "item_id": pl.Series(items.ravel()).cast(pl.String),
                "timestamp": pl.Series([start + timedelta(days=int(day)) for day in days.ravel()]),
            }
        )
        p = order_p_value(events, seed=_seed(rng))
        assert p is not None
        alarms.append(p <= LEVEL)
    return {"called informative": np.array(alarms, dtype=float)}


TAILS = "heavy tails: an interval of the mean needs hundreds to thousands of users who have a value; the report says how many users carry it"
ENDS = (
    "the ends that values are drawn in to are the sample's own, which of a few buyers lie too low, and the interval takes them for given: for the mean "
    "of one arm it is narrower still than without; the report does not say so"
)
SHAPES = "a few users carry the mean, so that it is far from symmetric; the report says how many"
FEW_CLICKS = (
    "of some ten clicks after the cut the interval is too narrow; the report says how many users carry the rate"
)
FEW_AMOUNTS = "a few large amounts carry the value, and the interval is too narrow; the report says so where they are as much as fewer than a hundred exposures"
NORMAL = "the formula takes means for normal, and where a few users carry them the interval is wider than that"
FEW_DRAWS = "two draws say next to nothing of how draws differ; `repeats` of 5 is the default"
HOLDS_DRAWS = "holds the mean"
HOLDS, ALARM, SIGN = "holds the difference", "p ≤ .05 though none", "sign though none"
NONE_IS_THERE = {ALARM: ALARMS, SIGN: ALARMS}
MARGIN = 0.1
N_KINDS, ITEMS_OF_KIND = 4, 20
OF_KINDS = ("means that hold", "differences that hold", "any kind called different")
N_LOOKS = 25
SIGMA = 1.2
"""Of the amounts of clicks."""
PAIRED = "personal 1"
OF_GROUPS_ALIKE = (
    "holds the difference",
    "holds the relative effect",
    "called better or worse",
    "called unlike before",
)
EVEN = {"normal", "CUPED, normal", "clicks / exposures"}
"""Values of which no few users carry the mean."""
OF_POLICIES = (
    "holds the log's own",
    "holds the policy's",
    "holds its gain on the log",
    "holds its gain on another",
    "holds the gap to what it earned",
    "IPS holds it",
    "DR holds it",
)
OF_EXPERIMENTS = ("holds the relative effect", "guardrail says holds or fails", "sizes called no chance")
SHARES = ("holds the gain", "holds the words' share", "holds the model's share")
WITHIN_BARS = {
    "slices that hold": ANY,
    "contrasts that hold": ANY,
    "slices called different": ALARMS,
    "any said to be the other way round": ALARMS,
}
POOLED = ("holds the mean loss", "holds its root", "holds the difference")
FEW_CARRY = "a few users have most of the rows, so that the ratio rests on them; the report does not say so"
PAIR = Comparison(
    arm="a", other="b", measure="ndcg@10", mean=0.1, low=None, high=None, p_adjusted=1.0, n_users=2, outcome="not shown"
)
SECTIONS: list[Section] = [
    Section(
        "The mean of one arm",
        "Exact where values are 0 or 1, else BCa over users; measures without an upper end also with the outermost 1 % drawn in "
        "(`measure.winsorise`), and then the truth is that of values drawn in at the ends of the whole population.",
        [
            *(Case(one.name, partial(mean_of_one, one), {"holds the mean": ANY}) for one in ONE_ARM),
            *(Case(one.name, partial(mean_of_one, one), {"holds the mean": ANY}, limit=TAILS) for one in UNBOUNDED),
            *(
                Case(
                    f"{one.name}, winsorised 1 %",
                    partial(mean_of_one, one, winsorise=TAIL),
                    {"holds the mean": ANY},
                    limit=ENDS,
                )
                for one in UNBOUNDED
            ),
        ],
    ),
    Section(
        "A paired difference of two arms",
        "Symmetric bootstrap-t over users, and the sign-flip test. A sign stands only where both say so. The last two columns are intervals that the "
        "report does not print, and this is why.",
        [
            Case(NOISY.name, partial(mean_difference, NOISY), {HOLDS: ACCURACY, **NONE_IS_THERE}),
            Case(GAIN.name, partial(mean_difference, GAIN), {HOLDS: ACCURACY}),
            *(Case(one.name, partial(mean_difference, one), {HOLDS: ANY, **NONE_IS_THERE}) for one in (HITS, MONEY)),
            *(
                Case(one.name, partial(mean_difference, one), {HOLDS: ANY, **NONE_IS_THERE}, limit=SHAPES)
                for one in UNEQUAL
            ),
            *(
                Case(f"{one.name}, winsorised 1 %", partial(mean_difference, one, winsorise=TAIL), {HOLDS: ANY})
                for one in (MONEY, UNEQUAL_MONEY)
            ),
        ],
    ),
    Section(
        "Splits that are drawn several times",
        "The interval over draws and users, where the items that are held out are drawn anew (`splits[].repeats`); values have a part of the user, one of "
        "the draw, and one of both. Beside it: what an interval over the users of the first draw would hold. Of real data: [its page](coverage-draws.md).",
        [
            Case(name, partial(over_draws, n_draws=n_draws, of_draws=of_draws), {HOLDS_DRAWS: ANY}, SLOW, limit)
            for name, n_draws, of_draws, limit in (
                ("5 draws that differ much", 5, 0.03, ""),
                ("5 draws that differ little", 5, 0.003, ""),
                ("5 draws that are alike", 5, 0.0, ""),
                ("2 draws that differ much", 2, 0.03, FEW_DRAWS),
            )
        ],
    ),
    Section(
        "Measures of the whole catalogue",
        f"By the jackknife's values of each user. Lists of {K} of {N_ITEMS} items; the truth is the expected value for as many users. Where every item is "
        "in some list, coverage has no spread, and no interval.",
        [
            Case(name, partial(of_catalogue, **settings), dict.fromkeys(CONCENTRATION, ANY), SLOW)
            for name, settings in (
                ("one arm", {}),
                ("one arm, a tenth of the lists empty", {"empty": 0.1}),
                ("difference of two alike", {"against": 1.0}),
                ("difference to one that spreads more, a tenth empty", {"against": 0.5, "empty": 0.1}),
            )
        ],
    ),
    Section(
        "The click rate, off-policy",
        "In the simulated worlds of [the page of the click rate](click-rate.md), which says how far it is from the truth.",
        [
            Case(
                name,
                partial(click_rate, noise=noise),
                {"holds the rate": ANY},
                SLOWEST,
                FEW_CLICKS,
            )
            for name, noise in (
                ("the arm sees satisfaction", 0.0),
                ("it sees it through noise", 0.2),
                ("it sees noise", 100.0),
            )
        ],
    ),
    Section(
        "Whose the gain is",
        "The shares of the report's first sentence, by arms that validation picks. Where validation prefers reading nothing, the words' share is 0 by "
        "definition and has no interval.",
        [
            Case(name, partial(shares, words=words, model=model), dict.fromkeys(SHARES, ANY), SLOW)
            for name, words, model in (
                ("words give the gain, the model nothing", 1.0, 1.0),
                ("words give nothing, the model the gain", 0.8, 1.0),
                ("nobody gives anything", 0.8, 0.8),
            )
        ],
    ),
    Section(
        "The verdict's pair in slices, and who gains",
        "Slices in which the pair is alike. Users are divided at random, or are the same with other items; habits are three families whose users overlap, a "
        "third in neither end. Contrasts are corrected together for the false discovery rate, so that slices are called different in at most one world of twenty where all are alike. The alarm that a "
        "slice is the other way round, Holm-adjusted over the slices, is false in all of these worlds, in which no slice is behind.",
        [
            Case(name, partial(within, families, **settings), WITHIN_BARS, SLOW, limit)
            for name, families, settings, limit in (
                ("cold and warm users", [OF_USERS], {}, ""),
                ("head, tail and cold items", [OF_ITEMS], {}, ""),
                ("users and items, 5 draws", [OF_USERS, OF_ITEMS], {"n_draws": 5}, ""),
                ("three habits", list(HABITS.values()), {}, ""),
            )
        ],
    ),
    Section(
        "Kinds of items",
        f"Lists of {K} of {ITEMS_OF_KIND} items of one kind alone, of {N_KINDS} kinds, all in an order that is drawn: exact or BCa for the mean of an arm, the symmetric bootstrap-t "
        "for the verdict's pair, corrected over the kinds for the false discovery rate. Kinds with fewer than thirty users have no number.",
        [Case("two arms alike", of_kinds, dict(zip(OF_KINDS, (ANY, ANY, ALARMS), strict=True)), SLOWEST)],
    ),
    Section(
        "Experiments: relative effects, guardrails, sizes of groups",
        f"Two groups by a coin. The treatment is worse by {MARGIN:.0%} of the control's mean, which is the guardrail's margin: the interval of the relative effect holds that, the "
        "guardrail says neither that it holds nor that it fails, and the sizes of the groups, which are chance, are called no chance in at most one world of a thousand.",
        [
            Case(
                name,
                partial(experiment, shape=shape),
                dict(zip(OF_EXPERIMENTS, (ANY, ALARMS, (0.0, 0.001)), strict=True)),
                limit=limit,
            )
            for name, shape, limit in (("values that are little skewed", 2.0, ""), ("values like money", 0.1, SHAPES))
        ],
    ),
    Section(
        "Experiments: groups that are alike",
        f"An experiment in which nothing was done, its users in two groups by a coin; groups of fewer than {FEWEST_USERS} users have no number. The interval of the difference; that of the relative effect, which "
        "there is only where both means are told from 0; whether the treatment is called better or worse; and, with values from before (CUPED), whether groups are called unlike before anything was shown.",
        [
            Case(
                name if share == 0.5 else f"{name}, a tenth of the users treated",
                partial(groups_alike, name, share=share),
                dict(zip(OF_GROUPS_ALIKE, (ANY, ANY, ALARMS, (0.0, MISMATCH)), strict=True)),
                OF_GROUPS,
                "" if name in EVEN else SHAPES,
            )
            for name, share in (*((name, 0.5) for name in (*VALUES, *TWO_VALUES)), ("10 % exponential", 0.1))
        ],
    ),
    Section(
        "Experiments: looked at every day",
        f"Two groups that are alike, looked at {N_LOOKS} times while they grow to what they are: in how many worlds the sequence of intervals ever leaves out the truth, of all of them and of those in "
        "which it says anything; and in how many an interval that is made for one look would.",
        [
            Case(name, partial(every_day, name), {"ever leaves out the truth": ALARMS}, OF_LOOKS)
            for name in (*VALUES, *RATIOS)
        ],
    ),
    Section(
        "Off-policy: what another policy would have earned",
        "SNIPS over users, in the worlds of [its page](off-policy-coverage.md), whose log overlaps more or less with the judged policy: what the log itself earned, what the policy would have earned, that less "
        "what the log earned and less what another policy would have, and the gap to what the policy earned when it was shown to others. IPS and DR beside it stand in no report.",
        [
            Case(name, partial(policy_values, overlap, **settings), dict.fromkeys(OF_POLICIES, ANY), OF_LOGS, limit)
            for name, overlap, settings, limit in (
                ("good overlap", "good", {}, ""),
                ("middling overlap", "middling", {}, ""),
                ("poor overlap", "poor", {}, ""),
                (f"middling overlap, amounts, lognormal σ {SIGMA}", "middling", {"amounts": True}, FEW_AMOUNTS),
            )
        ],
    ),
    Section(
        "Points of a learning curve",
        "BCa over the users of each point.",
        [Case(one.name, partial(on_the_curve, one), {"holds the mean": ANY}, SLOW) for one in ONE_ARM[:2]],
    ),
    Section(
        "Errors pooled over rows",
        "Ratings and exposures of which a tenth of the users has half, and whose losses hang together within a user: the symmetric "
        "bootstrap-t over users.",
        [
            Case(name, partial(pooled, clicks=clicks), dict.fromkeys(POOLED, ANY), SLOW, FEW_CARRY)
            for name, clicks in (("squared errors of ratings", False), ("log losses of clicks", True))
        ],
    ),
    Section(
        "Several measures at once",
        "Shares of families in which nothing is true and something is called better or worse: the four primary measures of a split (Holm), and twelve "
        "exploratory ones (false discovery rate).",
        [
            Case(name, partial(families, worlds), {"any primary": ALARMS, "any exploratory": ALARMS}, SLOW, limit)
            for name, worlds, limit in (
                ("alike, in either order", EXCHANGEABLE, ""),
                ("equal means, unequal shapes", UNEQUAL, SHAPES),
            )
        ],
    ),
    Section(
        "Exploratory measures, half of them true",
        "Twelve measures of which six are better by .05: what part of those that are called different is not.",
        [Case("two noisy versions of one arm", discoveries, {"part that is false": ALARMS}, SLOW)],
    ),
    Section(
        "Marks in the table",
        "Seven arms and four measures against the baseline, all 28 comparisons one family (false discovery rate, Benjamini and Hochberg), which hang together by the baseline "
        "and the users: in which nothing is true, and in which three of the arms are better by .05 in every measure, what part of the signs is false.",
        [
            Case(
                name,
                partial(table_of_arms, worlds),
                {"any mark in the table": ALARMS},
                SLOWEST,
                limit,
            )
            for name, worlds, limit in (
                ("alike, in either order", EXCHANGEABLE, ""),
                ("equal means, unequal shapes", UNEQUAL, SHAPES),
            )
        ]
        + [
            Case(
                "three of seven arms are better",
                partial(table_of_arms, EXCHANGEABLE, better=0.05),
                {"part that is false": ALARMS},
                SLOWEST,
            )
        ],
    ),
    Section(
        "Better, as good as, cannot tell",
        f"One accuracy measure of which {WORTH} is worth having (`measure.worth_having`); wrong is what the truth excludes.",
        [
            Case(f"the arm is better by {truth:g}", partial(worth_having, truth=truth), {"wrong": ALARMS}, SLOW)
            for truth in (0.0, WORTH / 2, WORTH, 2 * WORTH)
        ],
    ),
    Section(
        "The smallest detectable difference",
        "How often a difference is shown that is exactly as large as what the report says would have been missed one time in five: at least .75. Alone, "
        "then as one of the four primary measures of a split, where the report says a larger one.",
        [
            Case(
                one.name,
                partial(power, one),
                {"shown alone": (0.75, 1.0), "shown among four": (0.75, 1.0)},
                SLOW,
                limit,
            )
            for one, limit in ((NOISY, ""), (HITS, ""), (FEW_GAIN, NORMAL), (MONEY, NORMAL))
        ],
        below="misses more",
    ),
    Section(
        "The order of events",
        "The shuffle test of a split's fitness, of events whose order says nothing; their times are days, with ties.",
        [
            Case(
                "popular items more often, ten events a user",
                order,
                {"called informative": ALARMS},
                {50: 250, 100: 250, 600: 40},
            )
        ],
    ),
]
