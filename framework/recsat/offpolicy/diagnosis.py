r"""Whether a log can answer what a policy would earn, before anybody reads the answer."""

from __future__ import annotations

from collections.abc import Mapping
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
ENOUGH_AMOUNTS = 100.0
"""Of rewards that are amounts: with half as many, intervals of 95 % hold the value in 90 % (docs/coverage.md)."""
MOST_ERRORS = 3.0
"""Standard errors that the mean weight may be away from 1."""
ROUNDING = 1e-6
"""How far a mean weight without any spread may be from 1."""

Answer = Literal["answers", "limited", "refused"]
Cause = Literal["no overlap", "mean weight", "no clicks", "poor overlap", "few clicks"]
"""Why a log cannot answer (the first three), or only within limits."""
SENTENCES: Mapping[Cause, str] = {
    "no overlap": (
        "The log shows other things than the policy would: it says as much as %(effective)s of its %(n)s exposures, fewer than 1 %%."
    ),
    "mean weight": (
        "Weights have a mean of %(mean_weight)s, more than 3 standard errors from 1: propensities are not right, "
        "or the log could not show what the policy would."
    ),
    "no clicks": "The estimate would rest on %(clicks)s effective clicks.",
    "poor overlap": "Overlap is poor: the log says as much as %(effective)s of its %(n)s exposures.",
    "few clicks": "The estimate rests on %(clicks)s effective clicks, fewer than 30.",
}

SENTENCES_OF_AMOUNTS: Mapping[Cause, str] = {
    **SENTENCES,
    "no clicks": "The estimate would rest on as much as %(clicks)s exposures that brought something in.",
    "few clicks": "The estimate rests on as much as %(clicks)s exposures that brought something in, fewer than 100: its interval may be too narrow.",
}
"""The same of a log whose rewards are amounts."""


def figures(n: int, effective_rounds: float, effective_clicks: float, mean_weight: float) -> dict[str, str]:
    """What stands in the places of :data:`SENTENCES`."""
    return {
        "n": f"{n:,}",
        "effective": f"{effective_rounds:,.0f}",
        "clicks": f"{effective_clicks:,.1f}",
        "mean_weight": f"{mean_weight:.3g}",
    }


@dataclass(frozen=True)
class Diagnosis:
    """Whether a log answers, why not, and the figures behind it."""

    answer: Answer
    causes: tuple[Cause, ...]
    """Empty where it answers."""
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
    of_clicks: bool = True
    """Whether rewards are clicks, and no amounts."""

    @property
    def effective_share(self) -> float:
        """Of the rounds."""
        return self.effective_rounds / self.n

    @property
    def reasons(self) -> tuple[str, ...]:
        """The causes, a sentence each."""
        words = figures(self.n, self.effective_rounds, self.effective_clicks, self.mean_weight)
        sentences = SENTENCES if self.of_clicks else SENTENCES_OF_AMOUNTS
        return tuple(sentences[cause] % words for cause in self.causes)


def diagnose(log: BanditLog, target: Target) -> Diagnosis:
    r"""Whether ``log`` can say what ``target`` would earn.

    *Refused*: fewer than 1 % effective rounds; a mean weight more than 3 standard errors from 1, which it must be on average where propensities
    are right and the log could show all that the target shows; fewer than 3 effective clicks, or fewer than 10 where effective rounds are fewer
    than 10 % as well. *Limited*: fewer than 10 % effective rounds, or 30 effective clicks, 100 where rewards are amounts. Few clicks that rest on good overlap are limited and
    not refused, since more of the same log would answer.
    """
    weights = weights_of(log, target)
    mean = float(weights.mean())
    error = user_interval(log, weights, confidence=0.95).standard_error
    effective_rounds, effective_clicks = _effective(weights), _effective(weights * np.abs(log.reward))
    share = effective_rounds / log.n
    fewest = FEW_CLICKS if share < POOR_SHARE else LEAST_CLICKS
    refusals: dict[Cause, bool] = {
        "no overlap": share < LEAST_SHARE,
        "mean weight": abs(mean - 1) > max(MOST_ERRORS * (error or 0.0), ROUNDING),
        "no clicks": effective_clicks < fewest,
    }
    enough = ENOUGH_CLICKS if log.of_clicks else ENOUGH_AMOUNTS
    limits: dict[Cause, bool] = {"poor overlap": share < POOR_SHARE, "few clicks": effective_clicks < enough}
    refused = tuple(cause for cause, holds in refusals.items() if holds)
    limited = tuple(cause for cause, holds in limits.items() if holds)
    return Diagnosis(
        answer="refused" if refused else "limited" if limited else "answers",
        causes=refused or limited,
        n=log.n,
        n_clicks=int((log.reward != 0).sum()),
        mean_weight=mean,
        mean_weight_error=error,
        max_weight=float(weights.max()),
        effective_rounds=effective_rounds,
        effective_clicks=effective_clicks,
        evidence=log.evidence,
        propensity_model=log.propensity_model,
        of_clicks=log.of_clicks,
    )


def _effective(values: Floats) -> float:
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / squares if squares else 0.0
