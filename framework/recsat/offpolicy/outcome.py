r"""What a round would have brought, whatever was shown: outcome models, cross-fitted by users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from recsat.errors import DataError
from recsat.offpolicy.log import BanditLog, Floats, Ints


@dataclass(frozen=True)
class Predictions:
    """Rewards that a model expects; as an outcome model of its own, for values that come from elsewhere."""

    of_actions: Floats
    """(n,): of what was shown."""
    of_target: Floats
    r"""(n,): :math:`\sum_a \pi_e(a \mid x, k)\, \hat q(x, a, k)`, see :meth:`~recsat.offpolicy.log.Policy.expected`."""

    def predictions(self, log: BanditLog) -> Predictions:
        """Themselves. Raises DataError where they are not finite, or not one for each round."""
        for name in ("of_actions", "of_target"):
            require_rounds(f"predictions: {name}", getattr(self, name), (log.n,))
        return self


class OutcomeModel(Protocol):
    """What gives predictions of each round of a log."""

    def predictions(self, log: BanditLog) -> Predictions:
        """Of rounds whose users the model was not fitted on."""
        ...


@dataclass(frozen=True)
class LinearOutcome:
    r"""Ridge regression of the reward on features of what was shown, cross-fitted: each user is predicted by a model of the others.

    :math:`\hat q(x, a, k) = b + \theta^\top \phi(x, a, k)` with
    :math:`\hat\theta = (\Phi^\top \Phi + \lambda n I)^{-1} \Phi^\top r`; b is not shrunk. Being linear, what it expects of a policy is what it says of the
    policy's expected features. Users are dealt into ``n_folds`` at random by ``seed``.
    """

    of_actions: Floats
    """(n, d): features of what was shown."""
    of_target: Floats
    r"""(n, d): :math:`\sum_a \pi_e(a \mid x, k)\, \phi(x, a, k)`."""
    ridge: float = 1e-4
    """λ: relative to the number of rounds."""
    n_folds: int = 3
    seed: int = 0

    def predictions(self, log: BanditLog) -> Predictions:
        """Raises DataError where features are not finite or not of each round, or there are fewer users than folds."""
        sums = self.sums(log, np.zeros(log.n))
        theta = sums.fit(np.ones((1, log.n_users)))[0]
        of_round = theta[sums.fold[log.cluster]]
        X, X_target = with_intercept(self.of_actions), with_intercept(self.of_target)
        return Predictions(np.einsum("nd,nd->n", X, of_round), np.einsum("nd,nd->n", X_target, of_round))

    def sums(self, log: BanditLog, correction: Floats) -> UserSums:
        """All that fitting and a value with ``correction`` weights (n,) need of each user."""
        shape = (log.n, np.shape(self.of_actions)[-1])
        for name in ("of_actions", "of_target"):
            require_rounds(f"outcome: {name}", getattr(self, name), shape)
        if log.n_users < self.n_folds:
            raise DataError(
                f"outcome: {log.n_users} users cannot be dealt into {self.n_folds} folds. Set n_folds lower."
            )
        X, X_target = with_intercept(self.of_actions), with_intercept(self.of_target)
        order = np.argsort(log.cluster, kind="stable")
        starts = np.searchsorted(log.cluster[order], np.arange(log.n_users))
        X_sorted = X[order]
        return UserSums(
            # Column by column: all products at once would be (n, m, m).
            gram=np.stack([np.add.reduceat(X_sorted * column[:, None], starts) for column in X_sorted.T], axis=1),
            moments=np.add.reduceat(X_sorted * log.reward[order, None], starts),
            features=np.add.reduceat((X_target - correction[:, None] * X)[order], starts),
            corrections=log.sum_by_user(correction * log.reward),
            n_rounds=log.sum_by_user(np.ones(log.n)),
            fold=np.random.default_rng(self.seed).permutation(log.n_users) % self.n_folds,
            n_folds=self.n_folds,
            ridge=self.ridge,
        )


@dataclass(frozen=True)
class UserSums:
    """Sums over each user's rounds, with an intercept before the features: m = d + 1."""

    gram: Floats
    """(U, m, m)."""
    moments: Floats
    """(U, m): features times reward."""
    features: Floats
    """(U, m): features of the target minus corrected features of what was shown."""
    corrections: Floats
    """(U,): correction times reward."""
    n_rounds: Floats
    """(U,)."""
    fold: Ints
    """(U,)."""
    n_folds: int
    ridge: float

    def fit(self, counts: Floats) -> Floats:
        """(B, n_folds, m): coefficients for each fold, by the users of the others, each as often as ``counts`` (B, U) says."""
        m = self.gram.shape[1]
        penalty = self.ridge * np.diag([0.0] + [1.0] * (m - 1))
        theta = np.empty((len(counts), self.n_folds, m))
        for fold in range(self.n_folds):
            others = counts * (self.fold != fold)
            n = (others @ self.n_rounds)[:, None, None]
            gram = (others @ self.gram.reshape(-1, m * m)).reshape(-1, m, m) + np.maximum(n, 1) * penalty
            # Least squares of least length: a sample of few users may leave a feature without any spread.
            theta[:, fold] = np.einsum("bij,bj->bi", np.linalg.pinv(gram, hermitian=True), others @ self.moments)
        return theta

    def values(self, counts: Floats) -> Floats:
        """(B,): the corrected value, model and all, of the samples ``counts`` (B, U)."""
        theta = self.fit(counts)
        of_fold = np.stack([(counts * (self.fold == fold)) @ self.features for fold in range(self.n_folds)], axis=1)
        total = (of_fold * theta).sum(axis=(1, 2)) + counts @ self.corrections
        return np.asarray(total / (counts @ self.n_rounds))


def with_intercept(features: ArrayLike) -> Floats:
    """(n, d + 1): a column of ones before ``features`` (n, d)."""
    X = np.asarray(features, dtype=np.float64)
    return np.column_stack([np.ones(len(X)), X])


def require_rounds(name: str, values: ArrayLike, shape: tuple[int, ...]) -> None:
    """Raises DataError where ``values`` have another shape, or are not finite."""
    if np.shape(values) != shape:
        raise DataError(
            f"{name} has the shape {np.shape(values)}; it must be {shape}, a row for each round of the log."
        )
    if not np.isfinite(values).all():
        raise DataError(f"{name} has a value that is not finite.")
