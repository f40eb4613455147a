"""What each table must be. All faults of a table are gathered before anything is said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC as UTC_ZONE
from datetime import datetime

import numpy as np
import polars as pl

from recsat.contract.dataset import no_quarantine
from recsat.data.columns import MISSING_WORDS, UTC
from recsat.data.faults import faults_at
from recsat.data.moments import future_ones
from recsat.errors import DataError, did_you_mean

EMPTY = "not_nullable"
DUPLICATE = "unique"
NOT_FINITE = "finite"
TOO_LARGE = "magnitude"
CONTROL = "control"
TOO_LONG = "length"
NO_POSITION = "position"
NO_PROBABILITY = "probability"
NO_MOMENT = "moment"
IN_FUTURE = "future"
NO_AMOUNT = "amount"
NO_PERCENTAGE = "percentage"

LARGEST = 1e15
"""Numbers beyond are nobody's amounts, and sums of them lose the others."""
LONGEST = 1_000
"""Bytes of an id or of the name of an event."""
UNSEEN = r"[\p{Cc}\x{202a}-\x{202e}\x{2066}-\x{2069}]"
"""Control characters, and those that turn the direction of writing."""

FIXES: Mapping[str, tuple[str, str]] = {
    EMPTY: ("is empty", "Fill it in, or take the row out."),
    DUPLICATE: ("is a duplicate", "Keep one row for each id."),
    NOT_FINITE: ("is not a finite number", "Leave the cell empty where there is no value."),
    TOO_LARGE: (f"is larger than {LARGEST:g}", "Mend it, or leave the cell empty where there is no value."),
    CONTROL: ("has control characters", "Take them out; an id is what people can write."),
    TOO_LONG: (f"is longer than {LONGEST:,} bytes", "Mend it; a quote that nobody closed may have made it."),
    NO_POSITION: ("is not a position", "Count positions from 1."),
    NO_MOMENT: ("lies before 1970 or after 2099", "Mend it, or leave the cell empty where the time is not known."),
    IN_FUTURE: (
        "lies in the future",
        "Mend it. Where the time of the data is a simulated one, shift it so that it ends today, or so that most events lie in the future.",
    ),
    NO_AMOUNT: (
        "is less than nothing",
        "Net returns and refunds out of what they undo, or leave the cell empty where it is not known.",
    ),
    NO_PERCENTAGE: ("is not a percentage from 0 to 100", "Write 80 where four fifths were watched."),
    NO_PROBABILITY: (
        "is not a probability above 0 and up to 1",
        "Log the probability with which the item was shown there.",
    ),
}


EPOCH, CENTURY = datetime(1970, 1, 1, tzinfo=UTC_ZONE), datetime(2100, 1, 1, tzinfo=UTC_ZONE)
"""Nothing that users did was logged outside these years."""


@dataclass(frozen=True)
class Rule:
    """A column that a table must have. ``checks`` are names of :data:`FIXES`."""

    dtype: pl.DataType | type[pl.DataType]
    checks: tuple[str, ...] = ()


NAME = (EMPTY, CONTROL, TOO_LONG)
ID = Rule(pl.String, NAME)
KEY = Rule(pl.String, (*NAME, DUPLICATE))
WORD = Rule(pl.String, NAME)
TIME = Rule(UTC, (NO_MOMENT,))
TABLES: Mapping[str, Mapping[str, Rule]] = {
    "items": {"item_id": KEY, "kind": WORD},
    "users": {"user_id": KEY},
    "events": {"user_id": ID, "item_id": ID, "event": WORD, "value": Rule(pl.Float64), "timestamp": TIME},
    "exposures": {
        "user_id": ID,
        "item_id": ID,
        "position": Rule(pl.Int64, (EMPTY, NO_POSITION)),
        "timestamp": TIME,
        "policy": WORD,
        "propensity": Rule(pl.Float64, (EMPTY, NO_PROBABILITY)),
    },
    "ties": {"user_id": ID, "other_id": ID, "timestamp": TIME},
}
"""The columns of every table and their types; any float column, a plugin's own too, must be finite or null."""
OUTCOMES: Mapping[str, Mapping[str, Rule]] = {"exposures": {"click": Rule(pl.Boolean), "value": Rule(pl.Float64)}}
"""Columns that a table may do without, by the one name that every domain gives them."""


