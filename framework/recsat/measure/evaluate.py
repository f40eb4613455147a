"""One split, judged: every arm, measure and slice, with intervals, and every arm against the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import SatisfactionMetric
from recsat.errors import DataError
from recsat.measure.accuracy import Values
from recsat.measure.binomial import exact_interval
from recsat.measure.comparisons import compare, mean_over_draws, means_where_both
from recsat.measure.differences import effective_users, winsorised
from recsat.measure.draws import drawn_means
from recsat.measure.evidence import Evidence
from recsat.measure.intervals import bootstrap_intervals, finite_or_none
from recsat.measure.measures import (
    Bounds,
    bounds_of,
    built_in,
    is_of_catalogue,
    is_winsorised,
    key_of,
    of_metrics,
)
from recsat.measure.satisfaction import missing_needs
from recsat.measure.score import ALL, EvaluationCache, Scores, score_catalogue, score_users
from recsat.measure.significance import false_discovery
from recsat.measure.user_values import Key, UserValues
from recsat.result.model import ArmResult, Difference, Measure, MeasureInfo, NotMeasured

ROUNDING = 1e-12
ENTRIES = 2**20
"""Values whose intervals are made at once: with several copies of them, the memory that is needed beside the values themselves."""
FEWEST_COLUMNS = 32
"""Fewer at once would draw the same resamples too often."""


@dataclass(frozen=True)
class Draw:
    """The lists of one draw of a split, (user_id, item_id, rank, score) by arm, and what they are judged on."""

    lists_by_arm: Mapping[str, pl.DataFrame]
    evidence: Evidence


@dataclass(frozen=True)
class EvaluatedSplit:
    """What a split found, in the parts of a :class:`~recsat.result.model.Result`."""

    split: str
    k: int
    values: UserValues
    """Of single users, those of measures of the whole catalogue too."""
    arms: list[ArmResult]
    measures: list[MeasureInfo]
    """Everything that was asked for, also what ``not_measured`` says is missing."""
    not_measured: list[NotMeasured]
    n_draws: int = 1

    @property
    def per_user(self) -> pl.DataFrame:
        """The values as rows: see :meth:`~recsat.measure.user_values.UserValues.table`."""
        return self.values.table()


def evaluate_split(
    lists_by_arm: Mapping[str, pl.DataFrame],
    evidence: Evidence,
    further: Sequence[Draw] = (),
    *,
    metrics: Mapping[str, SatisfactionMetric],
    settings: MeasureSettings,
    k: int,
    seed: int,
    parameters: Mapping[str, Mapping[str, JsonValue]] | None = None,
    validation_ndcg: Mapping[str, float] | None = None,
) -> EvaluatedSplit:
    """Judges lists (user_id, item_id, rank, score) of every arm on the same users.

    Measures: accuracy, diversity and concentration at ``k``, and ``metrics`` by their qualified names. Intervals of means are
    exact where values are 0 or 1 or all at a bound, else BCa over users, and none where values have no spread. Differences are
    an arm's value minus the baseline's, user by user, over users who have both, with symmetric bootstrap-t intervals; their
    they are exploratory, and their p-values adjusted for the false discovery rate over the comparisons of a slice, of all arms and measures: whoever
    looks at one slice sees the rate of that one. Where the baseline has no lists here, there are no differences. ``parameters`` are what each arm was tuned to, and ``validation_ndcg`` how it did with them on
    validation, for the result.

    ``further`` are more draws of the split, with the lists of the same arms. Means are then those over draws of the means over users,
    with the intervals and p-values of :mod:`recsat.measure.draws`.
    """
    draws = [Draw(lists_by_arm, evidence), *further]
    if not all(len(draw.evidence.users) for draw in draws):
        raise DataError(f"split {evidence.split!r} serves no users, so nothing can be measured. Hold out more events.")
    reasons = _unmeasurable(lists_by_arm, evidence, metrics, k)
    possible = {name: metric for name, metric in metrics.items() if name not in reasons}
    infos = built_in(k) + of_metrics(metrics, winsorise=settings.winsorise, propensity_model=settings.propensity_model)
    values = _joined([_scored(draw, infos, possible, k) for draw in draws], possible, settings.winsorise)
    bounds = {info.name: bounds_of(info.name, metrics) for info in infos}
    measured = {name for _, part, name in values if part == ALL}
    for info in infos:
        if info.name not in measured:
            reasons.setdefault(
                info.name, f"No user of {evidence.split} has a value: nobody there meets the measure's definition."
            )
    results = _results(
        values, bounds, lists_by_arm, evidence.split, settings, seed, parameters or {}, validation_ndcg or {}
    )
    return EvaluatedSplit(
        split=evidence.split,
        k=k,
        values=values,
        arms=results,
        measures=infos,
        not_measured=[NotMeasured(name=info.name, reason=reasons[info.name]) for info in infos if info.name in reasons],
        n_draws=len(draws),
    )


@dataclass(frozen=True)
class ScoredDraw:
    """Values of one draw by (arm, slice, measure), (n_users,); ``keys`` has those of the measures that any arm has on that slice, of slices of users too."""

    users: pl.Series
    keys: list[Key]
    stored: dict[Key, Values]
    rows: Mapping[str, NDArray[np.bool_]]
    """(n_served,) by slice of users."""


def _scored(draw: Draw, infos: Sequence[MeasureInfo], metrics: Mapping[str, SatisfactionMetric], k: int) -> ScoredDraw:
    cache = EvaluationCache(draw.evidence, k, with_exposed=any(metric.of_exposed for metric in metrics.values()))
    scores: dict[str, Scores] = {}
    for arm, lists in draw.lists_by_arm.items():
        listed = cache.listed(lists)
        whole = {(ALL, name): values for name, values in score_catalogue(listed, cache).items()}
        scores[arm] = score_users(lists, listed, cache, metrics) | whole
    slices = [ALL, *cache.user_rows, *(name for name in cache.relevant if name != ALL), *cache.exposures]
    of_exposed = {name for name, metric in metrics.items() if metric.of_exposed}
    keys: list[Key] = []
    for part in slices:
        rows = cache.user_rows.get(part)
        for info in infos:
            if rows is not None and (is_of_catalogue(info.name) or info.name in of_exposed):
                continue
            source = part if rows is None else ALL
            of_arms = {
                arm: of_arm[source, info.name] for arm, of_arm in scores.items() if (source, info.name) in of_arm
            }
            among = slice(None) if rows is None else np.flatnonzero(rows)
            if any(not np.isnan(values[among]).all() for values in of_arms.values()):
                keys += [(arm, part, info.name) for arm in of_arms]
    stored = {key: scores[key[0]][key[1:]] for key in keys if key[1] not in cache.user_rows}
    return ScoredDraw(cache.everybody, keys, stored, cache.user_rows)


def _joined(scored: Sequence[ScoredDraw], metrics: Mapping[str, SatisfactionMetric], winsorise: float) -> UserValues:
    """Every user of any draw, and their values in each; those of metrics without bounds winsorised."""
    users = pl.concat([draw.users for draw in scored]).unique(maintain_order=True)
    row_of = {user: row for row, user in enumerate(users)} if len(scored) > 1 else {}
    stored: dict[Key, Values] = {}
    of_slices: dict[str, NDArray[np.bool_]] = {}
    for i, draw in enumerate(scored):
        rows = np.array([row_of[user] for user in draw.users]) if row_of else np.arange(len(users))
        for part, of_slice in draw.rows.items():
            of_part = of_slices.setdefault(part, np.zeros((len(users), len(scored)), dtype=np.bool_))
            of_part[rows[: len(of_slice)], i] = of_slice
        for key in list(draw.stored):
            values = draw.stored.pop(key)  # so that what is joined is held once
            if not row_of:
                stored[key] = values[:, None]
                continue
            stored.setdefault(key, np.full((len(users), len(scored)), np.nan))[rows, i] = values
    keys = list(dict.fromkeys(key for draw in scored for key in draw.keys))
    return UserValues(users, len(scored), _winsorised(stored, metrics, winsorise), of_slices, keys)


def _unmeasurable(
    lists_by_arm: Mapping[str, pl.DataFrame], evidence: Evidence, metrics: Mapping[str, SatisfactionMetric], k: int
) -> dict[str, str]:
    shared = set.intersection(*(set(lists.columns) for lists in lists_by_arm.values())) if lists_by_arm else set()
    reasons = unmeasurable(evidence, metrics, shared)
    return {name if name in metrics else key_of(name, k): reason for name, reason in reasons.items()}


def unmeasurable(
    evidence: Evidence, metrics: Mapping[str, SatisfactionMetric], list_columns: Iterable[str]
) -> dict[str, str]:
    """By name, why ``evidence`` cannot give a measure, in a sentence."""
    reasons: dict[str, str] = {}
    if evidence.vectors is None:
        reasons["ild"] = "The run has no vectors of the items."
    if evidence.topics is None:
        for name in ("topic-ild", "topic-entropy", "topic-simpson", "topic-kl", "topic-hellinger"):
            reasons[name] = "The domain names no column of topics."
    for name, metric in metrics.items():
        if reason := missing_needs(metric, evidence, list_columns):
            reasons[name] = reason
    return reasons


def _results(
    values: UserValues,
    bounds: Mapping[str, Bounds],
    arms: Iterable[str],
    split: str,
    settings: MeasureSettings,
    seed: int,
    parameters: Mapping[str, Mapping[str, JsonValue]],
    validation_ndcg: Mapping[str, float],
) -> list[ArmResult]:
    if not values:
        return []
    measures: dict[Key, Measure] = {}
    compared: dict[Key, Comparison] = {}
    for keys in _parts(values):
        columns = {key: values[key] for key in keys}
        measures |= zip(keys, measures_of(columns, bounds, settings, seed), strict=True)
        compared |= _compared(columns, values, settings, seed)
    differences = _differences(values, compared, settings)
    results = []
    for part in values.slices:
        for arm in arms:
            measures_of_arm = {name: measure for (a, s, name), measure in measures.items() if (a, s) == (arm, part)}
            if measures_of_arm:
                differences_of_arm = {name: diff for (a, s, name), diff in differences.items() if (a, s) == (arm, part)}
                results.append(
                    ArmResult(
                        name=arm,
                        split=split,
                        slice=part,
                        parameters=dict(parameters.get(arm, {})),
                        validation_ndcg=validation_ndcg.get(arm),
                        measures=measures_of_arm,
                        differences=differences_of_arm,
                    )
                )
    return results


def _parts(values: UserValues) -> Iterator[list[Key]]:
    """Keys of some columns of one slice after the other, whose users are resampled together: all at once would be several copies of everything."""
    step = max(FEWEST_COLUMNS, ENTRIES // max(1, len(values.users) * values.n_draws))
    for part in values.slices:
        keys = [key for key in values if key[1] == part]
        for start in range(0, len(keys), step):
            yield keys[start : start + step]


def _winsorised(
    columns: dict[Key, Values], metrics: Mapping[str, SatisfactionMetric], share: float
) -> dict[Key, Values]:
    """``columns`` with the values of metrics without bounds drawn in, at the same ends for every arm and slice."""
    for name, metric in metrics.items():
        whole = [values for (_, part, measure), values in columns.items() if (part, measure) == (ALL, name)]
        if share and whole and is_winsorised(metric):
            for key in [key for key in columns if key[2] == name]:
                columns[key] = winsorised(columns[key], np.concatenate(whole, axis=None), share, metric.bounds)
    return columns


def measures_of(
    columns: Mapping[Key, Values], bounds: Mapping[str, Bounds], settings: MeasureSettings, seed: int
) -> list[Measure]:
    """The mean of each of ``columns``, (n_users, n_draws), with its interval within the ``bounds`` of its measure."""
    values = np.stack(list(columns.values()), axis=1)
    of_users = mean_over_draws(values)
    if values.shape[2] > 1:
        intervals = drawn_means(values, confidence=settings.confidence).intervals
    else:
        intervals = bootstrap_intervals(
            of_users, confidence=settings.confidence, n_bootstrap=settings.n_bootstrap, seed=seed
        )
    measures = []
    for i, (_, _, name) in enumerate(columns):
        column = of_users[:, i]
        ends = (intervals.low[i], intervals.high[i])
        low, high = _ends(column[~np.isnan(column)], values.shape[2], bounds[name], name, ends, settings.confidence)
        measures.append(
            Measure(
                mean=finite_or_none(intervals.mean[i]),
                low=low,
                high=high,
                n_users=int(intervals.n_users[i]),
                effective_users=float(effective_users(column[:, None])[0]) if None in bounds[name] else None,
            )
        )
    return measures


def _ends(
    values: Values, n_draws: int, bounds: Bounds, name: str, estimated: tuple[float, float], confidence: float
) -> tuple[float | None, float | None]:
    """The ends of a mean's interval: exact where that can be, none where values have no spread, else ``estimated`` within ``bounds``."""
    # The jackknife's values of one and the same measure differ by rounding.
    constant = not len(values) or np.ptp(values) <= ROUNDING * np.abs(values).max()
    # The exact interval counts users, and does not know that draws differ.
    if not is_of_catalogue(name) and (n_draws == 1 or constant):
        exact = exact_interval(values, bounds, confidence)
        if exact is not None:
            return exact
    if constant:
        return None, None
    lowest, highest = (end if bound is None else bound for bound, end in zip(bounds, (-np.inf, np.inf), strict=True))
    return finite_or_none(max(estimated[0], lowest)), finite_or_none(min(estimated[1], highest))


