"""What is odd about tables as a whole is refused or said, with counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.data.oddities import noted_oddities, refused_oddities

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


def events(names: list[str], items: list[str] | None = None) -> pl.DataFrame:
    n = len(names)
    return pl.DataFrame(
        {
            "user_id": [f"u{i}" for i in range(n)],
            "item_id": items or ["a"] * n,
            "event": names,
            "value": [None] * n,
            "timestamp": [MOMENT + timedelta(days=i) for i in range(n)],
        },
        schema_overrides={"value": pl.Float64},
    )


DATA = Dataset(
    items=pl.DataFrame({"item_id": ["a", "b"], "topics": [["x"], ["y"]]}),
    events=events(["rating", "rating", "view"]),
)
KNOWN = ("rating", "view", "add_to_cart")


def test_sound_tables_are_not_odd() -> None:
    assert refused_oddities(DATA, KNOWN) == []
    assert noted_oddities(DATA, KNOWN, "topics") == []


def test_one_event_in_two_spellings_is_refused() -> None:
    (line,) = refused_oddities(replace(DATA, events=events(["rating", "Rating", "Rating"])), KNOWN)
    assert (
        line
        == "events: event 'Rating' (2 rows) stands beside 'rating' (1 rows). Write it alike, or set event_names of the table to {Rating: rating}."
    )


def test_an_event_of_the_domain_in_another_spelling_is_refused() -> None:
    (line,) = refused_oddities(replace(DATA, events=events(["Add-To Cart", "view"])), KNOWN)
    assert "'Add-To Cart' (1 rows) stands for 'add_to_cart'" in line


def test_two_spellings_of_what_no_domain_knows_are_refused_too() -> None:
    (line,) = refused_oddities(replace(DATA, events=events(["Star", "star", "star"])), ())
    assert "'Star' (1 rows) stands beside 'star' (2 rows)" in line


def test_an_unknown_event_is_named_with_its_count() -> None:
    (note,) = noted_oddities(replace(DATA, events=events(["rating", "veiw", "veiw"])), KNOWN, None)
    assert note.startswith("events: 'veiw' (2 rows) is no event of the domain; it counts as seen and never as liked")
    assert note.endswith("Did you mean 'view'?")


def test_tables_that_never_meet_are_named_with_an_id_of_each() -> None:
    other = replace(DATA, events=events(["view", "view"], ["1.0", "2.0"]))
    (line,) = refused_oddities(other, KNOWN)
    assert line.startswith(
        "events: none of its 2 item_ids is among the 2 of items: the table has '1.0', the table has 'a'."
    )
    users = replace(DATA, users=pl.DataFrame({"user_id": ["7", "8"]}))
    (note,) = noted_oddities(users, KNOWN, None)
    assert note == "users: none of its 2 user_ids has an event: it has '7', events have 'u0'"


def test_exact_copies_are_counted() -> None:
    (note,) = noted_oddities(replace(DATA, events=pl.concat([DATA.events, DATA.events.head(2)])), KNOWN, None)
    assert note == "events: 2 of 5 rows are exact copies of others; they count as often as they stand"


def test_topics_in_two_cases_are_named() -> None:
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "topics": [["Drama"], ["drama", "War"], ["Drama"]]})
    (note,) = noted_oddities(replace(DATA, items=items), KNOWN, "topics")
    assert note == "items: topics has 'Drama' (2 items), 'drama' (1 items), which count as different"


def test_kinds_in_two_cases_are_named() -> None:
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "kind": ["movie", "Movie", "movie"]})
    (note,) = noted_oddities(replace(DATA, items=items), KNOWN, "topics")
    assert note == "items: kind has 'movie' (2 items), 'Movie' (1 items), which count as different"


def test_users_and_items_that_look_like_others_are_counted() -> None:
    items = pl.DataFrame({"item_id": ["a", "a\u200b", "b"]})
    users = pl.Series("user_id", ["u0", "u0\xa0", "u1"])
    odd = replace(DATA, items=items, events=DATA.events.with_columns(users))
    of_users, of_items = noted_oddities(odd, KNOWN, None)
    assert of_users == r"user_id: 1 look like another one and count as different, such as 'u0\xa0' beside 'u0'"
    assert of_items == r"item_id: 1 look like another one and count as different, such as 'a\u200b' beside 'a'"


def test_events_in_the_future_are_named() -> None:
    later = datetime.now(UTC) + timedelta(days=400)
    (note,) = noted_oddities(replace(DATA, events=DATA.events.with_columns(timestamp=pl.lit(later))), KNOWN, None)
    assert (
        note
        == f"events: 3 of 3 lie in the future, the last at {later:%Y-%m-%d}; that is taken for the time of the data"
    )


def test_a_date_far_after_the_others_is_named() -> None:
    late = events(["view"] * 200).with_columns(
        timestamp=pl.when(pl.col("user_id") == "u0").then(datetime(2026, 1, 1, tzinfo=UTC)).otherwise("timestamp")
    )
    (note,) = noted_oddities(replace(DATA, events=late), KNOWN, None)
    assert note.startswith("events: 1 of 200 lie long after the others, at 2026-01-01; the next is at 2024-07-18")


def test_texts_with_html_are_among_what_is_noted() -> None:
    items = DATA.items.with_columns(title=pl.Series(["Tom &amp; Jerry", "B"]))
    (note,) = noted_oddities(replace(DATA, items=items), KNOWN, None)
    assert note.startswith("items: title: 1 of 2 cells have HTML in them")
