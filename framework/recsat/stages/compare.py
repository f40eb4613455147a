"""Runs compared on what both judge, and the alerts of a run; see :mod:`recsat.measure.across_runs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsat.config.settings import AlertSettings, RunConfig
from recsat.errors import RunError
from recsat.measure.across_runs import PAIR, JudgedLists, compare_runs
from recsat.measure.measures import key_of
from recsat.measure.significance import holm
from recsat.result.model import Alert, Result, RunComparison
from recsat.run.folder import RunFolder
from recsat.run.history import previous_run
from recsat.stages.prepare import read_split
from recsat.stages.split_lists import read_split_lists


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
) -> ComparedRuns:
    """Every arm (None: all that both runs have) on every split (None: all of ``now``); intervals as ``now`` is configured.

    Lists are compared at the smaller ``rank.k`` of the two. Raises RunError where a run has no lists yet, or is of another domain.
    """
    old, new = before.config(), now.config()
    if len({old.domain, new.domain}) > 1:
        raise RunError(
            f"run {before.run_id} is of domain {old.domain!r} and run {now.run_id} of {new.domain!r}: they have no users in common. "
            "Name runs of one domain."
        )
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
            (judged_lists(before, split.name, draw), judged_lists(now, split.name, draw))
            for draw in range(1, min(split.n_draws, known[split.name].n_draws) + 1)
        ]
        names = arms_of_both(*draws[0]) if arms is None else arms
        absent = [name for name in names if name not in arms_of_both(*draws[0])]
        if absent or not names:
            lacks[split.name] = f"not both runs have lists of {', '.join(absent) or 'any arm'} there."
            continue
        k = min(old.rank.k, new.rank.k)
        of_split = compare_runs(
            draws, split.name, arms=names, measures=measures, k=k, settings=new.measure, seed=new.seed
        )
        comparisons += of_split
        if not of_split:
            lacks[split.name] = "fewer than two users have anything that both runs held out, so nothing can be said."
    return ComparedRuns(before.run_id, now.run_id, comparisons, lacks)


def judged_lists(folder: RunFolder, split: str, draw: int) -> JudgedLists:
    """What a run listed on a draw of a split, from its folder."""
    _, tables = read_split_lists(folder, split, draw)
    parts = read_split(folder, split, draw)
    known = pl.concat([parts.train.select(PAIR), parts.validation.select(PAIR)]).unique()
    items = folder.read_table("data/items.parquet")["item_id"] if parts.test_items is None else parts.test_items
    return JudgedLists(tables.lists, tables.relevant, known, items)


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
        measure=key_of(rule.measure, folder.config().rank.k),
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
    worse = bool(p <= level) and comparison.high is not None and comparison.high < 0
    fall = -comparison.mean / comparison.mean_before if comparison.mean_before else 0.0
    adjusted = comparison.model_copy(
        update={
            "p_adjusted": float(p) if np.isfinite(p) else None,
            "significant": worse or (bool(p <= level) and (comparison.low or 0) > 0),
        }
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
