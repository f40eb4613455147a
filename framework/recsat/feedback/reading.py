"""Events from a file: JSON lines or CSV, the fields of :class:`~recsat.feedback.event.FeedbackEvent` as names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import ValidationError

from recsat.data.json_keys import DoubledKey, once
from recsat.errors import FeedbackError
from recsat.feedback.event import FROM_A_FILE, FeedbackEvent

N_FAULTS: Final = 10
"""So many faults are named."""
SUFFIXES: Final = (".jsonl", ".ndjson", ".csv")


def read_events(path: Path) -> list[FeedbackEvent]:
    """The events of a file, in its order. One without an ``event_id`` gets the digest of its content, so that the same file again is the same events.

    A CSV's further columns are those of the event's ``columns``; an empty cell is none. Raises FeedbackError that names the rows at fault; such a
    file gives nothing.
    """
    rows = _csv(path) if path.suffix == ".csv" else _lines(path)
    events, faults = [], []
    for number, row in rows:
        event = _event(row)
        if isinstance(event, FeedbackEvent):
            events.append(event)
        else:
            faults.append(f"row {number}: {event}")
    if faults:
        more = f"\nand {len(faults) - N_FAULTS} more" if len(faults) > N_FAULTS else ""
        listed = "\n".join(faults[:N_FAULTS])
        raise FeedbackError(
            f"{path}: {len(faults)} rows are no events, so none was taken. Put them right, or take them out.\n{listed}{more}"
        )
    return events


def _event(row: Mapping[str, Any] | str) -> FeedbackEvent | str:
    """The event, or what is wrong with the row."""
    if isinstance(row, str):
        return row
    if "event_id" not in row:
        if "timestamp" not in row:
            return "it has neither event_id nor timestamp, so it could not be told from another one like it. Give it one of them."
        row = {**row, "event_id": sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()}
    try:
        return FeedbackEvent.model_validate(row, context=FROM_A_FILE)
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, one['loc']))} {one['msg']}" for one in error.errors())


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    if path.suffix not in SUFFIXES:
        raise FeedbackError(
            f"{path}: events come as JSON lines (.jsonl) or CSV (.csv). Give the file one of these endings."
        )
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=once)
        except DoubledKey as error:
            yield number, f"the key {error.args[0]!r} stands twice in one object, with two values"
            continue
        except ValueError as error:
            yield number, f"it is no JSON ({error})"
            continue
        yield (
            number,
            {name: cell for name, cell in row.items() if cell is not None}
            if isinstance(row, dict)
            else "it is no JSON object",
        )


def _csv(path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    try:
        table = pl.read_csv(_text(path).encode(), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise FeedbackError(f"{path}: it cannot be read as CSV ({str(error).splitlines()[0]}).") from error
    fields = set(FeedbackEvent.model_fields) - {"columns"}
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        cells = {name: cell for name, cell in row.items() if cell not in (None, "")}
        further = {name: cell for name, cell in cells.items() if name not in fields}
        yield (
            number,
            {name: cell for name, cell in cells.items() if name in fields} | ({"columns": further} if further else {}),
        )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FeedbackError(f"{path}: it cannot be read ({error}). Name a file of UTF-8 text.") from error
