"""From a log of what was shown to whom by which policy, to differences between the groups of users, and whether they decide anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from recsat.config.settings import ExperimentMetric, ExperimentSettings
from recsat.errors import DataError, did_you_mean
from recsat.experiment.checks import MISMATCH, imbalance, sample_ratio_p
from recsat.experiment.effects import (
    Effect,
    Floats,
    adjusted_effect,
    effective_users,
    margin_interval,
    mean_effect,
    ratio_effect,
    winsorised,
)
from recsat.experiment.sequence import confidence_sequence, ratio_confidence_sequence
from recsat.experiment.users import CLICK_RATE, finished, users_of
from recsat.measure.differences import smallest_shown
from recsat.measure.significance import holm
from recsat.result.model import Estimate, Experiment, ExperimentEffect, ExperimentImbalance

FEWEST_USERS = 30
"""Of a group, below which no number is shown."""
Outcome = Literal["better", "worse", "not shown", "holds", "fails"]


def analyse(log: pl.DataFrame, settings: ExperimentSettings, *, source: str, confidence: float = 0.95) -> Experiment:
    """Every policy of ``log`` against the control, over users; ``log`` has a row for each exposure, or for each user.

    No effect is compared where the sizes of the groups are no chance, or a group is of fewer than 30 users. Raises DataError where columns or the control are missing, a user's policy
    is, or more than 1 % of the users saw several policies, who were then not assigned by user.
    """
    metrics = settings.metrics or CLICK_RATE
    users, n_several = users_of(log, settings, metrics, source)
    users, n_unfinished = finished(users, settings)
    counts = dict(users.group_by("policy").len().sort("policy").iter_rows())
    if settings.control not in counts or len(counts) < 2:
        names = ", ".join(map(str, counts)) or "nobody"
        raise DataError(
            f"{source}: users were shown {names}; the control is {settings.control!r}. Name one of at least two policies as the control.{did_you_mean(settings.control, counts)}"
        )
    order = [settings.control, *(name for name in counts if name != settings.control)]
    shares = settings.shares or dict.fromkeys(counts, 1.0)
    p = sample_ratio_p(counts, shares)
    few = min(counts.values()) < FEWEST_USERS
    stop: Literal["mismatch", "few users"] | None = "mismatch" if p < MISMATCH else "few users" if few else None
    experiment = Experiment(
        source=source,
        simulated=settings.simulated,
        control=settings.control,
        n_users={name: counts[name] for name in order},
        shares={name: shares[name] / sum(shares.values()) for name in order},
        n_several=n_several,
        n_unfinished=n_unfinished,
        days=settings.days,
        sample_ratio_p=p,
        stop=stop,
    )
    if stop is not None:
        return experiment
    groups = {name: _Group(users.filter(pl.col("policy") == name)) for name in order}
    return experiment.model_copy(
        update={
            "imbalances": _imbalances(groups, settings.control, metrics, confidence),
            "effects": _effects(groups, settings, metrics, confidence),
        }
    )


@dataclass(frozen=True)
class _Group:
    users: pl.DataFrame

    def value(self, name: str, metric: ExperimentMetric) -> Floats:
        values = self.users[f"value {name}"].to_numpy()
        return values if metric.cap is None else winsorised(values, metric.cap)

    def divisor(self, name: str) -> Floats:
        return self.users[f"per {name}"].to_numpy()

    def before(self, name: str) -> Floats:
        return self.users[f"before {name}"].fill_null(float("nan")).to_numpy()


def _effects(
    groups: Mapping[str, _Group],
    settings: ExperimentSettings,
    metrics: Mapping[str, ExperimentMetric],
    confidence: float,
) -> list[ExperimentEffect]:
    pairs = [(name, treatment) for name in metrics for treatment in groups if treatment != settings.control]
    effects = {
        pair: _effect(groups[settings.control], groups[pair[1]], pair[0], metrics[pair[0]], confidence)
        for pair in pairs
    }
    primary = [pair for pair in pairs if metrics[pair[0]].role == "primary"]
    raw = np.array([np.nan if (p := effects[pair].p) is None else p for pair in primary])
    adjusted = dict(zip(primary, holm(raw).tolist(), strict=True)) if primary else {}
    return [
        _row(
            groups[settings.control],
            groups[pair[1]],
            pair,
            metrics[pair[0]],
            effects[pair],
            adjusted.get(pair),
            settings,
            confidence,
            family=len(primary) if pair in adjusted else 1,
        )
        for pair in pairs
    ]


def _effect(control: _Group, treatment: _Group, name: str, metric: ExperimentMetric, confidence: float) -> Effect:
    values = control.value(name, metric), treatment.value(name, metric)
    if metric.per is not None:
        pairs = (values[0], control.divisor(name)), (values[1], treatment.divisor(name))
        return ratio_effect(*pairs, confidence=confidence)
    if metric.before is not None:
        return adjusted_effect(*values, control.before(name), treatment.before(name), confidence=confidence)
    return mean_effect(*values, confidence=confidence)


def _row(
    control: _Group,
    treatment: _Group,
    pair: tuple[str, str],
    metric: ExperimentMetric,
    effect: Effect,
    p_adjusted: float | None,
    settings: ExperimentSettings,
    confidence: float,
    *,
    family: int,
) -> ExperimentEffect:
    values = control.value(pair[0], metric), treatment.value(pair[0], metric)
    p_adjusted = None if p_adjusted is None or np.isnan(p_adjusted) else p_adjusted
    guardrail = metric.role == "guardrail"
    return ExperimentEffect(
        metric=pair[0],
        dimension=metric.dimension,
        treatment=pair[1],
        role=metric.role,
        better=metric.better,
        mean_control=effect.control,
        mean_treatment=effect.treatment,
        difference=Estimate(value=effect.difference, low=effect.low, high=effect.high),
        relative=None
        if effect.relative is None
        else Estimate(value=effect.relative, low=effect.relative_low, high=effect.relative_high),
        p=effect.p,
        p_adjusted=p_adjusted,
        outcome=guardrail_outcome(effect, metric, confidence)
        if guardrail
        else outcome_of(effect, metric, p_adjusted if metric.role == "primary" else effect.p, confidence),
        detectable=smallest_shown(effect.standard_error, confidence=confidence, family=family)
        if effect.standard_error
        else None,
        margin=metric.margin if guardrail else None,
        variance_ratio=effect.variance_ratio if metric.before is not None else None,
        effective_users=min(map(effective_users, values)),
        every_day=_every_day(control, treatment, pair[0], metric, confidence) if settings.days is not None else None,
    )


def outcome_of(effect: Effect, metric: ExperimentMetric, p: float | None, confidence: float) -> Outcome:
    """Better or worse where p, corrected or not, is below the level; the interval, which is of the same t, then leaves out 0."""
    if p is None or p >= 1 - confidence:
        return "not shown"
    return "better" if (effect.difference > 0) == (metric.better == "higher") else "worse"


def guardrail_outcome(effect: Effect, metric: ExperimentMetric, confidence: float) -> Outcome:
    """Holds or fails where the interval lies on one side of the margin."""
    ends = margin_interval(effect, metric.margin, better=metric.better, confidence=confidence)
    if ends is None:
        return "not shown"
    return "holds" if ends[0] > 0 else "fails" if ends[1] < 0 else "not shown"


def _every_day(control: _Group, treatment: _Group, name: str, metric: ExperimentMetric, confidence: float) -> Estimate:
    """The last look of users in the order in which their days were over."""
    first = pl.concat([control.users["first"], treatment.users["first"]]).min()
    day = (pl.col("first") - pl.lit(first)).dt.total_days()
    numbers = [group.users.select(day).to_series().to_numpy() for group in (control, treatment)]
    n_days = int(max(number.max() for number in numbers)) + 1
    groups = list(zip((control, treatment), numbers, strict=True))

    def parts(of_group: Callable[[_Group], Floats]) -> list[list[Floats]]:
        return [[of_group(group)[number == i] for i in range(n_days)] for group, number in groups]

    values = parts(lambda group: group.value(name, metric))
    if metric.per is None:
        last = confidence_sequence(*values, confidence=confidence)[-1]
    else:
        divisors = parts(lambda group: group.divisor(name))
        pairs = [list(zip(*both, strict=True)) for both in zip(values, divisors, strict=True)]
        last = ratio_confidence_sequence(*pairs, confidence=confidence)[-1]
    return Estimate(value=last.difference, low=last.low, high=last.high)


def _imbalances(
    groups: Mapping[str, _Group], control: str, metrics: Mapping[str, ExperimentMetric], confidence: float
) -> list[ExperimentImbalance]:
    rows = []
    for name, metric in metrics.items():
        for treatment in groups:
            if metric.before is None or treatment == control:
                continue
            effect = imbalance(groups[control].before(name), groups[treatment].before(name), confidence=confidence)
            if effect is not None:
                rows.append(
                    ExperimentImbalance(
                        metric=name,
                        treatment=treatment,
                        difference=Estimate(value=effect.difference, low=effect.low, high=effect.high),
                        p=effect.p,
                        differs=effect.p is not None and effect.p < MISMATCH,
                    )
                )
    return rows