class Comparison(NamedTuple):
    """An arm's differences from the baseline in one measure on one slice; p is not corrected."""

    mean: float
    low: float
    high: float
    p: float
    n_users: int
    effective_users: float
    detectable: float


def _compared(
    columns: Mapping[Key, Values], values: UserValues, settings: MeasureSettings, seed: int
) -> dict[Key, Comparison]:
    """Of every arm of ``columns`` but the baseline, where that has a value too."""
    pairs = [key for key in columns if _baseline_of(key, values, settings.baseline) is not None]
    if not pairs:
        return {}
    differences = [columns[key] - values[settings.baseline, key[1], key[2]] for key in pairs]
    compared = compare(np.stack(differences, axis=1), settings=settings, seed=seed)
    of = compared.intervals
    rows = zip(
        of.mean, of.low, of.high, compared.p, of.n_users, compared.effective_users, compared.detectable, strict=True
    )
    return {key: Comparison(*row) for key, row in zip(pairs, rows, strict=True)}


def _baseline_of(key: Key, values: UserValues, baseline: str) -> Key | None:
    """The baseline's key of the same measure and slice; None of the baseline itself, and where it has none."""
    other = (baseline, key[1], key[2])
    return other if key[0] != baseline and other in values else None


def _differences(
    values: UserValues, compared: Mapping[Key, Comparison], settings: MeasureSettings
) -> dict[Key, Difference]:
    """With p-values that are corrected over the comparisons of a slice."""
    adjusted: dict[Key, float] = {}
    for part in dict.fromkeys(key[1] for key in compared):
        family = [key for key in compared if key[1] == part]
        p_values = false_discovery(np.array([compared[key].p for key in family]))
        adjusted |= zip(family, p_values.tolist(), strict=True)
    by_key = {}
    for key, one in compared.items():
        p = adjusted[key]
        leaves_out_zero = bool(one.low > 0 or one.high < 0)
        mean_arm, mean_baseline = means_where_both(values[key], values[settings.baseline, key[1], key[2]])
        by_key[key] = Difference(
            mean=finite_or_none(one.mean),
            low=finite_or_none(one.low),
            high=finite_or_none(one.high),
            p_adjusted=finite_or_none(p),
            significant=leaves_out_zero and p <= 1 - settings.confidence,
            n_users=int(one.n_users),
            mean_arm=mean_arm,
            mean_baseline=mean_baseline,
            effective_users=None if is_of_catalogue(key[2]) else float(one.effective_users),
            detectable=finite_or_none(one.detectable) or None,  # without any spread nothing can be said
        )
    return by_key


def values_by_arm(evaluated: EvaluatedSplit, measure: str, *, part: str = ALL) -> dict[str, Values]:
    """Values of one measure on the slice ``part`` by arm, (n_users, n_draws), aligned over every user who has any value at all, on whatever slice; NaN where
    an arm gives none.
    """
    return evaluated.values.by_arm(measure, part=part)[1]
