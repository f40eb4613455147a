"""Filters written as JSON: what is read, and what a mistake says."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from qdrant_client import models as m

from recsat.errors import StoreError
from recsat.store import parse_filter


def field(**test: Any) -> dict[str, Any]:
    return {"must": [{"key": "price", **test}]}


def test_every_clause_is_read() -> None:
    read = parse_filter(
        {
            "must": [{"key": "price", "range": {"gte": 1, "lt": 2.5}}, {"has_id": [7]}],
            "should": [{"key": "genres", "match": {"any": ["War", "Drama"]}}, {"is_null": {"key": "price"}}],
            "must_not": [{"key": "genres", "match": {"except": ["War"]}}],
            "min_should": {"conditions": [{"key": "active", "match": {"value": True}}], "min_count": 1},
        }
    )
    assert read == m.Filter(
        must=[m.FieldCondition(key="price", range=m.Range(gte=1, lt=2.5)), m.HasIdCondition(has_id=[7])],
        should=[
            m.FieldCondition(key="genres", match=m.MatchAny(any=["War", "Drama"])),
            m.IsNullCondition(is_null=m.PayloadField(key="price")),
        ],
        must_not=[m.FieldCondition(key="genres", match=m.MatchExcept(**{"except": ["War"]}))],
        min_should=m.MinShould(
            conditions=[m.FieldCondition(key="active", match=m.MatchValue(value=True))], min_count=1
        ),
    )


def test_a_bool_stays_a_bool_and_a_number_a_number() -> None:
    for value, kind in ((True, bool), (1, int), ("1", str)):
        read = parse_filter(field(match={"value": value}))
        assert isinstance(read.must, list)
        assert isinstance(read.must[0], m.FieldCondition)
        assert isinstance(read.must[0].match, m.MatchValue)
        assert type(read.must[0].match.value) is kind


@pytest.mark.parametrize("moment", ["2024-05-01", "2024-05-01T10:00:00Z", datetime(2024, 5, 1, tzinfo=UTC)])
def test_dates_make_a_date_range(moment: Any) -> None:
    read = parse_filter(field(range={"gte": moment}))
    assert isinstance(read.must, list)
    assert isinstance(read.must[0], m.FieldCondition)
    assert isinstance(read.must[0].range, m.DatetimeRange)


def test_filters_nest() -> None:
    inner = {"should": [{"key": "a", "match": {"value": 1}}]}
    read = parse_filter({"must": [inner, {"nested": {"key": "parts", "filter": inner}}]})
    assert isinstance(read.must, list)
    assert isinstance(read.must[0], m.Filter)
    assert isinstance(read.must[1], m.NestedCondition)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"musst": []}, r"filter: unknown key 'musst'\. Did you mean 'must'\?"),
        ({}, r"filter: \{\} is not an object"),
        ([], r"filter: \[\] is not an object"),
        ({"must": []}, r"filter\.must: \[\] is not a list of conditions"),
        ({"must": "price"}, r"filter\.must: 'price' is not a list"),
        (field(rnge={"lte": 3}), r"filter\.must\[0\]: unknown key 'rnge'\. Did you mean 'range'"),
        (field(), r"'price' that tests nothing"),
        (field(range={}), r"must\[0\]\.range: \{\}"),
        (field(range={"max": 3}), r"range: unknown key 'max'\. Use one of gt, gte, lt, lte"),
        (field(range={"lte": "cheap"}), r"range\.lte: 'cheap' is neither"),
        (field(range={"lte": math.nan}), r"range\.lte: nan is neither"),
        (field(range={"lte": None}), r"range\.lte: None is neither"),
        (field(range={"lte": True}), r"range\.lte: True is neither"),
        (field(range={"gte": 3, "lte": "2024-01-01"}), "mixes numbers and dates"),
        (field(match={"value": 1.5}), r"match\.value: 1\.5 is not a text.*Use range"),
        (field(match={"value": None}), r"match\.value: None is not a text"),
        (field(match={"text": "war"}), r"match: unknown key 'text'"),
        (field(match={"any": []}), r"match\.any: \[\] is not a list"),
        (field(match={"any": ["a", 1]}), r"match\.any"),
        (field(match={"any": [True]}), r"match\.any"),
        (field(match={"any": "War"}), r"match\.any: 'War'"),
        (field(match={"value": 1, "any": [1]}), r"\['any', 'value'\] together"),
        (field(values_count={"gte": "two"}), r"values_count\.gte: .*integer.*'two'"),
        ({"must": [{"key": 3, "match": {"value": 1}}]}, r"must\[0\]\.key: 3"),
        ({"must": [{"has_id": ["movie-7"]}]}, r"has_id: 'movie-7' is not a point id"),
        ({"must": [{"is_null": {"key": "a"}, "is_empty": {"key": "b"}}]}, "one condition for each"),
        ({"must": [{"nested": {"key": "parts"}}]}, r"nested\.filter"),
        ({"min_should": {"conditions": [{"has_id": [1]}]}}, "needs conditions and an integer min_count"),
        ({"should": [{"must": [{"key": "a", "macth": {"value": 1}}]}]}, r"should\[0\]\.must\[0\].*'match'"),
    ],
)
def test_a_mistake_is_placed_and_explained(where: Any, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        parse_filter(where)
