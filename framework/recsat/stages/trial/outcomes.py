"""The outcome model of what was shown: how far its probabilities of clicks and conversions are from what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import MeasureSettings
from recsat.contract.interactions import Catalogue
from recsat.data.credit import CONVERSION_WINDOW, credited
from recsat.data.split import Split
from recsat.measure.pooled import Resampling, pooled_difference
from recsat.measure.prediction import LOG_LOSS, log_loss_of, reliability_table
from recsat.rerank.outcome import OutcomeModel, fit_outcome
from recsat.result.model import Estimate, NotMeasured, PredictionError, ReliabilityBin
from recsat.stages.trial.exposure_features import Likes, Log, exposure_features, likes_of
from recsat.stages.trial.history import TIMELINE
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.predictions import error_of

Part = Literal["validation", "test"]
CLICK = "click"
FEWEST_HITS = 10
"""Outcomes that a part needs on either side of it: with fewer nothing is learnt, and nothing can be judged."""


@dataclass(frozen=True)
class Outcome:
    """An event that may follow an exposure."""

    event: str
    log: Log
    """Every exposure of known time; an outcome is known from the end of its window on."""


def outcome_errors(
    inputs: RunInputs, split: Split, settings: MeasureSettings
) -> tuple[list[PredictionError], list[NotMeasured]]:
    """By outcome and part: errors of a model that learns from the exposures before the part; and what cannot be measured, and why.

    Exposures are those of the items that the run keeps; for an event that is not logged with them, of the users that it keeps as well, since
    the events of others are not there. Outcomes are clicks, where they were logged, and the events that the domain gives a worth. Logistic regression
    (:func:`~recsat.rerank.outcome.fit_outcome`) on :data:`~recsat.stages.trial.exposure_features.FEATURES`. On the validation part each half of
    the users is judged by a model of the other half; on the test part everybody by a model of everybody.
    """
    exposures = inputs.dataset.exposures
    if exposures is None:
        return [], [_lack("outcome-error", "The data have no exposures: nobody recorded what was shown.")]
    if split.protocol != TIMELINE:
        reason = f"Split {split.name} does not cut by time, and what is shown later is what is predicted."
        return [], [_lack("outcome-error", reason)]
    in_catalogue = pl.col("item_id").is_in(inputs.catalogue.items["item_id"].implode())
    dated = exposures.filter(pl.col("timestamp").is_not_null() & in_catalogue)
    dated = dated.sort("timestamp", "user_id", "item_id", "position")
    users = dated["user_id"].unique().sort()
    index = {user: row for row, user in enumerate(users.to_list())}
    likes = likes_of(inputs.dataset.events.filter(inputs.domain.positive), index, inputs.catalogue)
    cuts = [_first(split.validation), _first(split.test)]
    errors: list[PredictionError] = []
    lacks: list[NotMeasured] = []
    for outcome in _outcomes(inputs, dated, index):
        of_outcome = [
            error
            for part, start, end in (("validation", cuts[0], cuts[1]), ("test", cuts[1], None))
            if (error := _judged(inputs, split.name, outcome, likes, users, part, start, end, settings)) is not None  # type: ignore[arg-type]
        ]
        errors += of_outcome
        if not any(error.part == "test" for error in of_outcome):
            reason = f"Fewer than {FEWEST_HITS} exposures before or after the cut of {split.name} led to it, or none did not."
            lacks.append(_lack(f"{outcome.event}-error", reason))
    if not (errors or lacks):
        lacks.append(
            _lack(
                "outcome-error", "No click was logged with the exposures, and no event that follows them has a worth."
            )
        )
    return errors, lacks


def _outcomes(inputs: RunInputs, dated: pl.DataFrame, index: dict[str, int]) -> Iterator[Outcome]:
    events = dict.fromkeys([*([CLICK] if CLICK in dated.columns else []), *inputs.domain.worth])
    for event in events:
        if event in dated.columns:
            yield Outcome(
                event, _log(dated, dated[event].fill_null(value=False), index, inputs.catalogue, timedelta(0))
            )
        elif (inputs.dataset.events["event"] == event).any():
            of_core = dated.join(
                inputs.dataset.events.select("user_id").unique(), on="user_id", how="semi", maintain_order="left"
            )
            happened = _converted(of_core, inputs.dataset.events.filter(pl.col("event") == event))
            yield Outcome(event, _log(of_core, happened, index, inputs.catalogue, CONVERSION_WINDOW))


def _converted(dated: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """Which exposures led to one of ``events``."""
    rows = credited(dated, events.select("user_id", "item_id", "timestamp"))["row"]
    return pl.int_range(dated.height, dtype=pl.Int64, eager=True).is_in(rows.unique().implode())


def _log(
    dated: pl.DataFrame, happened: pl.Series, index: dict[str, int], catalogue: Catalogue, window: timedelta
) -> Log:
    times = dated["timestamp"].dt.epoch("us").to_numpy()
    return Log(
        users=dated["user_id"].replace_strict(index, return_dtype=pl.Int64).to_numpy(),
        items=catalogue.positions(dated["item_id"]),
        times=times,
        known_at=times + int(window / timedelta(microseconds=1)),
        happened=happened.to_numpy().astype(np.bool_),
        positions=dated["position"].to_numpy(),
    )


def _judged(
    inputs: RunInputs,
    split: str,
    outcome: Outcome,
    likes: Likes,
    users: pl.Series,
    part: Part,
    start: int,
    end: int | None,
    settings: MeasureSettings,
) -> PredictionError | None:
    """Of exposures from ``start`` to before ``end`` whose outcome is known by then, by models of what was known at ``start``."""
    log = outcome.log
    end = log.end if end is None else end
    known, judged = log.take(log.known_at < start), log.take((log.times >= start) & (log.known_at < end))
    if not (_enough(known.happened) and _enough(judged.happened)):
        return None
    vectors = inputs.vectors["text"]
    X_known, X = (exposure_features(rows, known, likes, vectors, cut=start) for rows in (known, judged))
    if part == "test":
        predicted = fit_outcome([X_known], [known.happened]).probability(X)
    else:
        predicted = np.empty(len(X))
        for odd in (0, 1):
            model = _of_half(X_known, known, 1 - odd)
            predicted[judged.users % 2 == odd] = model.probability(X[judged.users % 2 == odd])
    table = pl.DataFrame(
        {"user_id": users.gather(judged.users), "predicted": predicted, "observed": judged.happened.astype(np.float64)}
    )
    return with_control(
        error_of(table, None, split, part, outcome.event, _resampling(settings, inputs.seed)),
        table,
        float(known.happened.mean()),
        inputs.seed,
        settings,
    )


def _of_half(X: NDArray[np.float64], known: Log, odd: int) -> OutcomeModel:
    rows = known.users % 2 == odd
    return fit_outcome([X[rows]], [known.happened[rows]])


def with_control(
    error: PredictionError, table: pl.DataFrame, known_rate: float, seed: int, settings: MeasureSettings
) -> PredictionError:
    """``error`` of ``table`` (user_id, predicted, observed) with the rate that was known before as its control, and reliability."""
    losses = table.select("user_id", loss=LOG_LOSS)
    control = table.with_columns(predicted=pl.lit(known_rate))
    how = _resampling(settings, seed)
    difference = pooled_difference(table["user_id"], losses["loss"], control.select(loss=LOG_LOSS)["loss"], how)
    bins = reliability_table(table, confidence=settings.confidence)
    return error.model_copy(
        update={
            "n_users": table["user_id"].n_unique(),
            "known_rate": known_rate,
            "log_loss_of_known_rate": log_loss_of(control),
            "against_known_rate": Estimate(value=difference.value, low=difference.low, high=difference.high),
            "reliability": [ReliabilityBin.model_validate(row) for row in bins.iter_rows(named=True)],
        }
    )


def _resampling(settings: MeasureSettings, seed: int) -> Resampling:
    return Resampling(settings.confidence, settings.n_bootstrap, seed)


def _enough(happened: NDArray[np.bool_]) -> bool:
    return min(int(happened.sum()), int((~happened).sum())) >= FEWEST_HITS


def _first(events: pl.DataFrame) -> int:
    return int(events["timestamp"].dt.epoch("us").min())  # type: ignore[arg-type]


def _lack(name: str, reason: str) -> NotMeasured:
    return NotMeasured(name=name, reason=reason)
