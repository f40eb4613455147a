r"""Estimators of the value of a policy from the rounds of another.

With the weight :math:`w = \pi_e(a \mid x, k) / \pi_b(a \mid x, k)` of what was shown, the reward r, and of an outcome model
:math:`\hat q` of what was shown and :math:`\hat q(\pi_e) = \sum_a \pi_e(a)\, \hat q(a)`, each is a sum of contributions

.. math:: \hat V = \frac1n \sum_i \bigl[\hat q_i(\pi_e) + c_i\,(r_i - \hat q_i)\bigr]

with another correction weight c: 0 for the direct method, w for doubly robust, and so on. Without a model :math:`\hat q = 0`.

``estimate`` gives the value, ``interval`` the value with its uncertainty over users (:mod:`recsat.offpolicy.intervals`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recsat.errors import DataError
from recsat.offpolicy.intervals import PolicyValue, ratio_contributions, refitted_interval, user_interval
from recsat.offpolicy.log import BanditLog, Floats, Target, weights_of
from recsat.offpolicy.outcome import LinearOutcome, OutcomeModel, Predictions

N_RESAMPLES = 400


class Estimator(ABC):
    """What all estimators of a value by round can do; they differ in how a weight corrects."""

    self_normalised: ClassVar[bool] = False
    """Whether corrections are divided by the mean of their weights."""

    @abstractmethod
    def correction(self, weights: Floats) -> Floats:
        """(n,): c of the module's formula."""

    def predictions(self, log: BanditLog) -> Predictions:
        """q̂ of each round; zeros for an estimator without an outcome model."""
        return Predictions(np.zeros(log.n), np.zeros(log.n))

    def estimate(self, log: BanditLog, target: Target) -> float:
        """Mean reward of a round, had ``target`` chosen what was shown.

        Raises DataError where the target or the model does not fit the log, and where a self-normalised estimator has nothing to divide by.
        """
        return float(self.contributions(log, target).mean())

    def interval(
        self, log: BanditLog, target: Target, *, confidence: float = 0.95, seed: int = 0, n_resamples: int = N_RESAMPLES
    ) -> PolicyValue:
        """The estimate with its interval over users: by each user's influence, and t.

        ``seed`` and ``n_resamples`` are for estimators whose outcome model is refitted. The ends are None with fewer than two users.
        """
        return user_interval(log, self.contributions(log, target), confidence=confidence)

    def contributions(self, log: BanditLog, target: Target) -> Floats:
        """(n,): their mean is the estimate, and their spread is that of the estimate (of a ratio by the delta method)."""
        weights = self.correction(weights_of(log, target))
        model = self.predictions(log)
        terms = weights * (log.reward - model.of_actions)
        return model.of_target + (ratio_contributions(terms, weights) if self.self_normalised else terms)


@dataclass(frozen=True)
class IPS(Estimator):
    r"""Inverse propensity scoring, :math:`\frac1n \sum_i \min(w_i, \lambda)\, r_i`: free of bias with λ = ∞ where the log could show all that the target shows.

    Horvitz and Thompson, JASA 1952; Strehl et al., NeurIPS 2010. Weights are clipped at λ, not propensities, and never set to 0.
    """

    clip: float = np.inf

    def correction(self, weights: Floats) -> Floats:
        return np.minimum(weights, self.clip)


@dataclass(frozen=True)
class SNIPS(Estimator):
    r"""Self-normalised IPS, :math:`\sum_i w_i r_i / \sum_i w_i`. Swaminathan and Joachims, NeurIPS 2015.

    Between the least and the largest reward, and with a bias of the order 1/n.
    """

    self_normalised: ClassVar[bool] = True

    def correction(self, weights: Floats) -> Floats:
        return weights


@dataclass(frozen=True)
class ModelBased(Estimator):
    """With an outcome model."""

    outcome: OutcomeModel

    def predictions(self, log: BanditLog) -> Predictions:
        return self.outcome.predictions(log)


@dataclass(frozen=True)
class Refitted(ModelBased):
    """To whose uncertainty the outcome model's own adds, which only a refit shows."""

    def interval(
        self, log: BanditLog, target: Target, *, confidence: float = 0.95, seed: int = 0, n_resamples: int = N_RESAMPLES
    ) -> PolicyValue:
        """The estimate with its interval over users: the outcome model is fitted anew on ``n_resamples`` samples of the users, drawn by ``seed``.

        Raises DataError where the outcome model is predictions that cannot be fitted anew: an interval that holds them fixed is none. On
        Open Bandit it is 2 % wide around a wrong value.
        """
        if not isinstance(self.outcome, LinearOutcome):
            raise DataError(
                f"{type(self).__name__}: an interval must refit the outcome model, and predictions cannot be. Give a LinearOutcome, or take DR."
            )
        weights = self.correction(weights_of(log, target))
        return refitted_interval(log, weights, self.outcome, confidence=confidence, seed=seed, n_resamples=n_resamples)


@dataclass(frozen=True)
class DM(Refitted):
    r"""The direct method, :math:`\frac1n \sum_i \hat q_i(\pi_e)`: as right as the outcome model, however many rounds there are."""

    def correction(self, weights: Floats) -> Floats:
        return np.zeros_like(weights)


@dataclass(frozen=True)
class DR(ModelBased):
    r"""Doubly robust, :math:`\frac1n \sum_i \hat q_i(\pi_e) + \min(w_i, \lambda)(r_i - \hat q_i)`. Dudík, Langford and Li, ICML 2011.

    Free of bias with λ = ∞ where propensities are right or the model is; an outcome model that is cross-fitted by users leaves the interval as it would be
    were it known (Chernozhukov et al., Econometrics Journal 2018).
    """

    clip: float = np.inf

    def correction(self, weights: Floats) -> Floats:
        return np.minimum(weights, self.clip)


@dataclass(frozen=True)
class SNDR(ModelBased):
    r"""Self-normalised doubly robust, :math:`\overline{\hat q(\pi_e)} + \sum_i w_i (r_i - \hat q_i) / \sum_i w_i`. Thomas and Brunskill, ICML 2016."""

    self_normalised: ClassVar[bool] = True

    def correction(self, weights: Floats) -> Floats:
        return weights


@dataclass(frozen=True)
class SwitchDR(Refitted):
    r"""DR where weights are at most λ, the model alone elsewhere: :math:`c = w\,[w \le \lambda]`. Wang, Agarwal and Dudík, ICML 2017."""

    threshold: float = 10.0

    def correction(self, weights: Floats) -> Floats:
        return np.where(weights <= self.threshold, weights, 0.0)


@dataclass(frozen=True)
class DRos(Refitted):
    r"""DR with optimistic shrinkage, :math:`c = \lambda w / (w^2 + \lambda)`: the direct method at λ = 0, DR at ∞. Su et al., ICML 2020."""

    shrinkage: float = 10.0

    def correction(self, weights: Floats) -> Floats:
        if self.shrinkage == 0:
            return np.zeros_like(weights)
        # λ w / (w² + λ), written so that λ = ∞ is w.
        return np.asarray(weights / (weights**2 / self.shrinkage + 1))
