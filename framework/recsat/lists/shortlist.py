"""An arm's best candidates for blocks of users, as rerankers take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsat.arms.linear.item_item import history_times
from recsat.arms.linear.padded import PADDING, at_candidates
from recsat.contract.arm import Recommender
from recsat.contract.interactions import UserBatch
from recsat.contract.reranker import RerankInput
from recsat.lists.filters import FilterPlan
from recsat.lists.request import Request
from recsat.lists.returned import checked_scores
from recsat.lists.select import TieNoise, top_k

MASK_BUDGET = 2**28  # bytes of one block's (users × items) mask and scores; larger catalogues take smaller blocks
ACCELERATOR_USERS = 8
"""Blocks are given for a CPU; an accelerator needs this many times as many users to be busy."""


@dataclass(frozen=True)
class Shortlist:
    """A block's input for a reranker. ``places`` (B, C) says where in the scores each of its candidates stood."""

    input: RerankInput
    places: Tensor


def user_blocks(n_users: int, n_items: int, user_block: int, device: torch.device) -> Iterator[slice]:
    """Rows of users that are scored together on ``device``."""
    budget = MASK_BUDGET
    if device.type == "cuda":
        # Scores, where they are permitted and what is made of both are some 17 bytes a user and item.
        user_block, budget = ACCELERATOR_USERS * user_block, torch.cuda.mem_get_info(device)[0] // 4
    step = max(1, min(user_block, budget // (5 * max(n_items, 1))))
    return (slice(start, min(start + step, n_users)) for start in range(0, n_users, step))


def permitted_items(plan: FilterPlan, rows: slice, device: torch.device) -> Tensor:
    """:meth:`~recsat.lists.filters.FilterPlan.mask` made on ``device``, of the pairs alone, (n_rows, n_items) bool."""
    is_whole = rows.indices(plan.excluded.shape[0]) == (0, plan.excluded.shape[0], 1)
    excluded = plan.excluded if is_whole else plan.excluded[rows]
    users = np.repeat(np.arange(excluded.shape[0]), np.diff(excluded.indptr))[excluded.data]
    items = excluded.indices[excluded.data].astype(np.int64)
    permitted = torch.from_numpy(plan.items).to(device).repeat(excluded.shape[0], 1)
    permitted[torch.from_numpy(users).to(device), torch.from_numpy(items).to(device)] = False
    if plan.allowed is not None:
        permitted &= torch.from_numpy(plan.allowed[rows].toarray()).to(device)
    return permitted


def permitted_scores(
    recommender: Recommender,
    batch: UserBatch,
    candidates: Tensor | None,
    permitted: Tensor,
    out: Tensor | None = None,
) -> Tensor:
    """Exact scores on the device, (B, n_candidates or n_items), -inf where a filter forbids the item.

    Never the arm's own tensor, which may be a view of what it keeps. ``out`` (at least B rows) is written to where it is given:
    at 20,000 items the pages of a new tensor for each block cost four times as much as the masking.
    """
    shape = (len(batch), permitted.shape[1] if candidates is None else candidates.shape[1])
    scores = checked_scores(recommender, recommender.score(batch, candidates), shape).to(
        permitted.device, torch.float32
    )
    allowed = permitted if candidates is None else at_candidates(permitted.float(), candidates) == 1
    forbidden = torch.tensor(-torch.inf, device=scores.device)
    if out is None:
        return torch.where(allowed, scores, forbidden)
    return torch.where(allowed, scores, forbidden, out=out[: len(batch)])


def shortlist(batch: UserBatch, candidates: Tensor | None, scores: Tensor, request: Request) -> Shortlist:
    """The ``request.n_candidates`` best of ``scores``, best first, with what rerankers may look at."""
    places = top_k(scores, request.n_candidates, TieNoise(request.seed, batch.ids, candidates))
    features = request.features
    user_topics = None
    if features.topics is not None:
        user_topics = history_times(batch.history, features.topics)
        user_topics = user_topics / user_topics.sum(dim=1, keepdim=True).clamp(min=1e-12)
    rerank_input = RerankInput(
        candidates=items_at(candidates, places),
        scores=at_candidates(scores, places),
        vectors=features.vectors,
        topics=features.topics,
        user_topics=user_topics,
        popularity=features.popularity,
        user_ids=batch.ids,
        history_lengths=torch.from_numpy(batch.lengths).to(request.device, torch.float32),
    )
    return Shortlist(rerank_input, places)


def shortlists(
    recommender: Recommender, users: UserBatch, plan: FilterPlan, request: Request
) -> Iterator[tuple[slice, RerankInput]]:
    """Every block of ``users``, its rows first, with the best of the whole catalogue for each."""
    recommender = recommender.to(request.device)
    for rows in user_blocks(len(users), users.history.shape[1], request.user_block, request.device):
        batch = users.take(rows)
        scores = permitted_scores(recommender, batch, None, permitted_items(plan, rows, request.device))
        yield rows, shortlist(batch, None, scores, request).input


def items_at(candidates: Tensor | None, places: Tensor) -> Tensor:
    """Item indices at ``places``, padding where a place is."""
    if candidates is None:
        return places
    return candidates.gather(1, places.clamp(min=0)).masked_fill(places == PADDING, PADDING)
