r"""Two runs, compared on what both of them judge.

The day's data change who is judged and on what, so a figure of yesterday beside one of today says nothing. Here an arm's lists of both runs are held
against the same pairs: those of a user and an item that *both* runs held out. So that neither run is judged on what the other could not have listed, items
that one of them did not rank, and pairs that one of them knew already, are taken out of both lists, and the two lists of a user are cut to
the length of the shorter one. Measures of other dimensions hold both lists against the tables of the later run, over the users whom both listed for.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import SatisfactionMetric
from recsat.measure.accuracy import ACCURACY, find_hits
from recsat.measure.comparisons import compare, mean_over_draws
from recsat.measure.evidence import Evidence
from recsat.measure.intervals import finite_or_none
from recsat.measure.measures import comparable, measure_key
from recsat.measure.score import ALL, EvaluationCache, score_users
from recsat.measure.significance import holm
from recsat.result.model import RunComparison

Values = NDArray[np.float64]
PAIR = ["user_id", "item_id"]


@dataclass(frozen=True)
class JudgedLists:
    """What a run listed on one draw of a split, and what it was judged on."""

    lists: pl.DataFrame
    """(user_id, item_id, rank, arm) of every arm."""
    relevant: pl.DataFrame
    """(user_id, item_id): held-out likes that the lists could have held."""
    known: pl.DataFrame
    """(user_id, item_id): pairs of any event before the cut."""
    items: pl.Series
    """Ids of the items that were ranked."""
    evidence: Evidence | None = None
    """What measures of other dimensions than accuracy look at; None where only accuracy is compared."""


def on_common_ground(before: JudgedLists, now: JudgedLists) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(relevant pairs of both, lists before, lists now); the lists are of the arms of both, cut as the module says, with ranks from 1."""
    relevant = before.relevant.select(PAIR).join(now.relevant.select(PAIR), on=PAIR, how="semi").unique()
    relevant = relevant.join(pl.concat([before.known, now.known]).select(PAIR), on=PAIR, how="anti")
    arms = set(before.lists["arm"]) & set(now.lists["arm"])
    first, second = (_listable(one.lists, before, now, arms) for one in (before, now))
    by = ["arm", "user_id"]
    length = first.group_by(by).len("n").join(second.group_by(by).len("m"), on=by)
    length = length.select(*by, most=pl.min_horizontal("n", "m"))
    cut_before, cut_now = (
        one.join(length, on=by).filter(pl.col("rank") <= pl.col("most")).drop("most") for one in (first, second)
    )
    return relevant, cut_before, cut_now


def _listable(lists: pl.DataFrame, before: JudgedLists, now: JudgedLists, arms: set[str]) -> pl.DataFrame:
    both = before.items.filter(before.items.is_in(now.items.implode()))
    listable = lists.select("arm", "user_id", "item_id", "rank").filter(
        pl.col("arm").is_in(list(arms)) & pl.col("item_id").is_in(both.implode())
    )
    for judged in (before, now):
        listable = listable.join(judged.known.select(PAIR), on=PAIR, how="anti")
    return listable.with_columns(rank=pl.col("rank").rank("ordinal").over("arm", "user_id").cast(pl.Int64))


@dataclass(frozen=True)
class ScoresOfBoth:
    """What each user's lists of two runs are worth on common ground; a column for each arm and measure, arm by arm."""

    before: Values
    """(n_users, n_arms · n_measures, n_draws); NaN where a user has nothing held out in a draw."""
    now: Values
    n_pairs: int
    """Held-out pairs, over all draws."""


