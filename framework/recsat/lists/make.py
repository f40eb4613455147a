"""From users to lists: candidates, filters, exact scores, reranking, fallback, reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ParamSpec, Protocol, TypeVar

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.linear.padded import PADDING
from recsat.arms.profile_text import fallbacks_for
from recsat.arms.returned import checked_places
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.lists.fallback import Lists, filled_by, joined
from recsat.lists.filters import FilterPlan
from recsat.lists.fusion import reciprocal_rank_fusion
from recsat.lists.permitted import Permitted
from recsat.lists.reasons import reasons_of, sentences_of
from recsat.lists.request import Request, Retriever
from recsat.lists.select import TieNoise, top_k
from recsat.lists.shortlist import items_at, permitted_scores, shortlist, user_blocks
from recsat.lists.topics import CatalogueTopics, catalogue_topics

LISTS_SCHEMA = pl.Schema(
    {
        "user_id": pl.String,
        "item_id": pl.String,
        "rank": pl.Int64,
        "score": pl.Float64,
        "arm": pl.String,
        "reason": pl.String,
        "fallback": pl.Boolean,
    }
)

P = ParamSpec("P")
T = TypeVar("T")

RECALL_USERS = 1_000
"""Users of whom the exact list is made beside the retrieved one: a mean of so many has a standard error below .016."""
FIRST_COLUMNS = 1_024
"""Of a row's scores, looked at before all of them."""
TABLE_USERS = 8_192
"""Users whose lists are put into words together: a table costs milliseconds, whoever is in it."""


@dataclass(frozen=True)
class Recommended:
    """``lists`` has :data:`LISTS_SCHEMA`.

    ``candidate_recall`` is the mean share of a user's exact list that the candidates contained, over the users with a history
    among :data:`RECALL_USERS` drawn at random; None for arms that score the whole catalogue, and where the request does not ask.
    ``n_candidates`` is the mean number of candidates.
    """

    lists: pl.DataFrame
    source: str
    n_candidates: float
    candidate_recall: float | None
    n_filled: int
    """List places that the fallback arm had to fill."""


class Audience(Protocol):
    """Who is served, under which filters, and by whom else: all that lists depend on besides the arm and the request."""

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def users(self) -> UserBatch: ...

    @property
    def plan(self) -> FilterPlan:
        """Of these users over this catalogue."""
        ...

    @property
    def fallbacks(self) -> Sequence[Recommender]:
        """Who fills a place that an arm leaves empty, in order."""
        ...


@dataclass(frozen=True)
class Served:
    """An :class:`Audience` of a split, or of everything that is known, with what arms learn from."""

    train: TrainingData
    """What arms learn from."""
    users: UserBatch
    plan: FilterPlan
    known: pl.DataFrame
    """Events before the cut."""

    @property
    def catalogue(self) -> Catalogue:
        return self.train.catalogue

    @cached_property
    def fallbacks(self) -> Sequence[Recommender]:
        """See :func:`~recsat.arms.profile_text.fallbacks_for`."""
        return fallbacks_for(self.train)


@dataclass(frozen=True)
class Steps:
    """How the lists of a block of B users came about, step after step; valid until the next block is asked for."""

    batch: UserBatch
    permitted: Permitted
    """What the filters leave."""
    candidates: Tensor | None
    """What retrieval gave, int64 (B, n_candidates), padded with -1; None where the whole catalogue is scored."""
    scores: Tensor
    """Exact scores of the candidates, or of the whole catalogue; -inf where nothing is permitted."""
    recall: Tensor | None
    """Share of their exact list that is among the candidates, for the sampled users with a history; None without candidates, and where the request does
    not ask."""
    places: Tensor
    """Where in ``scores`` the list's items stand after the reranker, int64 (B, k)."""
    lists: Lists
    """With what the fallbacks filled."""

    @property
    def has_history(self) -> Tensor:
        """(B,) bool: the arm serves these users, fallbacks alone the others."""
        return torch.from_numpy(~self.batch.is_new).to(self.permitted.device)


