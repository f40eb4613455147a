"""Rules: what Qdrant finds by the JSON is what polars keeps by the mask, for any rule over any table."""

from __future__ import annotations

import doctest
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsat import CandidateFilter, DataError, Dataset, FilterContext, PluginError, Rule, field
from recsat.config.settings import StoreSettings
from recsat.contract import rules as rules_module
from recsat.contract.rules import payload_type
from recsat.lists.filters import filter_fields
from recsat.store import VectorStore, open_store, parse_filter

NAME = "recsat-test-rules"
NOW = datetime(2024, 1, 1, tzinfo=UTC)
SPANS = [timedelta(0), timedelta(microseconds=1), timedelta(days=400), timedelta(days=36500)]
MOMENTS = [NOW + sign * span for span in SPANS for sign in (1, -1)]
NUMBERS = [0.0, -0.0, 0.1, 2.5, -3.0, 1e12, -1e12, 2.0**53, 7.0]
INTEGERS = [0, 1, -1, 2, 3, 7, 18, 2**53, -(2**53)]
WORDS = ["en", "fr", "", "é", "en fr"]
COLUMNS: Mapping[str, tuple[pl.DataType, list[Any]]] = {
    "text": (pl.String(), WORDS),
    "category": (pl.Enum(WORDS), WORDS),
    "texts": (pl.List(pl.String()), WORDS),
    "integer": (pl.Int64(), INTEGERS),
    "small": (pl.Int16(), [0, 1, -1, 18]),
    "integers": (pl.List(pl.Int64()), INTEGERS),
    "number": (pl.Float64(), NUMBERS),
    "single": (pl.Float32(), [0.1, 2.5, -3.0, 7.0]),
    "flag": (pl.Boolean(), [True, False]),
    "flags": (pl.List(pl.Boolean()), [True, False]),
    "moment": (pl.Datetime("us", "UTC"), MOMENTS),
    "paris": (pl.Datetime("ms", "Europe/Paris"), MOMENTS),
    "naive": (pl.Datetime("us"), [moment.replace(tzinfo=None) for moment in MOMENTS]),
    "day": (pl.Date(), [moment.date() for moment in MOMENTS]),
}
"""By column: its type and the values that it, and what it is compared with, are drawn from."""
TEXTS, WHOLE, FLAGS = ("text", "category", "texts"), ("integer", "small", "integers"), ("flag", "flags")
DATES = [*MOMENTS, date(2024, 1, 1), datetime(2024, 1, 1)]
ORDERED: Mapping[str, list[Any]] = {
    **dict.fromkeys(("integer", "small", "number", "single"), NUMBERS),
    **dict.fromkeys(("moment", "paris", "naive", "day"), DATES),
}


def cells(dtype: pl.DataType, values: list[Any]) -> st.SearchStrategy[Any]:
    one = st.none() | st.sampled_from(values)
    return st.none() | st.lists(one, max_size=3) if isinstance(dtype, pl.List) else one


def tables() -> st.SearchStrategy[pl.DataFrame]:
    row = st.fixed_dictionaries({name: cells(*column) for name, column in COLUMNS.items()})
    schema = {name: dtype for name, (dtype, _) in COLUMNS.items()}
    return st.lists(row, min_size=1, max_size=25).map(lambda rows: pl.DataFrame(rows, schema=schema, orient="row"))


def among(names: tuple[str, ...], values: list[Any]) -> st.SearchStrategy[Rule]:
    return st.builds(
        lambda name, several: field(name).is_in(several),
        st.sampled_from(names),
        st.lists(st.sampled_from(values), min_size=1, max_size=3),
    ) | st.builds(lambda name, one: field(name).equals(one), st.sampled_from(names), st.sampled_from(values))


@st.composite
def bounded(draw: st.DrawFn) -> Rule:
    name = draw(st.sampled_from(sorted(ORDERED)))
    values = st.sampled_from(ORDERED[name])
    column, bound = field(name), draw(values)
    rules = (column < bound, column <= bound, column > bound, column >= bound, column.between(bound, draw(values)))
    return draw(st.sampled_from(rules))


