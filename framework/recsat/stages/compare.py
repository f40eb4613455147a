"""Runs compared on what both judge, and the alerts of a run; see :mod:`recsat.measure.across_runs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsat.config.settings import AlertSettings, RunConfig
from recsat.contract.domain import SatisfactionMetric
from recsat.errors import RunError
from recsat.measure.accuracy import ACCURACY
from recsat.measure.across_runs import PAIR, JudgedLists, compare_runs
from recsat.measure.evaluate import unmeasurable
from recsat.measure.measures import key_of, require_comparable
from recsat.measure.significance import holm
from recsat.plugins import Plugins, load_plugins
from recsat.result.model import Alert, Result, RunComparison
from recsat.run.folder import RunFolder
from recsat.run.history import previous_run
from recsat.run.stage import StageContext
from recsat.stages.prepare import read_split
from recsat.stages.split_lists import read_split_lists
from recsat.stages.trial.evidence import evidence_of
from recsat.stages.trial.inputs import RunInputs, embedded_inputs


@dataclass(frozen=True)
class ComparedRuns:
    """What two runs say on common ground, and where they have none."""

    before: str
    now: str
    comparisons: list[RunComparison]
    lacks: dict[str, str]
    """By split: why nothing is compared there."""


def compare_folders(
    before: RunFolder,
    now: RunFolder,
    *,
    measures: Sequence[str] = ("ndcg",),
    arms: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    plugins: Plugins | None = None,
) -> ComparedRuns:
    """Every arm (None: all that both runs have) on every split (None: all of ``now``); intervals as ``now`` is configured.

    Lists are compared at the smaller ``rank.k`` of the two. ``plugins`` (None: those that are installed) have the domain's metrics, for ``measures`` beyond
    accuracy. Raises RunError where a run has no lists yet, or is of another domain, and ConfigError for a measure by which runs cannot be compared.
    """
    old, new = before.config(), now.config()
    tables = None if set(measures) <= set(ACCURACY) else _tables_of(now, measures, plugins)
    if len({old.domain, new.domain}) > 1:
        raise RunError(
            f"run {before.run_id} is of domain {old.domain!r} and run {now.run_id} of {new.domain!r}: they have no users in common. "
            "Name runs of one domain."
        )
    inputs = None if tables is None else tables.inputs
    comparisons: list[RunComparison] = []
    lacks: dict[str, str] = {}
    known = {split.name: split for split in old.splits}
    for split in new.splits:
        if splits is not None and split.name not in splits:
            continue
        if split.name not in known:
            lacks[split.name] = f"run {before.run_id} has no split {split.name}."
            continue
        draws = [
            (judged_lists(before, split.name, draw), judged_lists(now, split.name, draw, inputs))
            for draw in range(1, min(split.n_draws, known[split.name].n_draws) + 1)
        ]
        names = arms_of_both(*draws[0]) if arms is None else arms
        absent = [name for name in names if name not in arms_of_both(*draws[0])]
        if absent or not names:
            arms_absent = ", ".join(absent) or "any arm"
            lacks[split.name] = f"not both runs have lists of {arms_absent} there."
            continue
        reasons = _unmeasurable(measures, draws[0][1], tables)
        if reasons:
            lacks[split.name] = " ".join(f"{name}: {reason}" for name, reason in reasons.items())
        if set(measures) <= set(reasons):
            continue
        of_split = compare_runs(
            draws,
            split.name,
            arms=names,
            measures=[name for name in measures if name not in reasons],
            k=min(old.rank.k, new.rank.k),
            settings=new.measure,
            seed=new.seed,
            metrics={} if tables is None else tables.metrics,
        )
        comparisons += of_split
        if not of_split:
            lacks[split.name] = "fewer than two users have anything that both runs held out, so nothing can be said."
    return ComparedRuns(before.run_id, now.run_id, comparisons, lacks)


@dataclass(frozen=True)
class _Tables:
    """What measures beyond accuracy are computed from."""

    inputs: RunInputs
    metrics: Mapping[str, SatisfactionMetric]


def _tables_of(now: RunFolder, measures: Sequence[str], plugins: Plugins | None) -> _Tables:
    context = StageContext.open(now, load_plugins() if plugins is None else plugins)
    metrics = context.plugins.metrics(context.domain)
    for name in measures:
        require_comparable(name, metrics)
    return _Tables(embedded_inputs(context), metrics)


def primaries(result: Result) -> list[str]:
    """The primary measures of the run's dimensions, accuracy's first, as :func:`compare_folders` takes them."""
    names = [one.primary.measure.partition("@")[0] for one in result.verdicts if one.primary is not None]
    return list(dict.fromkeys(["ndcg", *names]))


def _unmeasurable(measures: Sequence[str], now: JudgedLists, tables: _Tables | None) -> dict[str, str]:
    """By measure, why the data of the later run cannot give it."""
    if tables is None or now.evidence is None:
        return {}
    reasons = unmeasurable(now.evidence, tables.metrics, ["user_id", "item_id", "rank"])
    return {name: reasons[name] for name in measures if name in reasons}


def judged_lists(folder: RunFolder, split: str, draw: int, inputs: RunInputs | None = None) -> JudgedLists:
    """What a run listed on a draw of a split, from its folder; with ``inputs``, for measures beyond accuracy too."""
    _, tables = read_split_lists(folder, split, draw)
    parts = read_split(folder, split, draw)
    known = pl.concat([parts.train.select(PAIR), parts.validation.select(PAIR)]).unique()
    items = folder.read_table("data/items.parquet")["item_id"] if parts.test_items is None else parts.test_items
    evidence = None if inputs is None else evidence_of(inputs, parts, tables.users, tables.relevant)
    return JudgedLists(tables.lists, tables.relevant, known, items, evidence)


def alerts_of(folder: RunFolder, result: Result) -> list[Alert]:
    """Every rule of the run's ``alerts``, held against the run before this one of the same domain and series.

    One is raised where the arm is worse beyond chance, by Holm over all rules of the run, and its mean fell by ``worse_by`` of itself or more.
    """
    config = folder.config()
    if not config.alerts:
        return []
    previous = previous_run(folder, result)
    alerts = [
        _held_against(previous, folder, rule, split)
        for rule in config.alerts
        for split in _splits_of(rule, config, result)
    ]
    return judged_together(alerts, 1 - config.measure.confidence)


def _held_against(previous: RunFolder | None, folder: RunFolder, rule: AlertSettings, split: str) -> Alert:
    """The comparison of one rule, or why there is none; nothing is raised yet."""
    comparison, lack = None, "there is no earlier run of this domain and series."
    if previous is not None:
        try:
            compared = compare_folders(previous, folder, measures=[rule.measure], arms=[rule.arm], splits=[split])
            comparison, lack = next(iter(compared.comparisons), None), compared.lacks.get(split, "")
        except (
            RunError
        ) as error:  # the run before this one is damaged or of an older version, and that is no fault of this one
            lack = str(error)
    return Alert(
        arm=rule.arm,
        measure=rule.measure if "." in rule.measure else key_of(rule.measure, folder.config().rank.k),
        split=split,
        worse_by=rule.worse_by,
        previous=None if previous is None else previous.run_id,
        comparison=comparison,
        lack=lack,
        raised=False,
    )


def judged_together(alerts: Sequence[Alert], level: float) -> list[Alert]:
    """``alerts`` with p-values that are Holm-adjusted over all of them, and raised where they reach ``level``."""
    p = holm(
        np.array(
            [np.nan if one.comparison is None else one.comparison.p_adjusted for one in alerts],
            dtype=np.float64,
        )
    )
    return [
        one if one.comparison is None else _outcome(one, one.comparison, value, level)
        for one, value in zip(alerts, p, strict=True)
    ]


def _outcome(alert: Alert, comparison: RunComparison, p: float, level: float) -> Alert:
    below, above = ((comparison.high or 0) < 0, (comparison.low or 0) > 0)
    sign = 1 if comparison.better == "higher" else -1
    is_significant = bool(p <= level)
    worse = is_significant and (below if sign > 0 else above)
    fall = -sign * comparison.mean / abs(comparison.mean_before) if comparison.mean_before else 0.0
    adjusted = comparison.model_copy(
        update={"p_adjusted": float(p) if np.isfinite(p) else None, "significant": is_significant and (below or above)}
    )
    return alert.model_copy(update={"comparison": adjusted, "raised": worse and fall >= alert.worse_by})


def arms_of_both(before: JudgedLists, now: JudgedLists) -> list[str]:
    """In the order of the later run."""
    in_both = set(before.lists["arm"])
    return [arm for arm in now.lists["arm"].unique(maintain_order=True) if arm in in_both]


def _splits_of(rule: AlertSettings, config: RunConfig, result: Result) -> list[str]:
    ranked = {arm.split for arm in result.arms if arm.name == rule.arm}
    return [
        split.name
        for split in config.splits
        if split.name == rule.split or (rule.split is None and split.name in ranked)
    ]