def steps_of(
    audience: Audience,
    recommender: Recommender,
    request: Request,
    *,
    retriever: Retriever | None = None,
    fallbacks: Sequence[Recommender] | None = None,
) -> Iterator[Steps]:
    """Blocks of users from candidates to lists: what :func:`lists_of` puts into words."""
    users, plan = audience.users, audience.plan
    fallbacks = audience.fallbacks if fallbacks is None else fallbacks
    recommender = recommender.to(request.device)
    fallbacks = [fallback.to(request.device) for fallback in fallbacks]
    is_sampled = _sample(len(users), request.seed) if request.recall and retriever is not None else None
    buffer: Tensor | None = None
    for rows in user_blocks(len(users), len(audience.catalogue), request.user_block, request.device):
        batch = users.take(rows)
        permitted = Permitted.of(plan, rows, request.device)
        candidates = None
        if retriever is not None and (queries := recommender.queries(batch)):
            candidates = _retrieved(recommender, queries, batch, retriever, plan, rows, request)
        if candidates is None and buffer is None:
            buffer = torch.empty(permitted.shape, device=permitted.device)
        scores = permitted_scores(recommender, batch, candidates, permitted, buffer if candidates is None else None)
        known = torch.from_numpy(~batch.is_new).to(request.device)
        recall = None
        if is_sampled is not None and candidates is not None:
            sample = np.flatnonzero(is_sampled[rows] & ~batch.is_new)
            recall = _recall(recommender, batch.take(sample), candidates[sample], permitted.take(sample), request)
        places = _choose(batch, candidates, scores, request)
        items = items_at(candidates, places).masked_fill(~known[:, None], PADDING)
        lists = _explained(recommender, batch, items, scores.gather(1, places.clamp(min=0)), request)
        if request.explain:
            lists = replace(lists, codes=np.where(_tied(scores, places)[:, None], "tied", lists.codes))
        for fallback in fallbacks:
            lists = filled_by(fallback, lists, batch, permitted, request)
        yield Steps(batch, permitted, candidates, scores, recall, places, lists)


def lists_of(
    audience: Audience,
    arm: str,
    recommender: Recommender,
    request: Request,
    *,
    retriever: Retriever | None = None,
    fallbacks: Sequence[Recommender] | None = None,
    topics: CatalogueTopics | None = None,
) -> Recommended:
    """Lists of a fitted ``recommender`` for everybody of the ``audience``; the one way in which lists are made.

    An arm with query vectors takes its candidates from ``retriever``, filters pushed down, and rescores them exactly; any
    other arm scores the whole catalogue in blocks. What a filter removed has no place among the scores, so no reranker can
    put it back. A user without history, and a list that ends shorter than k, are served by the first of ``fallbacks`` (those of
    the audience) that has something to say (a finite score), and the reason says so. ``topics`` are those of the catalogue, for
    whoever makes many lists of it.
    """
    catalogue = audience.catalogue
    tables: list[Future[pl.DataFrame]] = []
    blocks: list[Lists] = []
    first = last = 0
    recalls: list[Tensor] = []
    widths: list[Tensor] = []
    n_filled = 0
    source = "catalogue"
    if topics is None and request.topics and request.explain:
        topics = catalogue_topics(catalogue.items, request.topics)
    with _beside(request.device) as pool:
        for steps in steps_of(audience, recommender, request, retriever=retriever, fallbacks=fallbacks):
            candidates, known = steps.candidates, steps.has_history
            if candidates is not None:
                source = "qdrant:" + "+".join(recommender.queries(steps.batch))
            if candidates is not None and steps.recall is not None and known.any():
                recalls.append(steps.recall)
                widths.append((candidates[known] != PADDING).sum(dim=1).to(torch.float32))
            n_filled += int(steps.lists.is_fallback.sum())
            blocks.append(steps.lists)
            last += len(steps.batch)
            if last - first >= TABLE_USERS or last == len(audience.users):
                batch = audience.users.take(slice(first, last))
                tables.append(pool.submit(_table, arm, batch, joined(blocks), catalogue, topics, request))
                blocks, first = [], last
    return Recommended(
        lists=pl.concat([table.result() for table in tables]) if tables else pl.DataFrame(schema=LISTS_SCHEMA),
        source=source,
        n_candidates=float(torch.cat(widths).mean()) if widths else float(audience.plan.items.sum()),
        candidate_recall=float(recall.mean()) if recalls and len(recall := torch.cat(recalls)) else None,
        n_filled=n_filled,
    )


