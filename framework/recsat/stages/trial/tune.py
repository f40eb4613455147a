"""Hyperparameters from the validation part of a split, never from its test part."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.lists.make import lists_of
from recsat.lists.request import Request
from recsat.measure.accuracy import ndcg
from recsat.stages.trial.fitting import choices_of, fitted_arm
from recsat.stages.trial.fold import Fold

TUNING_SCHEMA = pl.Schema({"arm": pl.String, "parameters": pl.String, "ndcg": pl.Float64})


@dataclass(frozen=True)
class Tuned:
    """An arm's parameters, and how it did with them on validation."""

    parameters: dict[str, Any]
    """What the arm chose by itself (:class:`~recsat.contract.arm.Choosing`) among them."""
    validation_ndcg: float
    """:func:`validation_ndcg` with these parameters."""
    table: pl.DataFrame
    """Every setting that was tried, :data:`TUNING_SCHEMA`."""


def settings_of(spec: RecommenderSpec, fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the arm's grid, with the values that the run fixes in place of the grid's."""
    grid = {name: values for name, values in spec.grid.items() if name not in fixed}
    return [{**fixed, **dict(zip(grid, values, strict=True))} for values in itertools.product(*grid.values())]


def tune(
    name: str,
    spec: RecommenderSpec,
    fixed: Mapping[str, Any],
    fold: Fold,
    request: Request,
    advance: Callable[[], None] = lambda: None,
    *,
    known: TrainingData | None = None,
) -> Tuned:
    """The settings with the best :func:`validation_ndcg` on the validation ``fold``; of equals the first wins.

    What an arm chooses by itself (:class:`~recsat.contract.arm.Choosing`) it chooses on ``known``, the training data of the test (None: that of ``fold``): by
    likes that it holds out of them, at nearly the density at which the choices are used.
    """
    settings = settings_of(spec, fixed)
    scores: list[float] = []
    choices: list[Mapping[str, Any]] = []
    for parameters in settings:
        score, of_arm = _validation_of(spec, parameters, fold, request, known or fold.train)
        scores.append(score)
        choices.append(of_arm)
        advance()
    table = pl.DataFrame(
        {"arm": [name] * len(settings), "parameters": [_text(one) for one in settings], "ndcg": scores},
        schema=TUNING_SCHEMA,
    )
    best = max(range(len(settings)), key=scores.__getitem__)
    return Tuned({**settings[best], **choices[best]}, scores[best], table)


def _validation_of(
    spec: RecommenderSpec, parameters: Mapping[str, Any], fold: Fold, request: Request, known: TrainingData
) -> tuple[float, Mapping[str, Any]]:
    """:func:`validation_ndcg` of the arm with these parameters, fitted for ``fold``, and what it chose by itself."""
    choices = choices_of(spec, parameters, known)
    arm = fitted_arm(spec, {**parameters, **choices}, fold.train)
    lists = lists_of(fold, spec.name, arm, replace(request, explain=False)).lists
    return validation_ndcg(lists, fold, request.k), choices


def validation_ndcg(lists: pl.DataFrame, fold: Fold, k: int) -> float:
    """What everything is chosen by: mean nDCG@k over the judged users of ``fold`` with a history; 0 without any.

    The others are served by the fallback, whatever the arm. On a timeline they are most users: 54 of 70 in the bundled sample.
    """
    judged = fold.users.id_series.filter(pl.Series(fold.judged_with_history))
    mean = ndcg(lists, fold.relevant, judged, k=k)["value"].mean()
    return float(mean) if isinstance(mean, float) else 0.0


def _text(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())
