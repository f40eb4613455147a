"""Rules for a domain's tables: right for every domain, and what this domain says of itself."""

from __future__ import annotations

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain
from recsat.data.validate import validate


def check_tables(domain: Domain, loaded: Dataset) -> Dataset:
    """The validated tables, without origins; AssertionError or DataError with what to do where a rule is broken."""
    data = validate(loaded, "raise", describe_item=domain.describe_item)
    unknown_kinds = set(data.items["kind"]) - set(domain.kinds)
    assert not unknown_kinds, (
        f"items have kinds {sorted(unknown_kinds)}, and the domain has {domain.kinds}. Add or map them."
    )
    _check_column(data.items, domain.title, pl.String(), "text", "title")
    if domain.topics is not None:
        _check_column(data.items, domain.topics, pl.List(pl.String), "list-of-strings", "topics")
    if domain.market is not None and (dtype := data.users.schema.get(domain.market, pl.String())) != pl.String():
        raise AssertionError(
            f"users' column {domain.market!r}, which the domain calls their market, is {dtype}. Cast it to text."
        )
    valued = set(data.events.filter(pl.col("value").is_not_null())["event"]) - set(domain.units)
    assert not valued, f"events {sorted(valued)} have values without a unit. Name it in the domain's units."
    return data


def _check_column(items: pl.DataFrame, column: str, dtype: pl.DataType, words: str, use: str) -> None:
    column_type = items.schema.get(column)
    fault = f"they have {', '.join(items.columns)}" if column_type is None else f"it is {column_type}"
    assert column_type == dtype, (
        f"items have no {words} column {column!r}, which the domain calls its {use}; {fault}. "
        f"Add or cast it in load, or name another column as {use}."
    )


def check_positive(domain: Domain, events: pl.DataFrame) -> int:
    """How many events are liked; AssertionError where ``positive`` does not say so of each."""
    liked = events.select(liked=domain.positive).to_series()
    assert liked.dtype == pl.Boolean, f"positive gives {liked.dtype} over events; it must be true or false."
    assert len(liked) == events.height, "positive gives another number of rows than events have."
    assert liked.any(), "positive is true for no event at all, so nothing could be recommended or judged."
    return int(liked.sum())
