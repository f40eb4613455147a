"""Hyperparameters from the validation part of a split, never from its test part."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.lists.make import recommend
from recsat.lists.request import Request
from recsat.measure.accuracy import ndcg
from recsat.stages.trial.fold import Fold


def settings_of(spec: RecommenderSpec, fixed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the arm's grid, with the values that the run fixes in place of the grid's."""
    grid = {name: values for name, values in spec.grid.items() if name not in fixed}
    return [{**fixed, **dict(zip(grid, chosen, strict=True))} for chosen in itertools.product(*grid.values())]


def tune(
    spec: RecommenderSpec,
    fixed: Mapping[str, Any],
    fold: Fold,
    fallbacks: Sequence[Recommender],
    request: Request,
    advance: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], pl.DataFrame]:
    """The settings with the best mean nDCG@k on the validation ``fold``, and a table of what was tried.

    An arm with one setting is not fitted. The table has (parameters as JSON text, ndcg); of equals the first wins.
    """
    tried = settings_of(spec, fixed)
    if len(tried) == 1:
        return tried[0], pl.DataFrame(schema={"arm": pl.String, "parameters": pl.String, "ndcg": pl.Float64})
    scores: list[float] = []
    for parameters in tried:
        scores.append(validation_ndcg(spec, parameters, fold, fallbacks, request))
        advance()
    table = pl.DataFrame(
        {"arm": [spec.name] * len(tried), "parameters": [_text(parameters) for parameters in tried], "ndcg": scores}
    )
    return tried[max(range(len(tried)), key=scores.__getitem__)], table


def validation_ndcg(
    spec: RecommenderSpec,
    parameters: Mapping[str, Any],
    fold: Fold,
    fallbacks: Sequence[Recommender],
    request: Request,
) -> float:
    """Mean nDCG@k of the arm with these parameters, fitted for ``fold``, over its judged users with a history; 0 without any.

    The others are served by the fallback, whatever the arm. On a timeline they are most users: 54 of 70 in the bundled sample.
    """
    arm = spec.make(**parameters).fit(fold.train)
    request = replace(request, explain=False)
    made = recommend(spec.name, arm, fold.users, fold.train.catalogue, fold.plan, fallbacks=fallbacks, request=request)
    judged = pl.Series("user_id", fold.users.ids, dtype=pl.String).filter(pl.Series(fold.judged_with_history))
    value = ndcg(made.lists, fold.relevant, judged, k=request.k)["value"].mean()
    return float(value) if isinstance(value, float) else 0.0


def _text(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())