leaves = st.one_of(
    among(TEXTS, [*WORDS, "none such"]),
    among(WHOLE, [*INTEGERS, 5]),
    st.builds(lambda name, flag: field(name).equals(flag), st.sampled_from(FLAGS), st.booleans()),
    bounded(),
    st.sampled_from(sorted(COLUMNS)).map(lambda name: field(name).is_missing()),
)
rules = st.recursive(
    leaves,
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | inner.map(lambda rule: ~rule)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module", params=["edge", "memory"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    with open_store(StoreSettings(backend=request.param), tmp_path_factory.mktemp("store")) as opened:
        yield opened


def fill(store: VectorStore, items: pl.DataFrame) -> None:
    store.drop_collection(NAME)
    indexes = {column: payload_type(column, dtype) for column, dtype in items.schema.items()}
    store.ensure_collection(NAME, {"one": 1}, payload_indexes=indexes)
    store.upsert_table(NAME, list(range(items.height)), {"one": np.ones((items.height, 1), np.float32)}, items)


def rows_by_store(store: VectorStore, rule: Rule, n: int) -> list[bool]:
    """Which of ``n`` rows the engine gives for the rule's JSON."""
    page = store.scroll(NAME, where=parse_filter(rule.where()), limit=n, with_payload=False)
    places = {record.id for record in page.records}
    return [row in places for row in range(n)]


def test_every_column_compares_with_its_values_as_the_store_does(store: VectorStore) -> None:
    n = 1 + max(len(values) for _, values in COLUMNS.values())
    cells = {
        name: [None, *([[value] for value in values] if isinstance(dtype, pl.List) else values)]
        for name, (dtype, values) in COLUMNS.items()
    }
    schema = {name: dtype for name, (dtype, _) in COLUMNS.items()}
    items = pl.DataFrame({name: (some * n)[:n] for name, some in cells.items()}, schema=schema)
    fill(store, items)
    several: list[Rule] = [field(name).is_missing() for name in COLUMNS]
    for name, values in ORDERED.items():
        column = field(name)
        several += [rule for v in values for rule in (column < v, column <= v, column > v, column >= v)]
    for names, values in ((TEXTS, WORDS), (WHOLE, INTEGERS), (FLAGS, [True, False])):
        several += [field(name).equals(value) for name in names for value in values]
    for rule in several:
        assert rule.mask(items).to_list() == rows_by_store(store, rule, n), rule


quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(quick, max_examples=15)
@given(items=tables(), several=st.lists(rules, min_size=15, max_size=15))
def test_the_store_gives_what_the_mask_keeps(store: VectorStore, items: pl.DataFrame, several: list[Rule]) -> None:
    fill(store, items)
    for rule in several:
        mask = rule.mask(items)
        assert mask.dtype == pl.Boolean
        assert mask.to_list() == rows_by_store(store, rule, items.height), rule


ITEMS = pl.DataFrame({"price": [5.0, 50.0, None], "tags": [["a"], [], None]})


def context(items: pl.DataFrame = ITEMS, **config: Any) -> FilterContext:
    known = Dataset(items=items, events=pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))
    return FilterContext(known=known, config=SimpleNamespace(**config), now=NOW)


def mask(rule: Rule, **config: Any) -> list[bool] | None:
    bound = rule.bind(context(**config))
    return None if bound is None else bound.mask(ITEMS).to_list()


CHEAP = field("price") <= (lambda context: context.config.limit)
TAGGED = field("tags").is_in(lambda context: context.config.tags)


