"""People as items: one id for one person, a row for everybody, and nobody shown to themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from recsat import DataError, Dataset, FilterContext
from recsat.people import (
    FRIEND,
    NOT_SELF,
    everybody,
    name_people,
    pairs_of,
    person,
    person_item,
    refuse_person_ids,
    with_people,
)

USERS = pl.DataFrame({"user_id": ["ann", "bob"], "name": ["Ann", None], "_file": "users.csv", "_row": [2, 3]})


def test_a_person_has_one_id_as_user_and_one_as_item() -> None:
    table = pl.DataFrame({"user_id": ["7"], "item_id": ["user:7"], "other": ["a7"]})
    assert table.select(person_item("user_id")).item() == "user:7"
    assert table.select(person("item_id")).item() == "7"
    assert table.select(person("other")).item() is None


def test_events_about_people_may_name_them_plainly() -> None:
    events = pl.DataFrame({"item_id": ["bob", "user:bob", "bob"], "event": ["follow", "follow", "play"]})
    assert name_people(events, ["follow"])["item_id"].to_list() == ["user:bob", "user:bob", "bob"]


def test_ids_that_look_like_people_are_refused_with_their_place() -> None:
    table = pl.DataFrame({"item_id": ["a", "user:b"], "_file": "items.csv", "_row": [2, 3]})
    refuse_person_ids(table.head(1), "item_id")
    with pytest.raises(DataError, match=r"items\.csv, row 3: item_id 'user:b' begins with 'user:'.*\(1 such rows\)"):
        refuse_person_ids(table, "item_id")


def test_everybody_who_is_named_anywhere_has_a_row_and_a_place() -> None:
    people = everybody(USERS, pl.Series(["cem", "ann", None]), pl.Series(["bea"]), profile={"shy": pl.Boolean()})
    assert people.select("user_id", "name", "interests", "bio", "shy", "_file", "_row").rows() == [
        ("ann", "Ann", [], None, None, "users.csv", 2),
        ("bob", None, [], None, None, "users.csv", 3),
        ("bea", None, [], None, None, "people", 3),
        ("cem", None, [], None, None, "people", 4),
    ]
    assert everybody(USERS.drop("_file", "_row"))["user_id"].to_list() == ["ann", "bob"]


def test_people_are_items_beside_the_others() -> None:
    items = pl.DataFrame({"item_id": ["a"], "kind": ["song"], "title": ["A"]})
    people = everybody(USERS.drop("_file", "_row").with_columns(bio=pl.lit("Hi."), shy=True))
    table = with_people(items, people, also=["shy"])
    assert table.select("item_id", "kind", "title", "description", "shy").rows() == [
        ("a", "song", "A", None, None),
        ("user:ann", FRIEND, "Ann", "Hi.", True),
        ("user:bob", FRIEND, "bob", "Hi.", True),
    ]
    placed = with_people(items.with_columns(_file=pl.lit("items.csv"), _row=pl.lit(2, dtype=pl.Int64)), people)
    assert placed.select("_file", "_row").rows() == [("items.csv", 2), ("people", 1), ("people", 2)]


def context() -> FilterContext:
    items = with_people(pl.DataFrame({"item_id": ["a"], "kind": ["song"]}), everybody(USERS.drop("_file", "_row")))
    known = Dataset(items=items, events=pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))
    return FilterContext(known=known, config=None, now=datetime(2024, 1, 1, tzinfo=UTC))


def test_pairs_are_of_those_who_ask_on_items_that_there_are() -> None:
    pairs = pl.LazyFrame(
        {"user_id": ["ann", "ann", "bob", "ann"], "item_id": ["a", "a", "a", "gone"], "x": [1, 2, 3, 4]}
    )
    assert pairs_of(pairs, pl.Series(["ann"]), context()).rows() == [("ann", "a")]


def test_nobody_is_shown_to_themselves() -> None:
    assert NOT_SELF.always
    assert NOT_SELF.exclude is not None
    pairs = NOT_SELF.exclude(pl.Series(["ann", "bob", "cem"]), context())
    assert pairs.rows() == [("ann", "user:ann"), ("bob", "user:bob")]