class _AtOnce(Executor):
    """Does what is submitted before it returns."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(work(*args, **kwargs))
        return done


def _beside(device: torch.device) -> Executor:
    """Where lists are put into words: in a thread beside an accelerator, which has other work meanwhile."""
    return _AtOnce() if device.type == "cpu" else ThreadPoolExecutor(1)


def _retrieved(
    recommender: Recommender,
    queries: Mapping[str, NDArray[np.float32]],
    batch: UserBatch,
    retriever: Retriever,
    plan: FilterPlan,
    rows: slice,
    request: Request,
) -> Tensor:
    """Candidates of every query, and the arm's own neighbours, fused to ``n_candidates``, int64 (B, n_candidates)."""
    limit = request.n_candidates
    rankings = retriever.candidates(queries, limit, plan, rows)
    # Qdrant could fuse its own hits in the same request, but not with these neighbours, which it does not know; and exact
    # exclusion needs the hits of each vector before they are fused.
    near = recommender.neighbours(batch, limit)
    if near is not None:
        rankings = [*rankings, near]
    fused = rankings[0] if len(rankings) == 1 else reciprocal_rank_fusion(rankings, limit)
    return torch.from_numpy(fused).to(request.device)


def _choose(batch: UserBatch, candidates: Tensor | None, scores: Tensor, request: Request) -> Tensor:
    """Places of the list's items in ``scores``, (B, k): the best k, or the reranker's choice among the best candidates."""
    if request.reranker is None:
        return top_k(scores, request.k, TieNoise(request.seed, batch.ids, candidates))
    block = shortlist(batch, candidates, scores, request)
    reranked = request.reranker.rerank(block.input, request.k)
    n_users, n_candidates = block.input.candidates.shape
    return items_at(block.places, checked_places(request.reranker, reranked, n_users, n_candidates, request.k))


def _tied(scores: Tensor, places: Tensor) -> NDArray[np.bool_]:
    """Users of whom the arm scores everything alike, (B,): whatever it says of an item, it says of all of them.

    Looked for among those whose lists, at ``places`` (B, k), are of one score.
    """
    listed, is_padding = scores.gather(1, places.clamp(min=0)), places == PADDING
    tied = listed.masked_fill(is_padding, -torch.inf).amax(dim=1) <= listed.masked_fill(is_padding, torch.inf).amin(
        dim=1
    )
    rows = tied.nonzero().flatten()
    if len(rows):  # a few columns say of most rows that their scores differ
        rows = rows[~_differ(scores[rows, :FIRST_COLUMNS])]
    tied[:] = False
    if len(rows):
        tied[rows] = ~_differ(scores[rows]) & (torch.isfinite(scores[rows]).sum(dim=1) > 1)
    of_users: NDArray[np.bool_] = tied.cpu().numpy()
    return of_users


def _differ(scores: Tensor) -> Tensor:
    """Rows of which two finite scores differ, (B,) bool."""
    finite = torch.isfinite(scores)
    largest, smallest = (
        scores.masked_fill(~finite, -torch.inf).amax(dim=1),
        scores.masked_fill(~finite, torch.inf).amin(dim=1),
    )
    return largest > smallest


