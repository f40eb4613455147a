"""What each table must be: pandera schemas, all of whose faults are gathered before anything is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from recsat.contract.dataset import no_quarantine
from recsat.data.columns import UTC
from recsat.data.faults import faults_at
from recsat.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

EMPTY = "not_nullable"
DUPLICATE = "unique"
NOT_FINITE = "finite"
NO_POSITION = "position"
NO_PROBABILITY = "probability"

FIXES: Mapping[str, tuple[str, str]] = {
    EMPTY: ("is empty", "Fill it in, or take the row out."),
    DUPLICATE: ("is a duplicate", "Keep one row for each id."),
    NOT_FINITE: ("is not a finite number", "Leave the cell empty where there is no value."),
    NO_POSITION: ("is not a position", "Count positions from 1."),
    NO_PROBABILITY: (
        "is not a probability above 0 and up to 1",
        "Log the probability with which the item was shown there.",
    ),
}


@dataclass(frozen=True)
class Rule:
    """A column that a table must have. ``checks`` are names of :data:`FIXES`."""

    dtype: pl.DataType | type[pl.DataType]
    checks: tuple[str, ...] = ()


ID = Rule(pl.String, (EMPTY,))
KEY = Rule(pl.String, (EMPTY, DUPLICATE))
WORD = Rule(pl.String, (EMPTY,))
TIME = Rule(UTC)
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
OUTCOMES: Mapping[str, Mapping[str, Rule]] = {"exposures": {"click": Rule(pl.Boolean)}}
"""Columns that a table may do without, by the one name that every domain gives them."""


def table_faults(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Faults of the rows of ``table`` (with origin), as in the quarantine table.

    Raises DataError where a column is missing or of another type: that is the loader's fault and not a row's.
    """
    from pandera.errors import SchemaErrors

    try:
        _schema(name, table).validate(table, lazy=True)
    except SchemaErrors as error:
        found: pl.DataFrame = error.failure_cases
    else:
        return no_quarantine()
    whole = found.filter(pl.col("index").is_null())
    if whole.height:
        raise DataError("\n".join(_of_the_table(name, table, check) for check in whole.iter_rows(named=True)))
    groups = found.sort("column", "check", "index").partition_by("column", "check", as_dict=True, maintain_order=True)
    return pl.concat([_of_rows(table, column, check, cases["index"]) for (column, check), cases in groups.items()])


def _schema(name: str, table: pl.DataFrame) -> DataFrameSchema:
    # Imported here: pandera takes a second, and most who import recsat never validate.
    import pandera.polars as pa

    def column(rule: Rule, *, is_float: bool) -> pa.Column:
        wanted = [*rule.checks, NOT_FINITE] if is_float else rule.checks
        checks = [pa.Check(_CHECKS[check], error=check) for check in wanted if check != EMPTY]
        return pa.Column(rule.dtype, nullable=EMPTY not in rule.checks, checks=checks)

    outcomes = {c: rule for c, rule in OUTCOMES.get(name, {}).items() if c in table.columns}
    rules = {**{c: Rule(t) for c, t in table.schema.items() if t.is_float()}, **outcomes, **TABLES[name]}
    return pa.DataFrameSchema(
        {c: column(rule, is_float=c in table.columns and table.schema[c].is_float()) for c, rule in rules.items()}
    )


def _check_on(make: Any) -> Any:
    return lambda data: data.lazyframe.select(make(pl.col(data.key)).fill_null(value=True))


_CHECKS: Mapping[str, Any] = {
    DUPLICATE: _check_on(lambda cell: cell.is_first_distinct() | cell.is_null()),
    NOT_FINITE: _check_on(lambda cell: cell.is_finite()),
    NO_POSITION: _check_on(lambda cell: cell >= 1),
    NO_PROBABILITY: _check_on(lambda cell: (cell > 0) & (cell <= 1)),
}


def _of_the_table(name: str, table: pl.DataFrame, case: Mapping[str, Any]) -> str:
    if case["check"] == "column_in_dataframe":
        missing = case["failure_case"]
        own = [c for c in table.columns if not c.startswith("_")]
        return (
            f"{name}: there is no column {missing!r}; the columns are {', '.join(own)}.{did_you_mean(missing, own)} "
            "Add it in the domain's load."
        )
    column = case["column"]
    rule = {**OUTCOMES.get(name, {}), **TABLES[name]}[column]
    return (
        f"{name}: column {column!r} has the type {table.schema[column]}; it must be {rule.dtype}. "
        "Cast it in the domain's load."
    )


def _of_rows(table: pl.DataFrame, column: str, check: str, rows: pl.Series) -> pl.DataFrame:
    reason, fix = FIXES[check]
    bad = table[rows]
    if check == DUPLICATE:
        first = table.group_by(column, maintain_order=True).agg(_first=pl.col("_row").first())
        bad = bad.join(first, on=column, how="left", maintain_order="left")
        return faults_at(bad, column, pl.format("is a duplicate of row {}", pl.col("_first")), fix)
    return faults_at(bad, column, reason, fix)
