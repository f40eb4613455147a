"""The run's reranker: made from its settings, taught on the validation part where it learns, shown what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_array

from recsat.domain import RecommenderSpec
from recsat.measure.diversity import topic_matrix
from recsat.rank.recommend import Features, Request
from recsat.rank.registry import make_reranker
from recsat.rank.reranker import Example, LearnedReranker
from recsat.rank.shortlist import shortlists
from recsat.recommend.interactions import TrainingData
from recsat.recommend.recommender import Recommender
from recsat.run.fold import Fold
from recsat.run.stage import StageContext


def with_reranker(
    context: StageContext,
    request: Request,
    spec: RecommenderSpec,
    parameters: Mapping[str, Any],
    train: TrainingData,
    tuning: Callable[[], Fold],
) -> Request:
    """``request`` with the run's reranker and the features of ``train``; as it is where the run names none.

    A reranker that learns is taught by the arm of ``spec`` as it does on the ``tuning`` fold, which is fitted for that.
    """
    name = context.config.rank.reranker
    if name is None:
        return request
    available = context.plugins.rerankers(context.domain)
    chosen = context.plugins.select("reranker", available, [name])[name]
    reranker = make_reranker(chosen, context.config.rank.reranker_parameters)
    if isinstance(reranker, LearnedReranker):
        fold = tuning()
        arm = spec.make(**parameters).fit(fold.train)
        reranker = reranker.fit(examples(context, arm, fold, request, reranker.events))
    return replace(request, reranker=reranker, features=features_of(context, train, request.device))


def features_of(context: StageContext, train: TrainingData, device: torch.device) -> Features:
    """Text vectors, topics (where the domain has them) and popularity of the catalogue, on the device."""
    items, column = context.catalogue.items, context.domain.topics
    topics = None
    if column is not None:
        dense = topic_matrix(items, column, items["item_id"]).toarray().astype(np.float32)
        topics = torch.from_numpy(dense).to(device)
    return Features(
        vectors=torch.from_numpy(train.vectors["text"]).to(device),
        topics=topics,
        popularity=torch.from_numpy(train.popularity).to(device),
    )


def examples(
    context: StageContext, arm: Recommender, fold: Fold, request: Request, events: tuple[str, ...]
) -> Iterator[Example]:
    """The candidates of every user of ``fold`` who has a history, and which of them each liked event then happened to.

    These users all liked something in the held-out part: probabilities are those of users who come back.
    """
    happened = {event: _happened(context, fold, event) for event in events}
    request = replace(request, features=features_of(context, fold.train, request.device))
    for rows, block in shortlists(arm, fold.users, fold.plan, request):
        known = torch.from_numpy(np.diff(fold.users.history[rows].indptr) > 0).to(block.scores.device)
        places = block.candidates.clamp(min=0)
        yield Example(
            block=replace(block, scores=block.scores.masked_fill(~known[:, None], float("-inf"))),
            happened={
                event: torch.from_numpy(matrix[rows].toarray()).to(places.device).gather(1, places)
                for event, matrix in happened.items()
            },
        )


def _happened(context: StageContext, fold: Fold, event: str) -> csr_array:
    """(n_users, n_items) bool: liked held-out pairs of that event."""
    pairs = fold.held_out.filter(context.domain.positive & (pl.col("event") == event)).select("user_id", "item_id")
    pairs = pairs.unique()
    rows = pl.Series(fold.users.ids, dtype=pl.String).search_sorted(pairs["user_id"]).to_numpy()
    columns = context.catalogue.positions(pairs["item_id"])
    shape = (len(fold.users), len(context.catalogue))
    return csr_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), shape=shape)
