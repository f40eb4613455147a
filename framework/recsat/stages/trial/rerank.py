"""The run's reranker: made from its settings, told texts, taught on the validation part where it learns, shown what it looks at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.contract.reranker import Example, LearnedReranker, Reranker, TextReranker
from recsat.lists.request import Features, Request
from recsat.lists.shortlist import shortlists
from recsat.measure.diversity import topic_matrix
from recsat.measure.prediction import brier_of, calibration_error_of, log_loss_of, rmse_of
from recsat.rerank.make import make_reranker
from recsat.rerank.value import ExpectedValue, cross_fitted, predictions
from recsat.run.stage import StageContext
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.users import Texts

Kind = TypeVar("Kind", bound=Reranker)
logger = logging.getLogger(__name__)

MOST_USERS = 20_000
"""More teach three numbers for an event no better."""


@dataclass(frozen=True)
class Asked:
    """How an arm's lists are asked for, and how far its outcome model is from what happened on validation, by event."""

    request: Request
    predictions: list[dict[str, Any]] = field(default_factory=list)


def with_reranker(
    context: StageContext,
    request: Request,
    spec: RecommenderSpec,
    parameters: Mapping[str, Any],
    train: TrainingData,
    texts: Texts,
    tuning: Callable[[], Fold],
) -> Asked:
    """``request`` with the run's reranker and the features of ``train``; as it is where the run names none.

    A reranker that learns is taught by the arm of ``spec`` as it does on the ``tuning`` fold, which is fitted for that. One
    that reads is told ``texts``; while it learns, the texts that were known before validation.
    """
    name = context.config.rank.reranker
    if name is None:
        return Asked(request)
    available = context.plugins.rerankers(context.domain)
    chosen = context.plugins.select("reranker", available, [name])[name]
    reranker = make_reranker(chosen, context.config.rank.reranker_parameters)
    errors: list[dict[str, Any]] = []
    if isinstance(reranker, LearnedReranker):
        fold = tuning()
        arm = spec.make(**parameters).fit(fold.train)
        taught = list(examples(context, arm, fold, request, reranker.events))
        if not taught:
            # Nor will it have anything to rerank: users without a history are served by fallbacks.
            logger.warning(
                "reranker %s: no user of the validation part has a history to learn from; it is left out", name
            )
            return Asked(request)
        if isinstance(reranker, ExpectedValue):
            errors = validation_errors(reranker, taught)
        reranker = told(reranker, Texts(context, fold.known, fold.users)).fit(taught)
    request = replace(request, reranker=told(reranker, texts), features=features_of(context, train, request.device))
    return Asked(request, errors)


def told(reranker: Kind, texts: Texts) -> Kind:
    """``reranker`` with ``texts`` where it reads them, else as it is."""
    return reranker.with_texts(texts.items, texts.of_users) if isinstance(reranker, TextReranker) else reranker


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
    """The candidates of users of ``fold`` with a history, and which of them each liked event then happened to.

    At most :data:`MOST_USERS`, drawn at random, all of whom liked something in the held-out part that they could be shown: probabilities are those of
    users who come back, within a time, or with a number of events, like those of that part.
    """
    happened = {event: _happened(context, fold, event) for event in events}
    liked = _matrix(context, fold, fold.relevant)
    request = replace(request, features=features_of(context, fold.train, request.device))
    wanted = fold.judged_with_history
    wanted[np.random.default_rng(context.config.seed).permutation(np.flatnonzero(wanted))[MOST_USERS:]] = False
    for rows, whole in shortlists(arm, fold.users, fold.plan, request):
        chosen = np.flatnonzero(wanted[rows])
        if not len(chosen):
            continue
        block = whole.of_users(torch.from_numpy(chosen).to(whole.scores.device))
        places = block.candidates.clamp(min=0)
        yield Example(
            block=block,
            happened={event: _at(places, matrix[rows][chosen]) for event, matrix in happened.items()},
            liked=_at(places, liked[rows][chosen]),
            n_liked=torch.from_numpy(np.diff(liked.indptr)[rows][chosen]).to(places.device, torch.float32),
            k=request.k,
        )


def validation_errors(value: ExpectedValue, taught: list[Example]) -> list[dict[str, Any]]:
    """By event: errors of the value model's probabilities for users that it was not fitted on; empty for a single user."""
    if sum(len(example.block.scores) for example in taught) < 2:
        return []
    return _errors(cross_fitted(value, taught), "validation")


def test_errors(context: StageContext, arm: Recommender, fold: Fold, request: Request) -> list[dict[str, Any]]:
    """By event: errors of the value model of ``request`` on the test ``fold`` that ``arm`` was fitted for.

    For the reader alone: nothing is chosen by them. Empty where the run does not rerank by value.
    """
    value = request.reranker
    if not isinstance(value, ExpectedValue):
        return []
    return _errors(predictions(value, examples(context, arm, fold, request, value.events)), "test")


def _errors(table: pl.DataFrame, of: str) -> list[dict[str, Any]]:
    found = []
    for (event,), part in table.group_by("event", maintain_order=True):
        rate = part.with_columns(predicted=pl.col("observed").mean())
        found.append(
            {
                "event": event,
                "part": of,
                "n": part.height,
                "rate": part["observed"].mean(),
                "predicted": part["predicted"].mean(),
                "rmse": rmse_of(part),
                "log_loss": log_loss_of(part),
                "log_loss_of_rate": log_loss_of(rate),
                "brier": brier_of(part),
                "calibration_error": calibration_error_of(part),
            }
        )
    return found


def _happened(context: StageContext, fold: Fold, event: str) -> csr_array:
    """(n_users, n_items) bool: liked held-out pairs of that event."""
    pairs = fold.held_out.filter(context.domain.positive & (pl.col("event") == event)).select("user_id", "item_id")
    return _matrix(context, fold, pairs.unique())


def _at(places: Tensor, matrix: csr_array) -> Tensor:
    return torch.from_numpy(matrix.toarray()).to(places.device).gather(1, places)


def _matrix(context: StageContext, fold: Fold, pairs: pl.DataFrame) -> csr_array:
    """``pairs`` (user_id, item_id), each once, as (n_users, n_items) bool."""
    rows = pl.Series(fold.users.ids, dtype=pl.String).search_sorted(pairs["user_id"]).to_numpy()
    columns = context.catalogue.positions(pairs["item_id"])
    shape = (len(fold.users), len(context.catalogue))
    return csr_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), shape=shape)
