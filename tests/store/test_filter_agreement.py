"""Every kind of filter keeps the same points on every engine as a brute-force evaluation in Python."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import models

from recsat.store import ItemIndex, VectorStore, parse_filter, point_ids, search

N = 120
NAME = "recsat-test-filters"
CATEGORIES = ["crime", "drama", "comedy", "war"]
TAGS = ["a", "b", "c", "d"]


def payloads() -> list[dict[str, Any]]:
    chance = random.Random(7)
    return [
        {
            "category": chance.choice([*CATEGORIES, None]),
            "number": chance.randrange(8),
            "price": chance.choice([None, round(chance.uniform(0, 20), 2)]),
            "active": chance.random() < 0.4,
            "tags": chance.sample(TAGS, chance.randrange(4)),
            "when": datetime(2024, chance.randrange(1, 13), chance.randrange(1, 29)),
            "place": {"lon": chance.uniform(-5, 5), "lat": chance.uniform(-5, 5)},
            "parts": [{"a": chance.randrange(3), "b": chance.randrange(3)} for _ in range(chance.randrange(1, 3))],
        }
        for _ in range(N)
    ]


ROWS = payloads()
ITEMS = pl.DataFrame({"item_id": [str(i) for i in range(N)], "kind": "movie"})
IDS: list[int | str] = [
    str(uuid5(NAMESPACE_URL, str(point))) if row % 2 else point for row, point in enumerate(point_ids("test", ITEMS))
]
VECTORS = np.random.default_rng(5).normal(size=(N, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def filled(shared_store: VectorStore) -> VectorStore:
    shared_store.drop_collection(NAME)
    indexes: dict[str, Any] = {
        "category": "keyword",
        "number": "integer",
        "price": "float",
        "active": "bool",
        "tags": "keyword",
        "when": "datetime",
    }
    shared_store.ensure_collection(NAME, {"text": 6}, payload_indexes=indexes)
    shared_store.upsert_table(NAME, IDS, {"text": VECTORS}, pl.DataFrame(ROWS, infer_schema_length=None))
    return shared_store


# The oracle


def keeps(where: Mapping[str, Any], row: Mapping[str, Any], point: str) -> bool:
    def all_of(conditions: list[Any]) -> list[bool]:
        return [meets(c, row, point) for c in conditions]

    least = where.get("min_should")
    return (
        all(all_of(where.get("must", [])))
        and ("should" not in where or any(all_of(where["should"])))
        and not any(all_of(where.get("must_not", [])))
        and (least is None or sum(all_of(least["conditions"])) >= least["min_count"])
    )


def meets(condition: Mapping[str, Any], row: Mapping[str, Any], point: str) -> bool:
    match condition:
        case {"has_id": ids}:
            return point in ids
        case {"is_null": {"key": key}}:
            return key in row and row[key] is None
        case {"is_empty": {"key": key}}:
            return row.get(key) in (None, [])
        case {"nested": {"key": key, "filter": inner}}:
            return any(keeps(inner, part, point) for part in row[key])
        case {"key": key, "match": match}:
            return any(matches(match, value) for value in values(row, key))
        case {"key": key, "range": bounds}:
            return any(within(bounds, value) for value in values(row, key))
        case {"key": key, "values_count": bounds}:
            return within(bounds, len(values(row, key)))
    return keeps(condition, row, point)


def values(row: Mapping[str, Any], key: str) -> list[Any]:
    if key.endswith("]") or "[]." in key:
        outer, inner = key.split("[].")
        return [part[inner] for part in row[outer]]
    value = row.get(key)
    return value if isinstance(value, list) else [] if value is None else [value]


def matches(match: Mapping[str, Any], value: Any) -> bool:
    def same(a: Any, b: Any) -> bool:
        return type(a) is type(b) and a == b

    if "value" in match:
        return same(match["value"], value)
    if "any" in match:
        return any(same(m, value) for m in match["any"])
    return not any(same(m, value) for m in match["except"])


def within(bounds: Mapping[str, Any], value: Any) -> bool:
    tests = {"gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b, "lte": lambda a, b: a <= b}
    if isinstance(value, datetime):
        bounds = {name: datetime.fromisoformat(b).replace(tzinfo=None) for name, b in bounds.items()}
    return all(tests[name](value, bound) for name, bound in bounds.items())


# Random filters


def bounds(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    lower, upper = st.sampled_from(["gt", "gte"]), st.sampled_from(["lt", "lte"])
    one_side = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), numbers, min_size=1, max_size=1)
    return one_side | st.builds(lambda lo, a, hi, b: {lo: a, hi: b}, lower, numbers, upper, numbers)


def on(key: str, **test: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"key": st.just(key), **test})


def some(words: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


def word_match(words: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return (
        st.sampled_from(words).map(lambda w: {"value": w})
        | some(words).map(lambda w: {"any": w})
        | some(words).map(lambda w: {"except": w})
    )


moments = st.datetimes(datetime(2024, 1, 1), datetime(2024, 12, 31)).map(
    lambda t: t.replace(microsecond=0, tzinfo=UTC).isoformat()
)
leaves = st.one_of(
    on("category", match=word_match([*CATEGORIES, "none such"])),
    on("tags", match=word_match([*TAGS, "none such"])),
    on("number", match=word_match(list(range(9)))),
    on("active", match=st.booleans().map(lambda b: {"value": b})),
    on("number", range=bounds(st.integers(-1, 9))),
    on("price", range=bounds(st.sampled_from([row["price"] for row in ROWS if row["price"] is not None]))),
    on("when", range=bounds(moments)),
    on("tags", values_count=bounds(st.integers(0, 4))),
    on("parts[].a", match=st.integers(0, 3).map(lambda a: {"value": a})),
    some(IDS).map(lambda ids: {"has_id": ids}),
    st.sampled_from(["price", "category", "absent"]).map(lambda key: {"is_null": {"key": key}}),
    st.sampled_from(["price", "tags", "absent"]).map(lambda key: {"is_empty": {"key": key}}),
    st.builds(
        lambda a, b: {"nested": {"key": "parts", "filter": {"must": [a, b]}}},
        on("a", match=st.integers(0, 3).map(lambda a: {"value": a})),
        on("b", match=st.integers(0, 3).map(lambda b: {"value": b})),
    ),
)


def compound(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    clauses = st.lists(inner, min_size=1, max_size=3)
    plain = st.dictionaries(st.sampled_from(["must", "should", "must_not"]), clauses, min_size=1)
    least = st.builds(lambda cs, m: {"min_should": {"conditions": cs, "min_count": m}}, clauses, st.integers(1, 2))
    return plain | least


filters = compound(st.recursive(leaves, compound, max_leaves=4))
quick = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(where=filters)
def test_a_filter_counts_what_brute_force_counts(filled: VectorStore, where: dict[str, Any]) -> None:
    expected = sum(keeps(where, row, point) for row, point in zip(ROWS, IDS, strict=True))
    assert filled.count(NAME, parse_filter(where)) == expected


@settings(quick, max_examples=25)
@given(where=filters)
def test_a_filtered_search_ranks_what_brute_force_ranks(filled: VectorStore, where: dict[str, Any]) -> None:
    mask = np.array([keeps(where, row, point) for row, point in zip(ROWS, IDS, strict=True)])
    queries = VECTORS[:2]
    scores = np.where(mask, queries @ VECTORS.T, -np.inf)
    hits = search(filled, NAME, {"text": queries}, index=ItemIndex(IDS), limit=15, where=parse_filter(where))["text"]
    for row in range(2):
        expected = [i for i in np.argsort(-scores[row], kind="stable")[:15] if mask[i]]
        assert hits.items[row, : len(expected)].tolist() == expected
        assert (hits.items[row, len(expected) :] == -1).all()


@pytest.mark.parametrize("kilometres", [50, 300, 900])
def test_a_circle_on_the_globe_counts_what_the_haversine_formula_counts(filled: VectorStore, kilometres: int) -> None:
    lon, lat = np.radians([[row["place"]["lon"], row["place"]["lat"]] for row in ROWS]).T
    distance = 2 * 6371 * np.arcsin(np.sqrt(np.sin(lat / 2) ** 2 + np.cos(lat) * np.sin(lon / 2) ** 2))  # from (0, 0)
    circle = {"center": {"lon": 0, "lat": 0}, "radius": kilometres * 1000}
    count = filled.count(NAME, parse_filter({"must": [{"key": "place", "geo_radius": circle}]}))
    assert (distance < kilometres * 0.99).sum() <= count <= (distance < kilometres * 1.01).sum()


@pytest.mark.parametrize("value", [True, False])
def test_a_bool_matches_bools(filled: VectorStore, value: bool) -> None:
    where = models.Filter(must=[models.FieldCondition(key="active", match=models.MatchValue(value=value))])
    assert filled.count(NAME, where) == sum(row["active"] is value for row in ROWS) > 0


def test_a_whole_number_does_not_match_a_bool(filled: VectorStore) -> None:
    assert filled.count(NAME, parse_filter({"must": [{"key": "active", "match": {"value": 1}}]})) == 0
