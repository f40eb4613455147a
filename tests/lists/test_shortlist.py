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
from recsat.rerank.calibrated import Calibrated
from recsat.rerank.xquad import XQuAD

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


@pytest.mark.parametrize("n_topics", [0, 3])
def test_where_no_item_has_a_topic_the_order_is_the_arms(n_topics: int) -> None:
    users = UserBatch(["a", "b"], csr_array(np.array([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32)))
    features = Features(topics=ItemTopics.of(csr_array((4, n_topics))))
    block = shortlist(users, None, torch.arange(8.0).view(2, 4), Request(features=features)).input
    assert block.user_topics is not None
    assert block.user_topics.shape == (2, n_topics)
    for reranker in (Calibrated(trade_off=0.9), XQuAD(trade_off=0.9)):
        assert block.candidates.gather(1, reranker.rerank(block, 3)).tolist() == [[3, 2, 1], [3, 2, 1]]
        assert reranker.rerank(block.of_users(torch.arange(0)), 3).shape == (0, 3)
