from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.offpolicy import deterministic, epsilon_mix, softmax_policy, uniform_over_lists

SCORES = np.array([[1.0, 2.0, -np.inf], [0.0, 0.0, 0.0]])


def test_scores_to_probabilities() -> None:
    policy = softmax_policy(SCORES, 2.0)
    assert policy[0] == pytest.approx([1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-0.5)), 0.0])
    assert policy[1] == pytest.approx([1 / 3] * 3)
    assert softmax_policy(SCORES, 1e-9)[0] == pytest.approx([0, 1, 0])
    assert softmax_policy(SCORES * 1e6, 1.0).sum(axis=1) == pytest.approx([1, 1], abs=1e-12)


def test_lists_to_probabilities() -> None:
    assert uniform_over_lists([[2, 0], [1, 1]], 3).tolist() == [[0.5, 0, 0.5], [0, 1, 0]]
    assert deterministic([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_a_mix_with_what_is_random() -> None:
    assert epsilon_mix(deterministic([1], 4), 0.2)[0] == pytest.approx([0.05, 0.85, 0.05, 0.05])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: epsilon_mix([[0.5, 0.4]], 0.1), r"row 0 sums to 0\.9 and not to 1"),
        (lambda: epsilon_mix([[0.5, 0.5]], 1.5), "1.5 is no probability"),
        (lambda: softmax_policy([[np.nan, 1.0]], 1.0), "none NaN"),
        (lambda: softmax_policy([[-np.inf, -np.inf]], 1.0), "a finite one in each row"),
        (lambda: softmax_policy([[1.0]], 0.0), "not above 0"),
        (lambda: deterministic([3], 3), "3 is none of the 3"),
        (lambda: deterministic([-1], 3), "whole numbers from 0 on"),
        (lambda: deterministic([[1]], 3), r"the shape is \(1, 1\)"),
        (lambda: uniform_over_lists([1, 2], 3), r"the shape is \(2,\)"),
    ],
)
def test_what_is_no_policy_is_refused(make: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        make()  # type: ignore[operator]
