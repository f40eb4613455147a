"""Reported events as a domain's events: types of the domain's own columns, and what cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat.feedback.event import FeedbackEvent
from recsat.feedback.events import as_events
from recsat.feedback.log import FeedbackLog

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHARED = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event": pl.String(),
    "value": pl.Float64(),
    "timestamp": pl.Datetime("us", "UTC"),
}


def reported(folder: Path, *columns: dict[str, object]) -> pl.DataFrame:
    with FeedbackLog(folder) as log:
        log.append(
            [
                FeedbackEvent.model_validate(
                    {"user_id": f"u{n}", "item_id": "i", "event": "buy", "timestamp": NOON, "value": n, "columns": more}
                )
                for n, more in enumerate(columns)
            ]
        )
        return log.since(0)


def test_ids_may_be_as_long_as_in_the_tables_of_a_run() -> None:
    event = {"item_id": "i", "event": "buy", "timestamp": NOON}
    assert FeedbackEvent.model_validate({**event, "user_id": "长" * 333}).user_id == "长" * 333
    for too_long in ("长" * 334, "x" * 1_001):
        with pytest.raises(ValidationError, match=r"at most 1,?000 (bytes, as in the tables|characters)"):
            FeedbackEvent.model_validate({**event, "user_id": too_long})


def test_events_have_the_columns_of_the_domain_in_its_types_and_order(tmp_path: Path) -> None:
    schema = {
        "quantity": pl.Int64(),
        **SHARED,
        "paid": pl.Float64(),
        "gift": pl.Boolean(),
        "order": pl.String(),
        "due": pl.Datetime("us", "UTC"),
        "tags": pl.List(pl.String()),
    }
    feedback = reported(
        tmp_path,
        {
            "quantity": 3,
            "paid": 2.5,
            "gift": True,
            "order": "o 1",
            "due": "2026-11-26T12:00:00Z",
            "tags": "a|b",
            "other": 1,
        },
        {"order": 7},
    )
    events, faults = as_events(feedback, schema)
    assert faults.is_empty()
    assert dict(events.schema) == schema
    assert events.rows() == [
        (3, "u0", "i", "buy", 0.0, NOON, 2.5, True, "o 1", NOON, ["a", "b"]),
        (None, "u1", "i", "buy", 1.0, NOON, None, None, "7", None, None),
    ]


def test_an_event_that_cannot_be_read_is_a_fault_with_its_place_and_the_others_stay(tmp_path: Path) -> None:
    feedback = reported(tmp_path, {"quantity": "many"}, {"quantity": 2})
    events, faults = as_events(feedback, {**SHARED, "quantity": pl.Int64()})
    assert events["user_id"].to_list() == ["u1"]
    assert faults.select("file", "row", "column", "value").rows() == [("feedback", 1, "quantity", "many")]


def test_no_feedback_is_no_events_in_the_same_columns() -> None:
    from recsat.feedback.log import SCHEMA

    events, faults = as_events(pl.DataFrame(schema=SCHEMA), {**SHARED, "quantity": pl.Int64()})
    assert events.is_empty()
    assert faults.is_empty()
    assert dict(events.schema) == {**SHARED, "quantity": pl.Int64()}


def test_a_domain_without_columns_of_its_own_gets_the_shared_ones(tmp_path: Path) -> None:
    events, faults = as_events(reported(tmp_path, {"quantity": 1}), SHARED)
    assert events.rows() == [("u0", "i", "buy", 0.0, NOON)]
    assert faults.is_empty()
