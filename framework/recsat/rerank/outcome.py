"""The outcome model: the probability of an event from the arm's score and the item's popularity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from recsat.errors import RunError
from recsat.measure.scale import scale_of

L2 = 1.0
MOST_STEPS, TOLERANCE = 50, 1e-8

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OutcomeModel:
    r"""Logistic regression on standardised features.

    .. math:: P(y = 1 \mid x) = \sigma\Bigl(b + \sum_f w_f \frac{x_f - \mu_f}{\sigma_f}\Bigr)
    """

    mean: Array
    scale: Array
    weights: Array
    """The intercept, then one for each feature."""

    def probability(self, features: Array) -> Array:
        """Of each row of ``features`` (N, f); calibrated where the rows are drawn like those it was fitted on."""
        return _sigmoid(_design((features - self.mean) / self.scale) @ self.weights)

    @property
    def plain(self) -> tuple[float, Array]:
        """Intercept and weights for features as they are."""
        slopes = self.weights[1:] / self.scale
        return float(self.weights[0] - slopes @ self.mean), slopes

    def numbers(self) -> dict[str, list[float]]:
        """As JSON can say it, every digit."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist(), "weights": self.weights.tolist()}

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> OutcomeModel:
        """The model whose :meth:`numbers` they were."""
        return cls(**{name: np.array(numbers[name]) for name in ("mean", "scale", "weights")})


def fit_outcome(features: Sequence[Array], happened: Sequence[NDArray[np.bool_]], *, l2: float = L2) -> OutcomeModel:
    r"""The minimum of the penalised log likelihood, whose intercept is not penalised.

    .. math:: \min_{b, w}\; \sum_n \log\bigl(1 + e^{z_n}\bigr) - y_n z_n + \frac{\lambda}{2} \|w\|^2

    The targets are Platt's, (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2) in place of 1 and 0, so that an event that nobody had is rare
    and not impossible (Platt 1999, section 2.2). ``features`` are blocks (N, f), ``happened`` blocks (N,). Newton's method
    within a trusted radius, since a whole step may overshoot where features say nearly the same. Raises
    :class:`~recsat.errors.RunError` where the steps do not settle.
    """
    n = sum(len(block) for block in features)
    n_positive = float(sum(block.sum() for block in happened))
    mean = sum((block.sum(axis=0) for block in features), start=np.zeros(features[0].shape[1])) / n
    spread = sum((((block - mean) ** 2).sum(axis=0) for block in features), start=np.zeros(len(mean))) / n
    scale = scale_of(np.sqrt(spread), mean)
    high, low = (n_positive + 1) / (n_positive + 2), 1 / (n - n_positive + 2)
    penalty = np.append(0.0, np.full(len(mean), l2))
    designs = [_design((block - mean) / scale) for block in features]
    targets = [np.where(labels, high, low) for labels in happened]

    def objective(weights: Array) -> tuple[float, Array]:
        """For each row, not their sum: its gradient can be as small at any number of rows. And its gradient."""
        value, gradient = float(penalty @ weights**2) / 2, penalty * weights
        for X, t in zip(designs, targets, strict=True):
            z = X @ weights
            value += float(np.logaddexp(0.0, z).sum() - t @ z)
            gradient = gradient + X.T @ (_sigmoid(z) - t)
        return value / n, gradient / n

    def curvature(weights: Array) -> Array:
        total = np.diag(penalty)
        for X in designs:
            p = _sigmoid(X @ weights)
            total = total + (X * (p * (1 - p))[:, None]).T @ X
        return total / n

    start = np.zeros(len(mean) + 1)
    start[0] = np.log((n_positive + 1) / (n - n_positive + 1))
    optimum = minimize(
        objective,
        start,
        method="trust-exact",
        jac=True,
        hess=curvature,
        options={"gtol": TOLERANCE, "maxiter": MOST_STEPS},
    )
    if not optimum.success:
        raise RunError(
            f"the outcome model has not settled after {optimum.nit} steps. Raise its l2, or leave rank.reranker out."
        )
    return OutcomeModel(mean, scale, optimum.x)


def _design(standardised: Array) -> Array:
    return np.column_stack([np.ones(len(standardised)), standardised])


def _sigmoid(z: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)), dtype=np.float64)
