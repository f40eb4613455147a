"""EASE with a text prior: each column against its own normal equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.ease import Ease
from recsat.arms.ease_text import (
    EaseText,
    drawn_towards_texts,
    gram_of,
    inverse,
    text_weights,
    text_weights_times,
    times_text_weights,
    weighted_gram,
    without_own,
)
from recsat.arms.linear.bilinear import length_weights
from recsat.arms.linear.sessions import session_gram
from recsat.contract.interactions import TrainingData


def test_each_column_minimises_error_and_distance_to_the_prior_without_its_own_item(blocks: TrainingData) -> None:
    X = blocks.users.history.toarray().astype(np.float64)
    w = length_weights(blocks.users.history, 0.5)
    S = text_weights(blocks.vectors["text"], 1.0).numpy()
    expected = np.zeros((30, 30))
    for item in range(30):
        others = np.arange(30) != item
        Z = X[:, others]
        system = Z.T @ (w[:, None] * Z) + (5.0 + 7.0) * np.eye(29)
        expected[others, item] = np.linalg.solve(system, Z.T @ (w * X[:, item]) + 7.0 * S[others, item])
    weights = EaseText(l2=5.0, prior=7.0).fit(blocks).weights.numpy()
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_text_weights_are_ease_on_the_vectors(blocks: TrainingData) -> None:
    E = blocks.vectors["text"].astype(np.float64)
    for item in range(0, 30, 7):
        others = np.arange(30) != item
        Z = E[others]
        expected = np.linalg.solve(Z @ Z.T + 0.5 * np.eye(29), Z @ E[item])
        weights = text_weights(blocks.vectors["text"], 0.5).numpy()
        np.testing.assert_allclose(weights[others, item], expected, atol=1e-6)
        assert abs(weights[item, item]) < 1e-12


def test_a_product_with_the_text_weights_needs_no_text_weights(blocks: TrainingData) -> None:
    P = torch.randn(30, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    S = text_weights(blocks.vectors["text"], 0.5)
    torch.testing.assert_close(times_text_weights(P, blocks.vectors["text"], 0.5), P @ S)
    torch.testing.assert_close(text_weights_times(P, blocks.vectors["text"], 0.5), S @ P)


def test_half_the_pairs_by_time_is_half_way_between_the_two_grams(blocks: TrainingData) -> None:
    rng = np.random.default_rng(0)
    history = blocks.users.history
    times = csr_array((rng.uniform(0, 5000, history.nnz), history.indices, history.indptr), shape=history.shape)
    timed = replace(blocks, users=replace(blocks.users, times=times))
    w = length_weights(history, 0.5)
    near = session_gram(history, times, w, seconds=600.0).toarray()
    gram = torch.from_numpy(0.5 * near) + 0.5 * weighted_gram(history, w)
    P = inverse(gram + 12.0 * torch.eye(30, dtype=torch.float64))
    expected = without_own(P @ (gram + 7.0 * text_weights(blocks.vectors["text"], 1.0)), P)
    weights = EaseText(l2=5.0, prior=7.0, session_share=0.5).fit(timed).weights
    torch.testing.assert_close(weights, expected.to(torch.float32), rtol=1e-4, atol=1e-6)
    untimed = EaseText(l2=5.0, prior=7.0, session_share=0.5).fit(blocks).weights
    torch.testing.assert_close(untimed, EaseText(l2=5.0, prior=7.0).fit(blocks).weights)


def test_without_prior_and_row_weights_it_is_ease(blocks: TrainingData) -> None:
    ours = EaseText(l2=9.0, prior=0.0, length_power=0.0).fit(blocks).weights.numpy()
    np.testing.assert_allclose(ours, Ease(l2=9.0).fit(blocks).weights.numpy(), atol=1e-6)


def test_an_endless_prior_leaves_the_texts_alone(blocks: TrainingData) -> None:
    ours = EaseText(l2=0.0, prior=1e9).fit(blocks).weights.numpy()
    np.testing.assert_allclose(ours, text_weights(blocks.vectors["text"], 1.0).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"l2": 0.0, "prior": 0.0}, "one must be above 0"),
        ({"l2": -1.0}, "negative"),
        ({"text_l2": 0.0}, "text_l2"),
        ({"session_share": 1.5}, "session_share"),
    ],
)
def test_penalties_that_leave_no_solution_are_refused(parameters: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EaseText(**parameters)


@pytest.mark.parametrize("prior", [0.0, 40.0])
def test_rows_of_weights_lie_in_rows(blocks: TrainingData, prior: float) -> None:
    """Scores gather rows; from a matrix stored by columns that takes 25 times as long."""
    gram = gram_of(blocks, 0.5, 0.0, 1.0)
    weights = drawn_towards_texts(gram, 30.0, prior, blocks.vectors["text"])
    assert weights.is_contiguous()
