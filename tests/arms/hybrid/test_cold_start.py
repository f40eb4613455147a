"""Scores carried along texts: each user's ridge regression of scores on text vectors, by a peer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from recsat.arms.aligned import AlignedText
from recsat.arms.ease_text import EaseText
from recsat.arms.hybrid.cold_start import L2, ContentToCollaborative
from recsat.contract.interactions import TrainingData


@pytest.fixture
def data(blocks: TrainingData) -> TrainingData:
    history = blocks.users.history.toarray()
    history[:, :3] = 0  # one item of each taste group has no events
    return replace(blocks, users=replace(blocks.users, history=csr_array(history)))


def carried(data: TrainingData) -> tuple[ContentToCollaborative, AlignedText, EaseText]:
    aligned, ease = AlignedText().fit(data), EaseText(l2=1.0, prior=1.0).fit(data)
    return ContentToCollaborative.fit(data, aligned, ease, data.users, np.arange(3, 30)), aligned, ease


def spread(scores: np.ndarray, data: TrainingData) -> float:
    lengths = data.users.history.sum(axis=1)
    return float((scores[:, 3:] / np.sqrt(lengths)[:, None]).std())


def test_it_is_aligned_text_and_the_ridge_of_scores_on_texts_in_equal_parts(data: TrainingData) -> None:
    arm, aligned, ease = carried(data)
    E = data.vectors["text"]
    of_warm = ease.score(data.users).numpy()[:, 3:]
    fitted = Ridge(alpha=L2, fit_intercept=False).fit(E[3:], of_warm.T)
    by_scores = fitted.coef_ @ E.T
    by_text = aligned.score(data.users).numpy()
    expected = by_text / spread(by_text, data) + by_scores / spread(by_scores, data)
    np.testing.assert_allclose(arm.score(data.users).numpy(), expected, rtol=1e-3, atol=1e-3)


def test_unseen_items_are_ranked_by_taste(data: TrainingData) -> None:
    arm, _, _ = carried(data)
    assert (arm.score(data.users)[:, :3].argmax(dim=1).numpy() == np.arange(60) % 3).mean() > 0.9


def test_what_history_items_add_makes_the_score_and_the_query_retrieves_by_it(data: TrainingData) -> None:
    arm, _, _ = carried(data)
    items = np.tile(np.array([[0, 2, 17]]), (60, 1))
    scores = arm.score(data.users)
    torch.testing.assert_close(arm.losses(data.users, items).sum(dim=1), scores[:, [0, 2, 17]], rtol=1e-4, atol=1e-4)
    by_query = arm.queries(data.users)["text"] @ data.vectors["text"].T
    np.testing.assert_allclose(by_query, scores.numpy(), rtol=1e-4, atol=1e-4)
