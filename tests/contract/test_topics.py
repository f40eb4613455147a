"""Topics in compressed rows say what dense ones say, however many topics there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat import ItemTopics, RerankInput
from recsat.contract.topics import SharedTopics


def shares(seed: int, n_items: int = 30, n_topics: int = 12) -> csr_array:
    """Item 0 has no topic, and the last topic no item."""
    rng = np.random.default_rng(seed)
    members = rng.random((n_items, n_topics)) < 0.25
    members[0], members[:, -1] = False, False
    return csr_array(members / np.maximum(members.sum(axis=1, keepdims=True), 1))


@pytest.mark.parametrize("items", [[3], [0, 5, 5, 29], [[1, 2, 0], [7, 0, 7]], []])
def test_items_give_their_dense_rows(items: list[int]) -> None:
    matrix = shares(0)
    topics = ItemTopics.of(matrix)
    rows = topics[torch.tensor(items, dtype=torch.int64)]
    assert rows.dtype == torch.float32
    assert rows.shape == (*np.shape(items), 12)
    assert np.array_equal(rows.numpy(), matrix.toarray().astype(np.float32)[np.asarray(items, dtype=int)])
    assert topics.shape == (30, 12)
    assert topics.matrix.dtype == np.float32
    assert np.array_equal(topics.matrix.toarray(), matrix.toarray().astype(np.float32))


@pytest.mark.parametrize("in_rows", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_what_candidates_share_with_a_history_is_each_topic_of_both_once(seed: int, in_rows: bool) -> None:
    rng = np.random.default_rng(seed)
    matrix = shares(seed)
    dense = matrix.toarray().astype(np.float32)
    likes = (rng.random((4, 12)) * (rng.random((4, 12)) < 0.5)).astype(np.float32)
    likes[1] = 0
    candidates = rng.integers(0, 30, (4, 7))
    candidates[0, :2] = 0
    topics = ItemTopics.of(matrix) if in_rows else torch.from_numpy(dense)
    shared = SharedTopics.of(torch.from_numpy(candidates), topics, torch.from_numpy(likes))
    assert shared.history.shape == (4, max((likes > 0).sum(axis=1)))
    assert np.array_equal(shared.has_topics.numpy(), dense[candidates].sum(axis=2) > 0)
    liked = shared.history.flatten()
    for user, items in enumerate(candidates):
        assert np.array_equal(shared.history[user][shared.history[user] > 0], likes[user][likes[user] > 0])
        for place, item in enumerate(items):
            pairs = shared.of_places(torch.full((4,), place))
            start, end = shared.starts[7 * user + place : 7 * user + place + 2].tolist()
            assert [pair for pair in pairs.tolist() if start <= pair < end] == list(range(start, end))
            both = (dense[item] > 0) & (likes[user] > 0)
            assert np.array_equal(shared.shares[start:end], dense[item][both])
            assert np.array_equal(liked[shared.topics[start:end]], likes[user][both])
            assert (shared.topics[start:end] // shared.history.shape[1] == user).all()


def test_of_a_place_are_the_topics_of_every_user_s_candidate_there() -> None:
    dense = torch.tensor([[0.5, 0.5, 0], [0, 0, 1], [0, 0, 0]])
    shared = SharedTopics.of(torch.tensor([[0, 1], [2, 0], [1, -1]]), dense, torch.tensor([[0.2, 0.3, 0.5]] * 3))
    # User 0: two topics of item 0, one of item 1. User 1: none of item 2, two of item 0. User 2: one, and padding reads item 0.
    assert shared.starts.tolist() == [0, 2, 3, 3, 5, 6, 8]
    assert shared.of_places(torch.tensor([0, 1, 0])).tolist() == [0, 1, 3, 4, 5]
    assert shared.of_places(torch.tensor([1, 0, 0])).tolist() == [2, 5]


def test_a_block_that_is_weighed_anew_keeps_what_was_computed_of_its_candidates() -> None:
    dense = torch.tensor([[0.5, 0.5], [0, 1]])
    block = RerankInput(torch.tensor([[0, 1]]), torch.ones(1, 2), torch.eye(2), dense, torch.tensor([[1.0, 0]]))
    shared, similarity = block.shared_topics, block.similarity
    weighed = block.weighed(torch.zeros(1, 2))
    assert weighed.relevance is not None
    assert weighed.shared_topics is shared
    assert weighed.similarity is similarity
    assert block.of_users(torch.tensor([0])).shared_topics is not shared, "of other candidates"
