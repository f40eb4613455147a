"""The user's text against the items' texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat import RunError, UserBatch
from recsat.arms.user_text import UserText
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import taste_groups

COMMON = np.float32(3.0)
"""Of what all texts of a catalogue share, beside what is each one's own."""


@pytest.fixture(scope="module")
def train() -> TrainingData:
    """Vectors of unit length with a large common part, texts of users among them."""
    train = taste_groups()
    rng = np.random.default_rng(2)
    raw = unit(rng.standard_normal((len(train.catalogue), 6)).astype(np.float32) + COMMON)
    texts = unit(rng.standard_normal((len(train.users), 6)).astype(np.float32) + COMMON)
    texts[0] = 0.0
    return replace(train, vectors={"raw": raw}, users=replace(train.users, text_vectors=texts))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_score_is_the_cosine_of_the_two_texts(train: TrainingData) -> None:
    texts, items = train.users.text_vectors, train.vectors["raw"]
    assert texts is not None
    torch.testing.assert_close(UserText().fit(train).score(train.users)[1:], torch.from_numpy(texts[1:] @ items.T))
    mean = items.mean(axis=0)
    centred = UserText(centred=True).fit(train).score(train.users)
    expected = unit(texts[1:] - mean) @ unit(items - mean).T
    np.testing.assert_allclose(centred[1:].numpy(), expected, atol=1e-5)
    assert torch.isneginf(centred[0]).all()  # who has no text is served by the fallback


def test_the_history_speaks_through_the_text_alone(train: TrainingData) -> None:
    shape = train.users.history.shape
    emptied = replace(train.users, history=csr_array(shape, dtype=np.float32))
    arm = UserText().fit(train)
    torch.testing.assert_close(arm.score(train.users), arm.score(emptied))


def test_candidates_are_scored_as_the_catalogue_is(train: TrainingData) -> None:
    arm = UserText(centred=True).fit(train)
    candidates = torch.tensor([[3, 0, -1]]).expand(len(train.users), -1)
    scores = arm.score(train.users, candidates)
    torch.testing.assert_close(scores[:, :2], arm.score(train.users)[:, [3, 0]])
    assert torch.isinf(scores[:, 2]).all()


def test_no_item_of_the_history_is_named_as_the_reason(train: TrainingData) -> None:
    reasons = UserText().fit(train).explain(train.users.take(slice(0, 2)), np.array([[1, 2], [0, -1]]))
    assert set(reasons.code.ravel()) == {"taste"}
    assert (reasons.item == -1).all()


def test_texts_that_were_not_embedded_are_an_error(train: TrainingData) -> None:
    users = UserBatch(train.users.ids, train.users.history)
    with pytest.raises(RunError, match="Set reads_users in its RecommenderSpec"):
        UserText().fit(train).score(users)