def table_faults(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Faults of the rows of ``table`` (with origin), as in the quarantine table.

    Raises DataError where a column is missing or of another type: that is the loader's fault and not a row's.
    """
    rules = {**{c: Rule(t) for c, t in table.schema.items() if t.is_float()}, **_present(name, table), **TABLES[name]}
    missing = [_missing(name, column, table) for column in rules if column not in table.columns]
    mistyped = [
        f"{name}: column {c!r} has the type {table.schema[c]}; it must be {rule.dtype}. Cast it in the domain's load."
        for c, rule in rules.items()
        if c in table.columns and table.schema[c] != rule.dtype
    ]
    if missing or mistyped:
        raise DataError("\n".join([*missing, *mistyped]))
    checks = [(c, check) for c in sorted(rules) for check in sorted({*rules[c].checks, *_of_type(table.schema[c])})]
    broken = table.select(
        _HOLDS[check](pl.col(c)).fill_null(value=True).not_().alias(f"{c} {check}") for c, check in checks
    )
    faults = [_of_rows(table, c, check, broken[f"{c} {check}"]) for c, check in checks if broken[f"{c} {check}"].any()]
    return pl.concat(faults) if faults else no_quarantine()


def word_faults(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Faults of ids that are a word for nothing, which is what becomes of a missing id that was made a text."""
    ids = [column for column, rule in TABLES[name].items() if rule in (ID, KEY) and column in table.columns]
    is_word = {column: table[column].is_in(list(MISSING_WORDS)).fill_null(value=False) for column in ids}
    fix = "Fill it in, or take the row out."
    faults = [
        faults_at(table.filter(rows), column, "reads like a missing value", fix)
        for column, rows in is_word.items()
        if rows.any()
    ]
    return pl.concat(faults) if faults else no_quarantine()


def future_faults(table: pl.DataFrame, events: pl.DataFrame | None = None) -> pl.DataFrame:
    """Faults of the rows of ``table`` (with origin) that have not happened yet, by the time of the ``events`` that it belongs to (:func:`~recsat.data.moments.future_ones`)."""
    moments = table["timestamp"]
    late = table.filter(future_ones(moments, of=None if events is None else events["timestamp"]) & (moments < CENTURY))
    return faults_at(late, "timestamp", *FIXES[IN_FUTURE])


SIGNED = ("rating",)
"""Events whose value may be below 0: a scale may begin there."""


def amount_faults(events: pl.DataFrame, signed: Collection[str] = SIGNED) -> pl.DataFrame:
    """Faults of the rows of ``events`` (with origin) whose amounts are none: a ``value`` below 0 of an event that is not ``signed``, a
    ``quantity`` below 0, a ``watched_percent`` outside of 0 to 100."""
    of_columns = {
        "value": (pl.col("value") < 0) & ~pl.col("event").is_in(list(signed)).fill_null(value=False),
        "quantity": pl.col("quantity") < 0,
        "watched_percent": ~pl.col("watched_percent").is_between(0, 100) & pl.col("watched_percent").is_finite(),
    }
    faults = [
        faults_at(events.filter(is_bad), column, *FIXES[NO_PERCENTAGE if column == "watched_percent" else NO_AMOUNT])
        for column, is_bad in of_columns.items()
        if column in events.columns
        and events.schema[column].is_numeric()
        and not all_between(events[column], 0, 100 if column == "watched_percent" else np.inf)
    ]
    return pl.concat(faults) if faults else no_quarantine()


def all_between(values: pl.Series, low: float, high: float) -> bool:
    """Whether no number lies outside, which takes no query to say; False where one that is none hides it."""
    least, most = values.min(), values.max()
    return least is None or bool(least >= low and most <= high)  # type: ignore[operator]


def _present(name: str, table: pl.DataFrame) -> dict[str, Rule]:
    return {c: rule for c, rule in OUTCOMES.get(name, {}).items() if c in table.columns}


def _of_type(dtype: pl.DataType) -> tuple[str, ...]:
    return (NOT_FINITE, TOO_LARGE) if dtype.is_float() else ()


_HOLDS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    EMPTY: lambda cell: cell.is_not_null(),
    DUPLICATE: lambda cell: cell.is_first_distinct() | cell.is_null(),
    NOT_FINITE: lambda cell: cell.is_finite(),
    TOO_LARGE: lambda cell: (cell.abs() <= LARGEST) | ~cell.is_finite(),
    CONTROL: lambda cell: ~cell.str.contains(UNSEEN),
    TOO_LONG: lambda cell: cell.str.len_bytes() <= LONGEST,
    NO_POSITION: lambda cell: cell >= 1,
    NO_MOMENT: lambda cell: (cell >= EPOCH) & (cell < CENTURY),
    NO_PROBABILITY: lambda cell: (cell > 0) & (cell <= 1),
}
"""What a cell must be by the name of its check. An empty cell is a fault of the first alone."""


def _missing(name: str, column: str, table: pl.DataFrame) -> str:
    columns = [c for c in table.columns if not c.startswith("_")]
    return (
        f"{name}: there is no column {column!r}; the columns are {', '.join(columns)}.{did_you_mean(column, columns)} "
        "Add it in the domain's load."
    )


def _of_rows(table: pl.DataFrame, column: str, check: str, broken: pl.Series) -> pl.DataFrame:
    reason, fix = FIXES[check]
    bad = table.filter(broken)
    if check == DUPLICATE:
        first = table.group_by(column, maintain_order=True).agg(_first=pl.col("_row").first())
        bad = bad.join(first, on=column, how="left", maintain_order="left")
        return faults_at(bad, column, pl.format("is a duplicate of row {}", pl.col("_first")), fix)
    return faults_at(bad, column, reason, fix)
