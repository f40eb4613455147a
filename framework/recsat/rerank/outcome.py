"""The outcome model: the probability of an event from the arm's score and the item's popularity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsat.errors import RunError

L2 = 1.0
MOST_STEPS, TOLERANCE = 50, 1e-10

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


def fit_outcome(features: Sequence[Array], happened: Sequence[NDArray[np.bool_]], *, l2: float = L2) -> OutcomeModel:
    r"""Newton's method on the penalised log likelihood, whose intercept is not penalised.

    .. math:: \min_{b, w}\; \sum_n \log\bigl(1 + e^{z_n}\bigr) - y_n z_n + \frac{\lambda}{2} \|w\|^2

    The targets are Platt's, (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2) in place of 1 and 0, so that an event that nobody had is rare
    and not impossible (Platt 1999, section 2.2). ``features`` are blocks (N, f), ``happened`` blocks (N,). Raises
    :class:`~recsat.errors.RunError` where the steps do not settle.
    """
    n = sum(len(block) for block in features)
    n_positive = float(sum(block.sum() for block in happened))
    mean = sum((block.sum(axis=0) for block in features), start=np.zeros(features[0].shape[1])) / n
    spread = sum((((block - mean) ** 2).sum(axis=0) for block in features), start=np.zeros(len(mean))) / n
    scale = np.where(spread > 0, np.sqrt(spread), 1.0)
    high, low = (n_positive + 1) / (n_positive + 2), 1 / (n - n_positive + 2)
    weights = np.zeros(len(mean) + 1)
    weights[0] = np.log((n_positive + 1) / (n - n_positive + 1))
    penalty = np.append(0.0, np.full(len(mean), l2))
    designs = [_design((block - mean) / scale) for block in features]
    targets = [np.where(labels, high, low) for labels in happened]
    reached = _objective(designs, targets, penalty, weights)
    for _ in range(MOST_STEPS):
        step = np.linalg.lstsq(*_newton(designs, targets, penalty, weights), rcond=None)[0]
        # A whole step may overshoot where features say nearly the same: it is halved until it is one downhill.
        while (found := _objective(designs, targets, penalty, weights - step)) > reached and np.abs(
            step
        ).max() >= TOLERANCE:
            step = step / 2
        if np.abs(step).max() < TOLERANCE:
            return OutcomeModel(mean, scale, weights)
        weights, reached = weights - step, found
    raise RunError(
        f"the outcome model has not settled after {MOST_STEPS} steps. Raise its l2, or leave rank.reranker out."
    )


def _objective(designs: Sequence[Array], targets: Sequence[Array], penalty: Array, weights: Array) -> float:
    fit = 0.0
    for X, t in zip(designs, targets, strict=True):
        z = X @ weights
        fit += float(np.logaddexp(0.0, z).sum() - t @ z)
    return fit + float(penalty @ weights**2) / 2


def _newton(designs: Sequence[Array], targets: Sequence[Array], penalty: Array, weights: Array) -> tuple[Array, Array]:
    """Curvature and gradient of the objective at ``weights``."""
    gradient, curvature = penalty * weights, np.diag(penalty)
    for X, t in zip(designs, targets, strict=True):
        p = _sigmoid(X @ weights)
        gradient = gradient + X.T @ (p - t)
        curvature = curvature + (X * (p * (1 - p))[:, None]).T @ X
    return curvature, gradient


def _design(standardised: Array) -> Array:
    return np.column_stack([np.ones(len(standardised)), standardised])


def _sigmoid(z: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)), dtype=np.float64)
