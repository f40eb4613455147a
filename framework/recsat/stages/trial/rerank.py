"""The run's reranker: made from its settings, given texts where it reads, taught on the validation part where it learns."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from recsat.contract.domain import RecommenderSpec
from recsat.contract.reranker import LearnedReranker, Reranker, TextReranker
from recsat.lists.make import Served
from recsat.lists.request import Request
from recsat.measure.pooled import Resampling
from recsat.rerank.value import ExpectedValue
from recsat.result.model import PredictionError
from recsat.stages.trial.examples import examples, features_of
from recsat.stages.trial.fitting import fitted_arm
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.predictions import validation_errors
from recsat.stages.trial.users import Texts

Kind = TypeVar("Kind", bound=Reranker)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedRequest:
    """How an arm's lists are asked for, and how far its outcome model is from what happened on validation, by event."""

    request: Request
    errors: list[PredictionError] = field(default_factory=list)


def with_reranker(
    inputs: RunInputs,
    request: Request,
    make: Callable[[], Reranker] | None,
    name: str,
    spec: RecommenderSpec,
    parameters: Mapping[str, Any],
    served: Served,
    split: str,
    tuning: Callable[[], Fold],
    how: Resampling | None = None,
) -> PreparedRequest:
    """``request`` with the reranker of ``make`` and the features of what is ``served``; as it is without one.

    It is made anew for each arm. One that learns is taught by the arm ``name`` of ``spec`` as it does on the ``tuning`` fold of ``split``, which is fitted for that.
    One that reads is given the texts of ``served``; while it learns, those that were known before validation.
    ``how`` says how the intervals of its errors are made; without it they have none.
    """
    if make is None:
        return PreparedRequest(request)
    reranker = make()
    errors: list[PredictionError] = []
    if isinstance(reranker, LearnedReranker):
        fold = tuning()
        arm = fitted_arm(spec, parameters, fold.train)
        taught = list(examples(inputs.domain, arm, fold, request, reranker.events))
        if not taught:
            # Nor will it have anything to rerank: users without a history are served by fallbacks.
            logger.warning("reranker: no user of the validation part has a history to learn from; it is left out")
            return PreparedRequest(request)
        if isinstance(reranker, ExpectedValue):
            errors = validation_errors(reranker, taught, name, split, how)
        reranker = bind_texts(reranker, inputs, fold).fit(taught)
    features = features_of(served.train, inputs.domain.topics, request.device)
    return PreparedRequest(replace(request, reranker=bind_texts(reranker, inputs, served), features=features), errors)


def bind_texts(reranker: Kind, inputs: RunInputs, served: Served) -> Kind:
    """``reranker`` with the texts of items and of the served users where it reads them, else as it is."""
    if not isinstance(reranker, TextReranker):
        return reranker
    texts = Texts(inputs, served.known, served.users)
    return reranker.with_texts(texts.items, texts.of_users)
