"""Language, age rating, region, licence window, freshness: each rule once for Qdrant and once for polars.

An item whose language, age rating or release is unknown is removed by the filter that asks for it. An item without regions
or without an end of its window is licensed there: that is how open licences are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from recsat import CandidateFilter, DataError, FilterContext


def _need(name: str, columns: tuple[str, ...], items: pl.DataFrame) -> None:
    missing = [column for column in columns if column not in items.columns]
    if missing:
        raise DataError(
            f"items: filter {name} needs column {missing[0]!r}, and these items have none. "
            f"Add the column, or take content.{name} out of rank.filters."
        )


def _all(items: pl.DataFrame) -> pl.Series:
    return pl.repeat(value=True, n=items.height, dtype=pl.Boolean, eager=True)


def _moment(moment: datetime) -> str:
    return moment.isoformat()


def _language_where(context: FilterContext) -> Mapping[str, Any] | None:
    if not context.config.languages:
        return None
    _need("language", ("language",), context.known.items)
    return {"must": [{"key": "language", "match": {"any": context.config.languages}}]}


def _language_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if not context.config.languages:
        return _all(items)
    _need("language", ("language",), items)
    return items.select(pl.col("language").is_in(context.config.languages).fill_null(value=False)).to_series()


def _age_where(context: FilterContext) -> Mapping[str, Any] | None:
    if context.config.max_age_rating is None:
        return None
    _need("age_rating", ("age_rating",), context.known.items)
    return {"must": [{"key": "age_rating", "range": {"lte": context.config.max_age_rating}}]}


def _age_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if context.config.max_age_rating is None:
        return _all(items)
    _need("age_rating", ("age_rating",), items)
    return items.select((pl.col("age_rating") <= context.config.max_age_rating).fill_null(value=False)).to_series()


def _region_where(context: FilterContext) -> Mapping[str, Any] | None:
    if context.config.region is None:
        return None
    _need("region", ("regions",), context.known.items)
    licensed = {"key": "regions", "match": {"value": context.config.region}}
    return {"should": [{"is_empty": {"key": "regions"}}, licensed]}


def _region_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if context.config.region is None:
        return _all(items)
    _need("region", ("regions",), items)
    anywhere = pl.col("regions").list.len().fill_null(0) == 0
    return items.select(
        anywhere | pl.col("regions").list.contains(context.config.region).fill_null(value=False)
    ).to_series()


def _licence_where(context: FilterContext) -> Mapping[str, Any] | None:
    columns = ("available_from", "available_until")
    _need("licence", columns, context.known.items)
    at = _moment(context.config.licence_at or context.now)
    begun = {"key": "available_from", "range": {"lte": at}}
    lasts = {"key": "available_until", "range": {"gt": at}}
    return {
        "must": [
            {"should": [{"is_empty": {"key": "available_from"}}, begun]},
            {"should": [{"is_empty": {"key": "available_until"}}, lasts]},
        ]
    }


def _licence_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    _need("licence", ("available_from", "available_until"), items)
    at = context.config.licence_at or context.now
    begun = (pl.col("available_from") <= at).fill_null(value=True)
    return items.select(begun & (pl.col("available_until") > at).fill_null(value=True)).to_series()


def _fresh_where(context: FilterContext) -> Mapping[str, Any] | None:
    if context.config.max_age_days is None:
        return None
    _need("freshness", ("released",), context.known.items)
    since = context.now - timedelta(days=context.config.max_age_days)
    return {"must": [{"key": "released", "range": {"gte": _moment(since), "lte": _moment(context.now)}}]}


def _fresh_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if context.config.max_age_days is None:
        return _all(items)
    _need("freshness", ("released",), items)
    since = context.now - timedelta(days=context.config.max_age_days)
    return items.select(pl.col("released").is_between(since, context.now).fill_null(value=False)).to_series()


LANGUAGE = CandidateFilter(
    name="language",
    description="Items in one of the chosen languages.",
    where=_language_where,
    keep=_language_keep,
    fields={"language": "keyword"},
)
AGE_RATING = CandidateFilter(
    name="age_rating",
    description="Items rated for the chosen age or below.",
    where=_age_where,
    keep=_age_keep,
    fields={"age_rating": "integer"},
)
REGION = CandidateFilter(
    name="region",
    description="Items licensed for the chosen region.",
    where=_region_where,
    keep=_region_keep,
    fields={"regions": "keyword"},
)
LICENCE = CandidateFilter(
    name="licence",
    description="Items whose licence window covers the chosen moment.",
    where=_licence_where,
    keep=_licence_keep,
    fields={"available_from": "datetime", "available_until": "datetime"},
)
FRESHNESS = CandidateFilter(
    name="freshness",
    description="Items released at most the chosen number of days ago.",
    where=_fresh_where,
    keep=_fresh_keep,
    fields={"released": "datetime"},
)
FILTERS = (LANGUAGE, AGE_RATING, REGION, LICENCE, FRESHNESS)
