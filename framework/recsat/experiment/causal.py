"""One table of the effect of the language-model arm: what held-out events, the log and an experiment say of each dimension, or why they say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from recsat.contract.domain import Dimension
from recsat.result.model import (
    CausalCell,
    CausalRow,
    CausalTable,
    Counterfactual,
    Estimate,
    Experiment,
    Verdict,
)

CLICKS, VALUE = "clicks per exposure", "value per exposure"


def causal_tables(
    verdicts: Sequence[Verdict],
    counterfactuals: Sequence[Counterfactual],
    experiment: Experiment | None,
    *,
    labels: Mapping[str, str],
    simulated: bool,
) -> list[CausalTable]:
    """A table for each split whose pair of arms was compared: that pair by every kind of evidence.

    ``labels`` are of the measures. An experiment speaks of the pair where its policies are called as the two arms, one that was simulated of the arms as they were fitted on its split;
    another experiment is evidence of another effect.
    """
    tables = []
    for split in dict.fromkeys(verdict.split for verdict in verdicts):
        of_split = {verdict.dimension: verdict for verdict in verdicts if verdict.split == split}
        primary = next((verdict.primary for verdict in of_split.values() if verdict.primary is not None), None)
        if primary is None:
            continue
        logs: dict[str, Counterfactual] = {one.reward: one for one in counterfactuals if one.split == split}
        rows = [
            CausalRow(
                dimension=dimension,
                cells=[
                    _replay(of_split.get(dimension), labels, simulated=simulated),
                    _log(dimension, logs, simulated=simulated),
                    _experiment(dimension, experiment, primary.arm, primary.other, split, simulated=simulated),
                ],
            )
            for dimension in get_args(Dimension)
        ]
        tables.append(CausalTable(split=split, arm=primary.arm, other=primary.other, rows=rows))
    return tables


def _replay(verdict: Verdict | None, labels: Mapping[str, str], *, simulated: bool) -> CausalCell:
    if verdict is None or verdict.primary is None:
        return CausalCell(evidence="replay", lack="not measured")
    one = verdict.primary
    return CausalCell(
        evidence="replay",
        measure=labels.get(one.measure, one.measure),
        estimate=Estimate(value=one.mean, low=one.low, high=one.high),
        assumed=one.measure in verdict.assumed,
        simulated=simulated,
    )


def _log(dimension: Dimension, logs: Mapping[str, Counterfactual], *, simulated: bool) -> CausalCell:
    if dimension == "accuracy":
        return CausalCell(evidence="log", lack="nothing held out")
    if dimension == "diversity":
        return CausalCell(evidence="log", lack="single places")
    reward, measure = ("value", VALUE) if dimension == "business" else ("click", CLICKS)
    log = logs.get(reward)
    if log is None and logs:
        return CausalCell(evidence="log", lack="clicks alone")
    if log is None or log.pair is None:
        return CausalCell(evidence="log", lack="no log")
    if log.pair.difference is None:
        return CausalCell(evidence="log", measure=measure, lack="log refused")
    return CausalCell(
        evidence="log",
        measure=measure,
        estimate=log.pair.difference,
        assumed=log.evidence == "assumed",
        limited=log.pair.answer == "limited",
        simulated=simulated,
    )


def _experiment(
    dimension: Dimension, experiment: Experiment | None, arm: str, other: str, split: str, *, simulated: bool
) -> CausalCell:
    if experiment is None:
        return CausalCell(evidence="experiment", lack="no experiment")
    if dimension == "accuracy":
        return CausalCell(evidence="experiment", lack="nothing held out")
    treatments = list(experiment.n_users)[1:]
    forward, backward = experiment.control == other, experiment.control == arm
    treatment = arm if forward else other if backward else None
    if treatment not in treatments or experiment.split not in (None, split):
        return CausalCell(evidence="experiment", lack="other policies")
    if experiment.stop is not None:
        return CausalCell(evidence="experiment", lack="stopped")
    effects = [one for one in experiment.effects if one.treatment == treatment and one.dimension == dimension]
    # The first that decides, else the first.
    effect = next((one for one in effects if one.role == "primary"), effects[0] if effects else None)
    if effect is None:
        return CausalCell(evidence="experiment", lack="no metric")
    return CausalCell(
        evidence="experiment",
        measure=effect.metric,
        estimate=effect.difference if forward else _reversed(effect.difference),
        simulated=simulated or experiment.simulated,
    )


def _reversed(one: Estimate) -> Estimate:
    if one.low is None or one.high is None:
        return Estimate(value=-one.value, low=None, high=None)
    return Estimate(value=-one.value, low=-one.high, high=-one.low)
