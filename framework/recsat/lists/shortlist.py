"""An arm's best candidates for blocks of users, as rerankers take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from recsat.arms.linear.inner_products import ScoredByVectors
from recsat.arms.linear.item_item import history_times
from recsat.arms.linear.padded import PADDING, at_candidates
from recsat.arms.returned import checked_scores
from recsat.contract.arm import Recommender
from recsat.contract.interactions import UserBatch
from recsat.contract.reranker import RerankInput
from recsat.contract.topics import ItemTopics
from recsat.lists.filters import FilterPlan
from recsat.lists.permitted import Permitted
from recsat.lists.request import Request
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


def permitted_scores(
    recommender: Recommender,
    batch: UserBatch,
    candidates: Tensor | None,
    permitted: Permitted,
    out: Tensor | None = None,
) -> Tensor:
    """Exact scores on the device, (B, n_candidates or n_items), -inf where a filter forbids the item.

    Never the arm's own tensor, which may be a view of what it keeps. Scores of all items are written to ``out`` (at least B rows) where it is given, by
    arms of vectors from the product on: the pages of a new tensor for each block cost as much as half of a product at 100,000 items.
    """
    if candidates is not None:
        scores = _checked(recommender, recommender.score(batch, candidates), candidates.shape, permitted.device)
        may_be_shown = permitted.mask.gather(1, candidates.clamp(min=0)) & (candidates != PADDING)
        return scores.where(may_be_shown, -torch.inf)
    out = torch.empty(permitted.shape, device=permitted.device) if out is None else out[: len(batch)]
    if _is_product(recommender) and recommender.table.device == out.device:
        scores = _checked(recommender, recommender.score(batch, out=out), permitted.shape, permitted.device)
    else:
        scores = out.copy_(_checked(recommender, recommender.score(batch), permitted.shape, permitted.device))
    return permitted.leave_in(scores)


def _is_product(recommender: Recommender) -> TypeGuard[ScoredByVectors]:
    """Whether scores are the product alone, and not what a derived arm makes of it."""
    return isinstance(recommender, ScoredByVectors) and type(recommender).score is ScoredByVectors.score


def _checked(recommender: Recommender, scores: Tensor, shape: tuple[int, ...], device: torch.device) -> Tensor:
    n_users, n_items = shape
    return checked_scores(recommender, scores, (n_users, n_items)).to(device, torch.float32)


def shortlist(batch: UserBatch, candidates: Tensor | None, scores: Tensor, request: Request) -> Shortlist:
    """The ``request.n_candidates`` best of ``scores``, best first, with what rerankers may look at."""
    places = top_k(scores, request.n_candidates, TieNoise(request.seed, batch.ids, candidates))
    features = request.features
    user_topics = None
    if features.topics is not None:
        rows = features.topics.matrix if isinstance(features.topics, ItemTopics) else features.topics
        user_topics = history_times(batch.history, rows).to(request.device)
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
        scores = permitted_scores(recommender, batch, None, Permitted.of(plan, rows, request.device))
        yield rows, shortlist(batch, None, scores, request).input


def items_at(candidates: Tensor | None, places: Tensor) -> Tensor:
    """Item indices at ``places``, padding where a place is."""
    if candidates is None:
        return places
    return candidates.gather(1, places.clamp(min=0)).masked_fill(places == PADDING, PADDING)
