"""One split, judged: every arm, measure and slice, with intervals, and every arm against the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from pydantic import JsonValue

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import SatisfactionMetric
from recsat.errors import DataError
from recsat.measure.accuracy import Values
from recsat.measure.binomial import exact_interval
from recsat.measure.differences import detectable, difference_intervals, effective_users, winsorised
from recsat.measure.evidence import Evidence
from recsat.measure.intervals import bootstrap_intervals
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
from recsat.measure.significance import holm, sign_flip_test
from recsat.result.model import ArmResult, Difference, Measure, MeasureInfo, NotMeasured

ROUNDING = 1e-12
PER_USER_SCHEMA = pl.Schema(
    {"arm": pl.String, "slice": pl.String, "measure": pl.String, "user_id": pl.String, "value": pl.Float64}
)


@dataclass(frozen=True)
class EvaluatedSplit:
    """What a split found, in the parts of a :class:`~recsat.result.model.Result`."""

    split: str
    k: int
    per_user: pl.DataFrame
    """(arm, slice, measure, user_id, value), a row where a user has a value; without measures of the whole catalogue."""
    arms: list[ArmResult]
    measures: list[MeasureInfo]
    """Everything that was asked for, also what ``not_measured`` says is missing."""
    not_measured: list[NotMeasured]


def evaluate_split(
    lists_by_arm: Mapping[str, pl.DataFrame],
    evidence: Evidence,
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
    p-values are Holm-adjusted over every comparison of the split: all arms, measures and slices. Where the baseline has no lists
    here, there are no differences. ``parameters`` are what each arm was tuned to, and ``validation_ndcg`` how it did with them on
    validation, for the result.
    """
    if not len(evidence.users):
        raise DataError(f"split {evidence.split!r} serves no users, so nothing can be measured. Hold out more events.")
    reasons = _unmeasurable(lists_by_arm, evidence, metrics, k)
    possible = {name: metric for name, metric in metrics.items() if name not in reasons}
    cache = EvaluationCache(evidence, k, with_exposed=any(metric.of_exposed for metric in possible.values()))
    by_user = {arm: score_users(lists, cache, possible) for arm, lists in lists_by_arm.items()}
    whole = {arm: score_catalogue(lists, cache) for arm, lists in lists_by_arm.items()}

    infos = built_in(k) + of_metrics(metrics, winsorise=settings.winsorise)
    slices = [ALL, *cache.user_rows, *(name for name in cache.relevant if name != ALL)]
    columns = _winsorised(_columns(infos, slices, by_user, whole), possible, settings.winsorise)
    bounds = {info.name: bounds_of(info.name, metrics) for info in infos}
    measured = {name for _, part, name in columns if part == ALL}
    for info in infos:
        if info.name not in measured:
            reasons.setdefault(
                info.name, f"No user of {evidence.split} has a value: nobody there meets the measure's definition."
            )
    return EvaluatedSplit(
        split=evidence.split,
        k=k,
        per_user=_tidy(cache.everybody, columns, {name for arm in whole.values() for name in arm}),
        arms=_results(
            columns,
            bounds,
            slices,
            lists_by_arm,
            evidence.split,
            settings,
            seed,
            parameters or {},
            validation_ndcg or {},
        ),
        measures=infos,
        not_measured=[NotMeasured(name=info.name, reason=reasons[info.name]) for info in infos if info.name in reasons],
    )


def _unmeasurable(
    lists_by_arm: Mapping[str, pl.DataFrame], evidence: Evidence, metrics: Mapping[str, SatisfactionMetric], k: int
) -> dict[str, str]:
    reasons: dict[str, str] = {}
    if evidence.vectors is None:
        reasons[key_of("ild", k)] = "The run has no vectors of the items."
    if evidence.topics is None:
        for name in ("topic-ild", "topic-entropy", "topic-simpson", "topic-kl", "topic-hellinger"):
            reasons[key_of(name, k)] = "The domain names no column of topics."
    shared = set.intersection(*(set(lists.columns) for lists in lists_by_arm.values())) if lists_by_arm else set()
    for name, metric in metrics.items():
        if reason := missing_needs(metric, evidence, shared):
            reasons[name] = reason
    return reasons


def _columns(
    infos: Iterable[MeasureInfo],
    slices: Iterable[str],
    by_user: Mapping[str, Scores],
    whole: Mapping[str, dict[str, Values]],
) -> dict[tuple[str, str, str], Values]:
    """Values by (arm, slice, measure), of the measures that any arm has on that slice."""
    columns: dict[tuple[str, str, str], Values] = {}
    for part in slices:
        for info in infos:
            values_or_none = {
                arm: whole[arm].get(info.name)
                if part == ALL and info.name in whole[arm]
                else scores.get((part, info.name))
                for arm, scores in by_user.items()
            }
            values_by_arm = {arm: values for arm, values in values_or_none.items() if values is not None}
            if any(not np.isnan(values).all() for values in values_by_arm.values()):
                columns |= {(arm, part, info.name): values for arm, values in values_by_arm.items()}
    return columns


