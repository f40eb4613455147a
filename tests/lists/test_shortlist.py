"""What a reranker is handed of a block of users."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.contract.interactions import UserBatch
from recsat.contract.topics import ItemTopics
from recsat.lists.request import Features, Request
from recsat.lists.shortlist import shortlist

SHARES = csr_array(np.array([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 0], [0, 1, 0]], dtype=np.float32))


@pytest.mark.parametrize("in_rows", [True, False])
def test_users_topics_are_shares_of_what_each_liked(in_rows: bool) -> None:
    history = np.array([[1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32)
    users = UserBatch(["a", "b", "c", "d"], csr_array(history))
    topics = ItemTopics.of(SHARES) if in_rows else torch.from_numpy(SHARES.toarray())
    block = shortlist(users, None, torch.arange(16.0).view(4, 4), Request(features=Features(topics=topics))).input
    assert block.topics is topics
    assert block.user_topics is not None
    assert block.user_topics.dtype == torch.float32
    # Of a's three likes two have topics: one and a half of the first, half of the last. c's like has none, d has no like.
    assert block.user_topics.tolist() == [[0.75, 0, 0.25], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert block.history_lengths is not None
    assert block.history_lengths.tolist() == [3, 1, 1, 0]
