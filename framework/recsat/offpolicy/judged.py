"""Policies as the result has them: judged by a log of rounds, or by a file that holds one."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

import polars as pl

from recsat.config.settings import PolicyLogSettings
from recsat.data.columns import Column
from recsat.data.faults import sentences
from recsat.data.reading import read_table
from recsat.errors import DataError, did_you_mean
from recsat.offpolicy.diagnosis import diagnose
from recsat.offpolicy.estimators import SNIPS
from recsat.offpolicy.intervals import PolicyValue, interval_of_difference, user_interval
from recsat.offpolicy.log import BanditLog, Floats
from recsat.result.model import CounterfactualValue, Estimate, PolicyLog

Reward: TypeAlias = Literal["click", "value"]
COLUMNS: Final = {
    "user_id": Column(),
    "policy": Column(),
    "click": Column(kind="number"),
    "propensity": Column(kind="number"),
    "probability": Column(kind="number"),
    "value": Column(kind="number", required=False, unreadable="row"),
}


def judged_logs(settings: PolicyLogSettings, confidence: float) -> list[PolicyLog]:
    """What the judged policy would have earned by the log of the other (SNIPS), beside what it earned itself where the file has that: clicks, and after these what
    exposures brought in where the file says it of any.

    Raises DataError, naming file and row, for a file that cannot be read and for probabilities that are none, and where the policy of the log has no row.
    """
    path = Path(settings.file)
    rows, faults = read_table(path, COLUMNS)
    if faults.height:
        raise DataError(sentences(faults)[0])
    logged, shown_itself = (rows.filter(pl.col("policy") == name) for name in (settings.logged_by, settings.judged))
    if not logged.height:
        names = rows["policy"].unique().sort().to_list()
        raise DataError(
            f"{path.name}: no row is of policy {settings.logged_by!r}; it has {', '.join(names) or 'none'}. "
            f"Correct logged_by of log {settings.name!r}.{did_you_mean(settings.logged_by, names)}"
        )
    rewards: list[Reward] = ["click", "value"] if "value" in rows.columns and rows["value"].count() else ["click"]
    return [_judged(settings, logged, shown_itself, reward, confidence) for reward in rewards]


def _judged(
    settings: PolicyLogSettings, logged: pl.DataFrame, shown_itself: pl.DataFrame, reward: Reward, confidence: float
) -> PolicyLog:
    log, target = _bandit_log(logged, reward), logged["probability"].to_numpy()
    judged = value_of(settings.judged, log, target, confidence)
    itself = _bandit_log(shown_itself, reward) if shown_itself.height else None
    gap = None
    if itself is not None and judged.value is not None:
        contributions = SNIPS().contributions(log, target)
        gap = estimate(interval_of_difference(log, contributions, itself, itself.reward, confidence=confidence))
    return PolicyLog(
        name=settings.name,
        logged_by=settings.logged_by,
        reward=reward,
        unit=settings.unit if reward == "value" else "",
        propensity_model=settings.propensity_model,
        n=log.n,
        n_clicks=int((log.reward != 0).sum()),
        n_users=log.n_users,
        logging=mean_reward(log, user_interval(log, log.reward, confidence=confidence)),
        judged=judged,
        earned=None
        if itself is None
        else mean_reward(itself, user_interval(itself, itself.reward, confidence=confidence)),
        against_earned=gap,
    )


def _bandit_log(rows: pl.DataFrame, reward: Reward) -> BanditLog:
    return BanditLog(
        reward=rows[reward].fill_null(0.0).to_numpy(),
        propensity=rows["propensity"].to_numpy(),
        user=rows["user_id"].to_numpy(),
    )


def value_of(policy: str, log: BanditLog, target: Floats, confidence: float) -> CounterfactualValue:
    """The value of a policy of which ``target`` (n,) has the probability of what was shown, with SNIPS; none where the log cannot answer."""
    diagnosis = diagnose(log, target)
    value = difference = None
    if diagnosis.answer != "refused":
        contributions = SNIPS().contributions(log, target)
        value = mean_reward(log, user_interval(log, contributions, confidence=confidence))
        difference = estimate(user_interval(log, contributions - log.reward, confidence=confidence))
    return CounterfactualValue(
        arm=policy,
        answer=diagnosis.answer,
        causes=list(diagnosis.causes),
        reasons=list(diagnosis.reasons),
        value=value,
        against_logging=difference,
        effective_rounds=diagnosis.effective_rounds,
        effective_clicks=diagnosis.effective_clicks,
        mean_weight=diagnosis.mean_weight,
    )


def mean_reward(log: BanditLog, value: PolicyValue) -> Estimate:
    """Its ends lie between 0, or what is less, and the largest reward of the log. There are none without any spread, as where nothing was clicked."""
    if value.low is None or value.high is None or not value.standard_error:
        return Estimate(value=value.value, low=None, high=None)
    least, most = min(0.0, float(log.reward.min())), float(log.reward.max())
    return Estimate(value=value.value, low=max(value.low, least), high=min(value.high, most))


def estimate(value: PolicyValue) -> Estimate:
    """As a part of the result."""
    return Estimate(value=value.value, low=value.low, high=value.high)