def _results(
    columns: Mapping[tuple[str, str, str], Values],
    bounds: Mapping[str, Bounds],
    slices: Iterable[str],
    arms: Iterable[str],
    split: str,
    settings: MeasureSettings,
    seed: int,
    parameters: Mapping[str, Mapping[str, JsonValue]],
    validation_ndcg: Mapping[str, float],
) -> list[ArmResult]:
    if not columns:
        return []
    measures = dict(zip(columns, _measures(columns, bounds, settings, seed), strict=True))
    differences = _differences(columns, settings, seed)
    results = []
    for part in slices:
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


def _winsorised(
    columns: dict[tuple[str, str, str], Values], metrics: Mapping[str, SatisfactionMetric], share: float
) -> dict[tuple[str, str, str], Values]:
    """``columns`` with the values of metrics without bounds drawn in, at the same ends for every arm and slice."""
    for name, metric in metrics.items():
        whole = [values for (_, part, measure), values in columns.items() if (part, measure) == (ALL, name)]
        if share and whole and is_winsorised(metric):
            for key in [key for key in columns if key[2] == name]:
                columns[key] = winsorised(columns[key], np.concatenate(whole), share, metric.bounds)
    return columns


def _measures(
    columns: Mapping[tuple[str, str, str], Values], bounds: Mapping[str, Bounds], settings: MeasureSettings, seed: int
) -> list[Measure]:
    intervals = bootstrap_intervals(
        np.column_stack(list(columns.values())),
        confidence=settings.confidence,
        n_bootstrap=settings.n_bootstrap,
        seed=seed,
    )
    measures = []
    for i, ((_, _, name), column) in enumerate(columns.items()):
        low, high = _ends(
            column[~np.isnan(column)], bounds[name], name, (intervals.low[i], intervals.high[i]), settings.confidence
        )
        measures.append(
            Measure(
                mean=_known(intervals.mean[i]),
                low=low,
                high=high,
                n_users=int(intervals.n_users[i]),
                effective_users=float(effective_users(column[:, None])[0]) if None in bounds[name] else None,
            )
        )
    return measures


def _ends(
    values: Values, bounds: Bounds, name: str, bootstrap: tuple[float, float], confidence: float
) -> tuple[float | None, float | None]:
    """The ends of a mean's interval: exact where that can be, none where values have no spread, else ``bootstrap`` within ``bounds``."""
    if not is_of_catalogue(name) and (exact := exact_interval(values, bounds, confidence)) is not None:
        return exact
    # The jackknife's values of one and the same measure differ by rounding.
    if not len(values) or np.ptp(values) <= ROUNDING * np.abs(values).max():
        return None, None
    lowest, highest = (end if bound is None else bound for bound, end in zip(bounds, (-np.inf, np.inf), strict=True))
    return _known(max(bootstrap[0], lowest)), _known(min(bootstrap[1], highest))


def _differences(
    columns: Mapping[tuple[str, str, str], Values], settings: MeasureSettings, seed: int
) -> dict[tuple[str, str, str], Difference]:
    pairs = {
        key: (values, columns[settings.baseline, key[1], key[2]])
        for key, values in columns.items()
        if key[0] != settings.baseline and (settings.baseline, key[1], key[2]) in columns
    }
    if not pairs:
        return {}
    differences = np.column_stack([arm - baseline for arm, baseline in pairs.values()])
    intervals = difference_intervals(
        differences, confidence=settings.confidence, n_bootstrap=settings.n_bootstrap, seed=seed
    )
    adjusted = holm(sign_flip_test(differences))
    n_effective, smallest = effective_users(differences), detectable(differences, confidence=settings.confidence)
    by_key = {}
    for i, (key, (arm, baseline)) in enumerate(pairs.items()):
        compared = ~np.isnan(differences[:, i])
        leaves_out_zero = bool(intervals.low[i] > 0 or intervals.high[i] < 0)
        by_key[key] = Difference(
            mean=_known(intervals.mean[i]),
            low=_known(intervals.low[i]),
            high=_known(intervals.high[i]),
            p_adjusted=_known(adjusted[i]),
            significant=leaves_out_zero and bool(adjusted[i] <= 1 - settings.confidence),
            n_users=int(intervals.n_users[i]),
            mean_arm=float(arm[compared].mean()) if compared.any() else None,
            mean_baseline=float(baseline[compared].mean()) if compared.any() else None,
            effective_users=None if is_of_catalogue(key[2]) else float(n_effective[i]),
            detectable=_known(smallest[i]) or None,  # without any spread nothing can be said
        )
    return by_key


def _known(value: float | np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _tidy(users: pl.Series, columns: Mapping[tuple[str, str, str], Values], aggregates: set[str]) -> pl.DataFrame:
    tables = [
        pl.DataFrame({"user_id": users, "value": values})
        .filter(pl.col("value").is_not_nan())
        .select(
            pl.lit(arm).alias("arm"), pl.lit(part).alias("slice"), pl.lit(name).alias("measure"), "user_id", "value"
        )
        for (arm, part, name), values in columns.items()
        if name not in aggregates
    ]
    return pl.concat(tables) if tables else pl.DataFrame(schema=PER_USER_SCHEMA)
