r"""Any arm as a policy to be judged: from scores or lists to probabilities of actions.

A list says what would be shown and not with which probability. Each of these is one answer, and the value that is estimated is that of the
policy which does just that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from recsat.errors import DataError
from recsat.offpolicy.log import Floats, Ints, require_distributions, whole_numbers


def deterministic(actions: ArrayLike, n_actions: int) -> Floats:
    """(n_rows, n_actions): each row shows its one of ``actions`` (n_rows,), always.

    >>> deterministic([1, 0], 2)
    array([[0., 1.],
           [1., 0.]])
    """
    numbers = _known(whole_numbers("actions", actions), n_actions)
    if numbers.ndim != 1:
        raise DataError(
            f"actions: the shape is {numbers.shape}; give one action a row, those of one place after those of another."
        )
    probabilities = np.zeros((len(numbers), n_actions))
    probabilities[np.arange(len(numbers)), numbers] = 1.0
    return probabilities


def uniform_over_lists(lists: ArrayLike, n_actions: int) -> Floats:
    """(n_rows, n_actions): each row shows any of the actions of its list (n_rows, k), each as likely; an action twice is twice as likely."""
    numbers = _known(whole_numbers("lists", lists), n_actions)
    if numbers.ndim != 2 or not numbers.shape[1]:
        raise DataError(f"lists: the shape is {numbers.shape}; it must be (rows, places) with a place at least.")
    n_rows, k = numbers.shape
    cells = (np.arange(n_rows)[:, None] * n_actions + numbers).ravel()
    return np.asarray(np.bincount(cells, minlength=n_rows * n_actions).reshape(n_rows, n_actions) / k)


def softmax_policy(scores: ArrayLike, temperature: float) -> Floats:
    r"""(n_rows, n_actions): :math:`\pi(a) \propto e^{s_a / T}` of ``scores``; −∞ is never shown. A temperature near 0 is the best score, always."""
    values = np.asarray(scores, dtype=np.float64)
    if (
        values.ndim != 2
        or np.isnan(values).any()
        or np.isposinf(values).any()
        or not np.isfinite(values).any(axis=1).all()
    ):
        raise DataError("scores: they must be (rows, actions), none NaN or ∞, and a finite one in each row.")
    if not temperature > 0:
        raise DataError(f"temperature: {temperature} is not above 0. For the best score alone take deterministic.")
    return np.asarray(softmax(values / temperature, axis=1))


def epsilon_mix(policy: ArrayLike, epsilon: float) -> Floats:
    r"""(n_rows, n_actions): :math:`(1 - \varepsilon)\, \pi + \varepsilon / A`: something at random with probability ε, else what ``policy`` shows."""
    probabilities = np.asarray(policy, dtype=np.float64)
    require_distributions(probabilities)
    if not 0 <= epsilon <= 1:
        raise DataError(f"epsilon: {epsilon} is no probability.")
    return np.asarray((1 - epsilon) * probabilities + epsilon / probabilities.shape[1])


def _known(numbers: Ints, n_actions: int) -> Ints:
    if numbers.size and numbers.max() >= n_actions:
        raise DataError(f"actions: {numbers.max()} is none of the {n_actions}; they go from 0 to {n_actions - 1}.")
    return numbers
