"""Scores carried along texts: each user's ridge regression of scores on text vectors, by a peer; and maps that add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from recsat.arms.aligned import AlignedText
from recsat.arms.ease_text import EaseText
from recsat.arms.hybrid.text_map import TextMap, carried, texts_of_warm
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import without_events_on


@pytest.fixture
def data(blocks: TrainingData) -> TrainingData:
    return without_events_on(blocks, slice(3))  # one item of each taste group has no events


def of_scores(data: TrainingData, l2: float = 0.5) -> tuple[TextMap, EaseText]:
    ease = EaseText(l2=1.0, prior=1.0).fit(data)
    E = data.vectors["text"]
    sums = ease.weights @ torch.from_numpy(texts_of_warm(E, data.warm))
    return carried(E, "text", sums, data.warm, l2), ease


def test_carried_scores_are_the_ridge_of_scores_of_warm_items_on_their_texts(data: TrainingData) -> None:
    part, ease = of_scores(data)
    E = data.vectors["text"]
    ridge = 0.5 * float((E[3:] ** 2).sum()) / E.shape[1]
    fitted = Ridge(alpha=ridge, fit_intercept=False).fit(E[3:], ease.score(data.users).numpy()[:, 3:].T)
    np.testing.assert_allclose(part.score(data.users).numpy(), fitted.coef_ @ E.T, rtol=1e-3, atol=1e-4)


def test_unseen_items_are_ranked_by_taste(data: TrainingData) -> None:
    part, _ = of_scores(data)
    assert (part.score(data.users)[:, :3].argmax(dim=1).numpy() == np.arange(60) % 3).mean() > 0.9


def test_a_sum_of_maps_scores_as_the_sum_of_their_scores_and_aligned_text_is_one(data: TrainingData) -> None:
    aligned = AlignedText().fit(data)
    E = aligned.item_vectors
    by_taste = TextMap(E, "text", E @ aligned.mapping)
    torch.testing.assert_close(by_taste.score(data.users), aligned.score(data.users), rtol=1e-4, atol=1e-4)
    by_scores, _ = of_scores(data)
    both = TextMap.summed([(2.0, by_taste), (0.5, by_scores)])
    expected = 2 * by_taste.score(data.users) + 0.5 * by_scores.score(data.users)
    torch.testing.assert_close(both.score(data.users), expected, rtol=1e-4, atol=1e-4)


def test_what_history_items_add_makes_the_score_and_the_query_retrieves_by_it(data: TrainingData) -> None:
    part, _ = of_scores(data)
    items = np.tile(np.array([[0, 2, 17]]), (60, 1))
    scores = part.score(data.users)
    torch.testing.assert_close(part.losses(data.users, items).sum(dim=1), scores[:, [0, 2, 17]], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(part.queries(data.users)["text"] @ data.vectors["text"].T, scores.numpy(), atol=1e-4)
