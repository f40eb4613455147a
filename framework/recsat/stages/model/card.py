"""What a model is: the file that a person reads, and a gate compares."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from recsat.result.model import DataSummary, Measure

FORMAT: Final = 1
"""Raised with every change of the files of a model folder; the arms inside have a format of their own."""


class EncoderCard(BaseModel):
    """The encoder that made the item vectors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    fingerprint: str
    dimension: int


class ModelCard(BaseModel):
    """card.json of a model folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    run_id: str
    created: str
    domain: str
    arm: str
    parameters: dict[str, JsonValue]
    """Of the arm, as they were tuned on ``split``."""
    split: str
    """Where the arm led on validation: the run's first split."""
    measures: dict[str, dict[str, Measure]]
    """By split, of the lists that the arm made there from what was known there; this model is fitted on all of it."""
    data_fingerprint: str
    data: DataSummary
    last_event: datetime
    """The moment at which filters look: the last known event."""
    feedback_until: int = 0
    """Up to which event of home's feedback log its events are among the data; 0: none of them."""
    seed: int
    encoder: EncoderCard
    reranker: str | None
    """None where the run names none, or one that learns had nobody to learn from."""
    filters: list[str]
    """Those of the run in their order, and before them those that always hold."""
    fallbacks: list[str]
    config: dict[str, JsonValue]
    """The run's configuration."""
    versions: dict[str, str]


class ModelRecord(BaseModel):
    """model.json of a run: its model's fingerprint, or why it has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    fingerprint: str | None
    reason: str | None = None
