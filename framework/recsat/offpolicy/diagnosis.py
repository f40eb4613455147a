r"""Whether a log can answer what a policy would earn, before anybody reads the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recsat.offpolicy.intervals import user_interval
from recsat.offpolicy.log import BanditLog, Floats, Target, weights_of

LEAST_SHARE = 0.01
"""Effective share of the rounds below which a log cannot answer."""
POOR_SHARE = 0.1
"""Below this overlap is poor: the answer is limited, and with few effective clicks there is none."""
LEAST_CLICKS = 3.0
FEW_CLICKS = 10.0
ENOUGH_CLICKS = 30.0
MOST_ERRORS = 3.0
"""Standard errors that the mean weight may be away from 1."""
ROUNDING = 1e-6
"""How far a mean weight without any spread may be from 1."""

Answer = Literal["answers", "limited", "refused"]


@dataclass(frozen=True)
class Diagnosis:
    """Whether a log answers, why not, and the figures behind it."""

    answer: Answer
    reasons: tuple[str, ...]
    """Sentences; empty where it answers."""
    n: int
    n_clicks: int
    """Rounds with a reward."""
    mean_weight: float
    mean_weight_error: float | None
    """Its standard error over users; None with fewer than two."""
    max_weight: float
    effective_rounds: float
    r""":math:`(\sum w)^2 / \sum w^2` (Kish 1965): how many rounds of the target's own would say as much."""
    effective_clicks: float
    r""":math:`(\sum w|r|)^2 / \sum (w r)^2`: how many clicks the estimate rests on."""
    evidence: Literal["logged", "assumed"]
    propensity_model: str

    @property
    def effective_share(self) -> float:
        """Of the rounds."""
        return self.effective_rounds / self.n


def diagnose(log: BanditLog, target: Target) -> Diagnosis:
    r"""Whether ``log`` can say what ``target`` would earn.

    *Refused*: fewer than 1 % effective rounds; a mean weight more than 3 standard errors from 1, which it must be on average where propensities
    are right and the log could show all that the target shows; fewer than 3 effective clicks; fewer than 10, where effective rounds are fewer than
    10 % as well. *Limited*: fewer than 10 % effective rounds, or 30 effective clicks. Fewer than 10 clicks that rest on good overlap are
    limited and not refused, since more of the same log would answer.
    """
    weights = weights_of(log, target)
    mean = float(weights.mean())
    error = user_interval(log, weights, confidence=0.95).standard_error
    effective_rounds, effective_clicks = _effective(weights), _effective(weights * np.abs(log.reward))
    share = effective_rounds / log.n
    off = abs(mean - 1) > max(MOST_ERRORS * (error or 0.0), ROUNDING)
    refusals = [
        (
            share < LEAST_SHARE,
            f"The target shows other things than the log: it says as much as {effective_rounds:,.0f} of its {log.n:,} rounds, less than 1 %.",
        ),
        (
            off,
            f"Weights have a mean of {mean:.3g}, more than 3 standard errors from 1: propensities are not right, or the log could not show what the target shows.",
        ),
        (
            effective_clicks < LEAST_CLICKS or (effective_clicks < FEW_CLICKS and share < POOR_SHARE),
            f"The estimate rests on {effective_clicks:.1f} effective clicks.",
        ),
    ]
    limits = [
        (
            share < POOR_SHARE,
            f"Overlap is poor: the log says as much as {effective_rounds:,.0f} of its {log.n:,} rounds ({share:.1%}).",
        ),
        (
            effective_clicks < ENOUGH_CLICKS,
            f"The estimate rests on {effective_clicks:.0f} effective clicks, fewer than 30: one click more or less changes it.",
        ),
    ]
    refused = [sentence for holds, sentence in refusals if holds]
    limited = [sentence for holds, sentence in limits if holds]
    return Diagnosis(
        answer="refused" if refused else "limited" if limited else "answers",
        reasons=tuple(refused or limited),
        n=log.n,
        n_clicks=int((log.reward != 0).sum()),
        mean_weight=mean,
        mean_weight_error=error,
        max_weight=float(weights.max()),
        effective_rounds=effective_rounds,
        effective_clicks=effective_clicks,
        evidence=log.evidence,
        propensity_model=log.propensity_model,
    )


def _effective(values: Floats) -> float:
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / squares if squares else 0.0
