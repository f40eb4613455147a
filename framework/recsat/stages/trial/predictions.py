"""How far the value model's probabilities are from what happened, on validation and on test."""

from __future__ import annotations

from typing import Literal

import polars as pl

from recsat.contract.arm import Recommender
from recsat.contract.domain import Domain
from recsat.contract.reranker import Example
from recsat.lists.request import Request
from recsat.measure.pooled import Resampling, pooled_mean
from recsat.measure.prediction import (
    LOG_LOSS,
    SQUARED_ERROR,
    brier_of,
    calibration_error_of,
    log_loss_of,
    rmse_of,
)
from recsat.rerank.value import ExpectedValue, cross_fitted, predictions
from recsat.result.model import Ends, PredictionError
from recsat.stages.trial.examples import examples
from recsat.stages.trial.fold import Fold


def validation_errors(
    value: ExpectedValue, taught: list[Example], arm: str, split: str, how: Resampling | None = None
) -> list[PredictionError]:
    """By event: errors of the value model's probabilities for users that it was not fitted on; empty for a single user."""
    if sum(len(example.block.scores) for example in taught) < 2:
        return []
    return _errors(cross_fitted(value, taught), arm, split, "validation", how)


def test_errors(
    domain: Domain,
    name: str,
    arm: Recommender,
    split: str,
    fold: Fold,
    request: Request,
    how: Resampling | None,
) -> list[PredictionError]:
    """By event: errors of the value model of ``request`` on the test ``fold`` that ``arm`` was fitted for.

    For the reader alone: nothing is chosen by them. Empty where the run does not rerank by value.
    """
    value = request.reranker
    if not isinstance(value, ExpectedValue):
        return []
    return _errors(predictions(value, examples(domain, arm, fold, request, value.events)), name, split, "test", how)


def _errors(
    table: pl.DataFrame, arm: str, split: str, part: Literal["validation", "test"], how: Resampling | None
) -> list[PredictionError]:
    return [
        error_of(rows, arm, split, part, event, how) for (event,), rows in table.group_by("event", maintain_order=True)
    ]


def error_of(
    rows: pl.DataFrame, arm: str | None, split: str, part: str, event: object, how: Resampling | None = None
) -> PredictionError:
    """Of ``rows`` (user_id, predicted, observed), probabilities of one event and whether it happened; with intervals over users where ``how`` says how."""
    squared, log_loss = rows.select(loss=SQUARED_ERROR)["loss"], rows.select(loss=LOG_LOSS)["loss"]
    base_rate = rows.with_columns(predicted=pl.col("observed").mean())
    return PredictionError.model_validate(
        {
            "arm": arm,
            "split": split,
            "event": event,
            "part": part,
            "n": rows.height,
            "rate": rows["observed"].mean(),
            "predicted": rows["predicted"].mean(),
            "rmse": rmse_of(rows),
            "log_loss": log_loss_of(rows),
            "log_loss_of_rate": log_loss_of(base_rate),
            "brier": brier_of(rows),
            "calibration_error": calibration_error_of(rows),
            "rmse_ends": _ends(rows, squared, how, root=True),
            "log_loss_ends": _ends(rows, log_loss, how),
            "brier_ends": _ends(rows, squared, how),
        }
    )


def _ends(rows: pl.DataFrame, losses: pl.Series, how: Resampling | None, *, root: bool = False) -> Ends | None:
    if how is None:
        return None
    mean = pooled_mean(rows["user_id"], losses, how, root=root)
    return None if mean.low is None or mean.high is None else Ends(low=mean.low, high=mean.high)
