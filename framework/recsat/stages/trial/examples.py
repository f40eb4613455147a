"""Candidates of the validation part and what their users then did: what a reranker learns from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.arm import Recommender
from recsat.contract.domain import Domain
from recsat.contract.interactions import Catalogue, TrainingData
from recsat.contract.reranker import Example
from recsat.contract.topics import ItemTopics
from recsat.lists.request import Features, Request
from recsat.lists.shortlist import shortlists
from recsat.measure.diversity import topic_matrix
from recsat.stages.trial.fold import Fold, some_of

MOST_USERS = 20_000
"""A reranker learns three numbers for an event; more users do not make them better."""


def features_of(train: TrainingData, topics: str | None, device: torch.device) -> Features:
    """Text vectors, ``topics`` (a column of the items) and popularity of the catalogue, on the device."""
    items = train.catalogue.items
    shares = None
    if topics is not None:
        shares = ItemTopics.of(topic_matrix(items, topics, items["item_id"]), device)
    return Features(
        vectors=torch.from_numpy(train.vectors["text"]).to(device),
        topics=shares,
        popularity=torch.from_numpy(train.popularity).to(device),
    )


def examples(
    domain: Domain, arm: Recommender, fold: Fold, request: Request, events: tuple[str, ...]
) -> Iterator[Example]:
    """The candidates of users of ``fold`` with a history, and which of them each liked event then happened to.

    At most :data:`MOST_USERS`, drawn at random, all of whom liked something in the held-out part that they could be shown: probabilities are those of
    users who come back, within a time, or with a number of events, like those of that part.
    """
    catalogue = fold.train.catalogue
    happened = {event: pairs_matrix(_liked(domain, fold, event), fold, catalogue) for event in events}
    liked = pairs_matrix(fold.relevant, fold, catalogue)
    request = replace(request, features=features_of(fold.train, domain.topics, request.device))
    judged = some_of(fold.judged_with_history, MOST_USERS, request.seed)
    for rows, whole in shortlists(arm, fold.users, fold.plan, request):
        places_in_block = np.flatnonzero(judged[rows])
        if not len(places_in_block):
            continue
        block = whole.of_users(torch.from_numpy(places_in_block).to(whole.scores.device))
        places = block.candidates.clamp(min=0)
        yield Example(
            block=block,
            happened={event: _at(places, matrix[rows][places_in_block]) for event, matrix in happened.items()},
            liked=_at(places, liked[rows][places_in_block]),
            n_liked=torch.from_numpy(np.diff(liked.indptr)[rows][places_in_block]).to(places.device, torch.float32),
            k=request.k,
        )


def pairs_matrix(pairs: pl.DataFrame, fold: Fold, catalogue: Catalogue) -> csr_array:
    """``pairs`` (user_id, item_id), each once, as (n_users, n_items) bool."""
    rows = fold.users.id_series.search_sorted(pairs["user_id"]).to_numpy()
    columns = catalogue.positions(pairs["item_id"])
    shape = (len(fold.users), len(catalogue))
    return csr_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), shape=shape)


def _liked(domain: Domain, fold: Fold, event: str) -> pl.DataFrame:
    """Liked held-out pairs of that event."""
    return fold.held_out.filter(domain.positive & (pl.col("event") == event)).select("user_id", "item_id").unique()


def _at(places: Tensor, matrix: csr_array) -> Tensor:
    return torch.from_numpy(matrix.toarray()).to(places.device).gather(1, places)
