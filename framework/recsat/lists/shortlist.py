"""An arm's best candidates for blocks of users, as rerankers take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from recsat.arms.linear.padded import PADDING, at_candidates
from recsat.contract.arm import Recommender
from recsat.contract.interactions import UserBatch
from recsat.contract.reranker import RerankInput
from recsat.lists.filters import FilterPlan
from recsat.lists.request import Request
from recsat.lists.returned import checked_scores
from recsat.lists.select import TieNoise, top_k

MASK_BUDGET = 2**28  # bytes of one block's (users × items) mask and scores; larger catalogues take smaller blocks


@dataclass(frozen=True)
class Shortlist:
    """A block's input for a reranker. ``places`` (B, C) says where in the scores each of its candidates stood."""

    input: RerankInput
    places: Tensor


def user_blocks(n_users: int, n_items: int, user_block: int) -> Iterator[slice]:
    """Rows of users that are scored together."""
    step = max(1, min(user_block, MASK_BUDGET // (5 * max(n_items, 1))))
    return (slice(start, min(start + step, n_users)) for start in range(0, n_users, step))


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


def shortlist(
    batch: UserBatch, candidates: Tensor | None, scores: Tensor, request: Request, noise: TieNoise
) -> Shortlist:
    """The ``request.n_candidates`` best of ``scores``, best first, with what rerankers may look at."""
    places = top_k(scores, request.n_candidates, noise)
    features = request.features
    user_topics = None
    if features.topics is not None:
        user_topics = torch.from_numpy(batch.history @ features.topics.cpu().numpy()).to(request.device, torch.float32)
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
    noise = TieNoise(request.seed)
    for rows in user_blocks(len(users), users.history.shape[1], request.user_block):
        batch = users.take(rows)
        permitted = torch.from_numpy(plan.mask(rows)).to(request.device)
        scores = permitted_scores(recommender, batch, None, permitted)
        yield rows, shortlist(batch, None, scores, request, noise).input


def items_at(candidates: Tensor | None, places: Tensor) -> Tensor:
    """Item indices at ``places``, padding where a place is."""
    if candidates is None:
        return places
    return candidates.gather(1, places.clamp(min=0)).masked_fill(places == PADDING, PADDING)