def _sample(n_users: int, seed: int) -> NDArray[np.bool_]:
    """(n_users,): up to :data:`RECALL_USERS` of them, drawn without order."""
    mask = np.zeros(n_users, dtype=bool)
    mask[np.random.default_rng(seed).choice(n_users, size=min(n_users, RECALL_USERS), replace=False)] = True
    return mask


def _recall(
    recommender: Recommender,
    batch: UserBatch,
    candidates: Tensor,
    permitted: Permitted,
    request: Request,
) -> Tensor:
    """Share of each user's exact list that is among the candidates, (B,)."""
    if not len(batch):
        return torch.empty(0, device=request.device)
    exact = top_k(permitted_scores(recommender, batch, None, permitted), request.k, TieNoise(request.seed, batch.ids))
    return _overlap(exact, candidates)


def _overlap(exact: Tensor, candidates: Tensor) -> Tensor:
    """Share of each user's exact list that is among the candidates, (B,); 1 for an empty list."""
    inside = (exact[:, :, None] == candidates[:, None, :]).any(dim=2) & (exact != PADDING)
    n = (exact != PADDING).sum(dim=1)
    return torch.where(n > 0, inside.sum(dim=1) / n.clamp(min=1), 1.0)


def _explained(recommender: Recommender, batch: UserBatch, listed: Tensor, scores: Tensor, request: Request) -> Lists:
    items = listed.cpu().numpy()
    if request.explain:
        reasons = reasons_of(recommender, batch, items)
    else:
        reasons = Reasons(np.full(items.shape, ""), np.full(items.shape, PADDING, dtype=np.int64))
    nothing = np.zeros(items.shape, dtype=np.int64)
    return Lists(
        items,
        scores.cpu().numpy(),
        reasons.code,
        reasons.item,
        is_fallback=np.zeros(items.shape, dtype=bool),
        people=nothing if reasons.n is None else reasons.n,
        days=nothing if reasons.days is None else reasons.days,
    )


def _table(
    arm: str, batch: UserBatch, lists: Lists, catalogue: Catalogue, topics: CatalogueTopics | None, request: Request
) -> pl.DataFrame:
    row, place = np.nonzero(lists.items != PADDING)
    return pl.DataFrame(
        {
            "user_id": batch.id_series[row],
            "item_id": catalogue.items["item_id"][lists.items[row, place]],
            "rank": place + 1,
            "score": pl.Series(lists.scores[row, place].astype(np.float64), nan_to_null=True),
            "arm": pl.Series([arm]).new_from_index(0, len(row)),
            "reason": _in_words(batch, lists, row, place, catalogue, topics, request),
            "fallback": lists.is_fallback[row, place],
        },
        schema=LISTS_SCHEMA,
    )


def _in_words(
    batch: UserBatch,
    lists: Lists,
    row: NDArray[np.int64],
    place: NDArray[np.int64],
    catalogue: Catalogue,
    topics: CatalogueTopics | None,
    request: Request,
) -> pl.Series:
    """Reasons in words. Where no single history item carries the score, a topic of the item that the user liked is named."""
    if not request.explain:
        return pl.Series("reason", [""]).new_from_index(0, len(row))
    items, because, codes = lists.items[row, place], lists.because[row, place], lists.codes[row, place]
    shared = None
    if topics is not None:
        shared = topics.in_common(items, because, row, batch.history)
        is_taste = codes == "taste"
        if is_taste.any():
            codes = np.where(is_taste & shared.is_not_null().to_numpy(), "topic", codes)
    markets = None if batch.markets is None else pl.Series(batch.markets[row], dtype=pl.String).replace("", None)
    titles = catalogue.items[request.title] if request.title in catalogue.items.columns else catalogue.items["item_id"]
    return sentences_of(
        codes,
        because,
        titles,
        request.templates,
        topics=shared,
        relations=None if request.attributes is None else request.attributes.in_common(items, because),
        markets=markets,
        people=lists.people[row, place],
        days=lists.days[row, place],
    )
