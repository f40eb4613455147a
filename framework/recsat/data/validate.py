"""The door: what comes in is right, or is refused with every fault named, or is set aside and counted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Literal

import polars as pl

from recsat.contract.dataset import Dataset, no_quarantine
from recsat.data.faults import FILE, N_CAUSES, causes, faults_at, refuse, with_origin, without_origin, without_rows
from recsat.data.near_ids import DIFFERENCES, near_ids
from recsat.data.notes import no_texts, without_texts
from recsat.data.oddities import noted_oddities, refused_oddities
from recsat.data.schema import TABLES, future_faults, table_faults, word_faults
from recsat.errors import DataError, PluginError

OnBadRows = Literal["raise", "quarantine"]
DescribeItem = Callable[[pl.DataFrame], pl.Series]


def validate(
    dataset: Dataset,
    on_bad_rows: OnBadRows,
    *,
    describe_item: DescribeItem | None = None,
    events_of_domain: Collection[str] = (),
    topics: str | None = None,
) -> Dataset:
    """The dataset without faulty rows, or DataError.

    Checks the columns, types and values of every table (:data:`~recsat.data.schema.TABLES`), that events and exposures are on
    known items and have happened, and with ``describe_item`` that it gives a text for each item; items whose text is empty are counted in ``notes``. Faults that reading found, in ``dataset.quarantine``,
    count too. ``"raise"`` lists them all at once; ``"quarantine"`` takes the rows out and adds one row a fault to
    ``quarantine``. Of rows with one id the first stays. An event on an item that was set aside is set aside with it.

    ``events_of_domain`` are the events that the domain knows and ``topics`` is its column of topics: what is odd about them and about the tables as
    a whole becomes a sentence of ``notes``, or is refused where nobody could go on (:mod:`recsat.data.oddities`).

    Raises DataError also where a column is missing or of a wrong type, and where no items or no events are left; PluginError
    where ``dataset`` is no Dataset of DataFrames.
    """
    _require_dataset(dataset)
    tables = {name: with_origin(getattr(dataset, name), name) for name in TABLES if getattr(dataset, name) is not None}
    faults = {name: table_faults(name, table) for name, table in tables.items()}
    for name in tables:
        if FILE not in getattr(dataset, name).columns:  # of a file's cells this was asked when they were read
            faults[name] = pl.concat([faults[name], word_faults(name, tables[name])])
    for name in () if dataset.simulated else ("events", "exposures", "ties"):
        if name in tables:
            faults[name] = pl.concat([faults[name], future_faults(tables[name], tables["events"])])
    if describe_item is not None:
        _require_texts(tables["items"], describe_item)
    ordered = {name: table.select([*TABLES[name], pl.exclude(TABLES[name])]) for name, table in tables.items()}
    refused = refused_oddities(dataset, events_of_domain)
    clean = _settled(dataset, ordered, faults, on_bad_rows, refused)
    texts = missing_texts(clean.items, describe_item) if describe_item is not None else []
    return replace(clean, notes=(*clean.notes, *noted_oddities(clean, events_of_domain, topics), *texts))


def _require_dataset(loaded: object) -> None:
    if not isinstance(loaded, Dataset):
        raise PluginError(f"load returned a {type(loaded).__name__}; return a recsat.Dataset of items and events.")
    for name in TABLES:
        table = getattr(loaded, name)
        if not isinstance(table, pl.DataFrame) and not (table is None and name in ("exposures", "ties")):
            hint = "call .collect() on it" if isinstance(table, pl.LazyFrame) else "give a polars DataFrame"
            raise PluginError(f"load returned {name} as a {type(table).__name__}; {hint}.")


def _settled(
    dataset: Dataset,
    tables: dict[str, pl.DataFrame],
    faults: dict[str, pl.DataFrame],
    on_bad_rows: OnBadRows,
    refused: list[str],
) -> Dataset:
    """Rows with faults are out, and events and exposures on items that are not there; all of it is refused or noted."""
    # A row is looked for in its own table alone: one file may be the source of two.
    left = {name: without_rows(table, faults[name]) for name, table in tables.items()}
    faulty_rows = [dataset.quarantine, *faults.values()]
    for name in ("events", "exposures"):
        if name in left:
            # Where none is known that is said once, of the table.
            others = [line for line in refused if line.startswith(f"{name}: none")]
            faulty_rows.append(no_quarantine() if others else _unknown_items(left[name], left["items"]))
            left[name] = without_rows(left[name], faulty_rows[-1])
    quarantine = pl.concat(faulty_rows)
    if on_bad_rows == "raise":
        refuse(quarantine, refused)
    elif refused:
        raise DataError("\n".join(refused))
    for name in ("items", "events"):
        if left[name].is_empty():
            if quarantine.is_empty():
                raise DataError(f"{name}: the table is empty. Give at least one row.")
            raise DataError(
                "\n".join([f"{name}: the table has no row without a fault:", *causes(quarantine)[:N_CAUSES]])
            )
    clean: dict[str, Any] = {name: without_origin(table) for name, table in left.items()}
    return replace(dataset, **clean, quarantine=quarantine)


def _require_texts(items: pl.DataFrame, describe_item: DescribeItem) -> None:
    texts = describe_item(without_origin(items))
    if not isinstance(texts, pl.Series) or texts.dtype != pl.String or len(texts) != items.height:
        got = f"a {texts.dtype} Series of {len(texts)}" if isinstance(texts, pl.Series) else f"a {type(texts).__name__}"
        raise PluginError(
            f"describe_item returned {got}; return one text for each of the {items.height} rows of items."
        )


def missing_texts(items: pl.DataFrame, describe_item: DescribeItem) -> list[str]:
    """A sentence where items have no text."""
    empty = items.filter(describe_item(items).str.strip_chars().fill_null("") == "")["item_id"]
    if not len(empty):
        return []
    if len(empty) == items.height:
        return [no_texts()]
    examples = ", ".join(repr(item) for item in empty.head(3))
    more = ", …" if len(empty) > 3 else ""
    return [without_texts(f"{len(empty):,}", f"{items.height:,}", examples + more)]


def _unknown_items(table: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    unknown = table.join(items, on="item_id", how="anti", maintain_order="left")
    near = near_ids(unknown["item_id"], items["item_id"])
    in_items = pl.col("item_id").is_in(near["id"].implode())
    fix = "Add the item to items, or take the row out."
    faults = [faults_at(unknown.filter(~in_items.fill_null(value=False)), "item_id", "is not among the items", fix)]
    if near.height:
        item, other = near.row(0)
        reason = f"is among the items only in another spelling, which differs in {DIFFERENCES}"
        alike = f"Write ids alike in both: {item!r} is {other!r} in items."
        faults.append(faults_at(unknown.filter(in_items), "item_id", reason, alike))
    return pl.concat(faults)
