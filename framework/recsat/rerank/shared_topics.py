"""Sums over the topics that candidates have in common with their users' histories."""

from __future__ import annotations

import torch
from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.contract.topics import SharedTopics
from recsat.rerank.greedy import needed


def topics_of(block: RerankInput, reranker: str) -> SharedTopics:
    """Those of the ``block``; RunError where it came without topics, in the name of ``reranker``."""
    needed(block.topics, reranker, "item topics")
    needed(block.user_topics, reranker, "users' topics")
    return needed(block.shared_topics, reranker, "item topics")


def sums(shared: SharedTopics, values: Tensor) -> Tensor:
    """For each candidate the sum of ``values``, float32 (n,), over its topics, (B, C).

    Each in the order of its topics, so that equal candidates have equal sums, whatever the device.
    """
    on_host = values.device.type == "mps"  # which has no sums over ragged rows
    ragged, starts = (values.cpu(), shared.starts.cpu()) if on_host else (values, shared.starts)
    of_candidates = torch.segment_reduce(ragged, "sum", offsets=starts, unsafe=True)
    return of_candidates.view(shared.has_topics.shape).to(values.device)