@pytest.mark.parametrize(
    ("rule", "limit", "tags", "expected"),
    [
        (CHEAP, 10, [], [True, False, False]),
        (CHEAP, None, [], None),
        (TAGGED, None, ["a"], [True, False, False]),
        (TAGGED, None, [], None),
        (TAGGED, None, (), None),
        (~TAGGED, None, ["a"], [False, True, True]),
        (~TAGGED, None, [], None),
        (CHEAP & TAGGED, 100, [], [True, True, False]),
        (CHEAP & TAGGED, 100, ["a"], [True, False, False]),
        (CHEAP & TAGGED, None, None, None),
        (CHEAP | TAGGED, 1, ["a"], [True, False, False]),
        (CHEAP | TAGGED, 1, [], None),
        (field("tags").is_missing() | TAGGED, None, ["a"], [True, True, True]),
        (field("tags").is_missing(), None, [], [False, True, True]),
        (field("price").between(None, lambda c: c.config.limit), 10, [], [True, False, False]),
        (field("price").between(None, None), 10, [], None),
        (field("colour", required=False).equals("red") & CHEAP, 10, [], [True, False, False]),
        (field("colour", required=False).is_missing() & CHEAP, 10, [], [True, False, False]),
        (field("colour", required=False).is_missing(), 10, [], None),
    ],
)
def test_what_is_not_asked_removes_nothing(rule: Rule, limit: Any, tags: Any, expected: list[bool] | None) -> None:
    assert mask(rule, limit=limit, tags=tags) == expected


def test_a_false_and_a_zero_are_asked_for() -> None:
    items = pl.DataFrame({"out": [True, False], "price": [0.0, 1.0]})
    for rule in (field("out").equals(lambda c: False), field("price") > (lambda c: 0)):
        bound = rule.bind(context(items))
        assert bound is not None
        assert bound.mask(items).to_list() == [False, True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: field("a") <= "b", "bounds 'a' by 'b'. Give a finite number or a datetime"),
        (lambda: field("a") < float("nan"), "bounds 'a' by nan"),
        (lambda: field("a") >= True, "bounds 'a' by True"),
        (lambda: field("a").equals(1.5), "asks whether 'a' is 1.5"),
        (lambda: field("a").is_in(["x", 1]), "asks whether 'a' is"),
        (lambda: (field("a") <= (lambda c: "b")).bind(context()), "bounds 'a' by 'b'"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(make: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make()


@pytest.mark.parametrize(
    ("rule", "dtype"),
    [
        (field("a") <= 1, pl.String),
        (field("a") <= NOW, pl.Float64),
        (field("a") <= 1, pl.List(pl.Float64)),
        (field("a").equals("x"), pl.Int64),
        (field("a").equals(1), pl.Float64),
        (field("a").equals(1), pl.Boolean),
        (field("a").is_in(["x"]), pl.List(pl.Int64)),
    ],
)
def test_a_column_of_another_type_is_refused(rule: Rule, dtype: Any) -> None:
    with pytest.raises(DataError, match=r"column 'a' has the type .* and a rule compares it with .* Cast it"):
        rule.mask(pl.DataFrame(schema={"a": dtype}))


def test_rules_are_no_truth_values() -> None:
    with pytest.raises(TypeError, match="join rules with &"):
        bool(field("a").is_missing())
    with pytest.raises(TypeError, match="between"):
        assert 1 < field("a") < 3


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(rules_module).failed == 0


def test_payload_fields_and_their_types_follow_from_rule_and_items() -> None:
    rule = (CHEAP | TAGGED) & ~field("when").is_missing() & field("colour", required=False).equals("red")
    items = ITEMS.with_columns(when=pl.lit(NOW))
    filters = CandidateFilter(name="x", description="X.", rule=rule, fields={"declared": "integer"})
    assert filter_fields(filters, items) == {"price": "float", "tags": "keyword", "when": "datetime"}
    assert filter_fields(filters, items.with_columns(declared=1))["declared"] == "integer"
    assert payload_type("c", pl.Categorical()) == "keyword"
    with pytest.raises(DataError, match="which no rule can compare"):
        payload_type("d", pl.Struct({"a": pl.Int64()}))