def scores_of_both(
    draws: Sequence[tuple[JudgedLists, JudgedLists]],
    *,
    arms: Sequence[str],
    measures: Sequence[str],
    k: int,
    metrics: Mapping[str, SatisfactionMetric] = {},
) -> ScoresOfBoth | None:
    """Arguments as of :func:`compare_runs`; None where fewer than two users can be compared by."""
    ground = [on_common_ground(before, now) for before, now in draws]
    others = [name for name in measures if name not in ACCURACY]
    listed = [_users_of_both(before, now) if others else before.known["user_id"].clear() for before, now in draws]
    users = pl.concat([*(relevant["user_id"] for relevant, _, _ in ground), *listed]).unique().sort()
    if len(users) < 2:
        return None
    shape = (len(users), len(arms) * len(measures), len(draws))
    values_before, values_now = np.full(shape, np.nan), np.full(shape, np.nan)
    for i, ((_, now), (relevant, lists_before, lists_now), of_both) in enumerate(
        zip(draws, ground, listed, strict=True)
    ):
        judged = users.filter(users.is_in(relevant["user_id"].implode()))
        for values, lists in ((values_before, lists_before), (values_now, lists_now)):
            columns = itertools.count()
            for arm in arms:
                of_arm = lists.filter(pl.col("arm") == arm)
                hits = find_hits(of_arm, relevant, judged, k=k)
                rest = _other_scores(of_arm, relevant, of_both, now, others, k, metrics) if others else {}
                for name in measures:
                    rows, scores = (of_both, rest[name]) if name in rest else (judged, ACCURACY[name](hits))
                    values[users.search_sorted(rows).to_numpy(), next(columns), i] = scores
    return ScoresOfBoth(values_before, values_now, sum(relevant.height for relevant, _, _ in ground))


def _users_of_both(before: JudgedLists, now: JudgedLists) -> pl.Series:
    users = before.lists["user_id"].unique()
    return users.filter(users.is_in(now.lists["user_id"].unique().implode())).sort()


def _other_scores(
    lists: pl.DataFrame,
    relevant: pl.DataFrame,
    users: pl.Series,
    now: JudgedLists,
    names: Sequence[str],
    k: int,
    metrics: Mapping[str, SatisfactionMetric],
) -> dict[str, Values]:
    """By name, the values of ``users``, against the tables of the later run."""
    assert now.evidence is not None, "whoever compares by other measures than accuracy brings the tables"
    cache = EvaluationCache(replace(now.evidence, users=users, relevant=relevant), k)
    needed = {name: metrics[name] for name in names if name in metrics}
    scores = score_users(lists, cache.listed(lists), cache, needed)
    nothing = np.full(len(users), np.nan)
    return {name: scores.get((ALL, measure_key(name, k, metrics)), nothing) for name in names}


def compare_runs(
    draws: Sequence[tuple[JudgedLists, JudgedLists]],
    split: str,
    *,
    arms: Sequence[str],
    measures: Sequence[str],
    k: int,
    settings: MeasureSettings,
    seed: int,
    metrics: Mapping[str, SatisfactionMetric] = {},
) -> list[RunComparison]:
    """Each of ``arms`` now against itself before, on each of ``measures`` at ``k``: names as of :func:`~recsat.measure.measures.comparable`.

    ``draws`` are those that both runs have of the split. Intervals are those of :func:`~recsat.measure.comparisons.compare`, over users who have something
    held out in both runs; p-values are Holm-adjusted over all that is compared here. Empty where fewer than two users do.
    """
    scores = scores_of_both(draws, arms=arms, measures=measures, k=k, metrics=metrics)
    if scores is None:
        return []
    differences = scores.now - scores.before
    compared = compare(differences, settings=settings, seed=seed, family=differences.shape[1])
    p = holm(compared.p)
    means_before, means_now = (np.nanmean(mean_over_draws(values), axis=0) for values in (scores.before, scores.now))
    intervals, level = compared.intervals, 1 - settings.confidence
    return [
        RunComparison(
            split=split,
            arm=arm,
            measure=measure_key(name, k, metrics),
            better=comparable(metrics)[name],
            mean_before=float(means_before[at]),
            mean_now=float(means_now[at]),
            mean=float(intervals.mean[at]),
            low=finite_or_none(intervals.low[at]),
            high=finite_or_none(intervals.high[at]),
            p_adjusted=finite_or_none(p[at]),
            significant=bool(p[at] <= level and (intervals.low[at] > 0 or intervals.high[at] < 0)),
            detectable=finite_or_none(compared.detectable[at]),
            n_users=int(intervals.n_users[at]),
            n_pairs=scores.n_pairs,
        )
        for at, (arm, name) in enumerate((arm, name) for arm in arms for name in measures)
    ]
