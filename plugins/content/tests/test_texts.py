"""EncodeItem and EncodeUser, word for word."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from recsat_content.texts import LIKED, describe_item, describe_user


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"title": "Toy Story (1995)", "year": 1995, "genres": ["Adventure", "Animation", "Children"]},
            "Toy Story (1995). Adventure, Animation, Children",
        ),
        ({"title": "Night Shift", "year": 2021, "genres": ["Thriller"]}, "Night Shift (2021). Thriller"),
        ({"title": "Nobody knows when", "year": None, "genres": []}, "Nobody knows when"),
        ({"title": "1984", "year": 1984, "genres": []}, "1984 (1984)"),
        ({"title": None, "year": 1999, "genres": ["Jazz"]}, "Jazz"),
        ({"title": "  ", "year": None, "genres": []}, ""),
        (
            {"title": "Short", "year": None, "genres": ["News"], "description": " What happened. "},
            "Short. News. What happened.",
        ),
    ],
)
def test_item_text(item: dict[str, Any], expected: str) -> None:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "title": pl.String,
        "year": pl.Int64,
        "genres": pl.List(pl.String),
        "description": pl.String,
    }
    table = pl.DataFrame([item], schema={name: schema[name] for name in item})
    assert describe_item(table).to_list() == [expected]


def test_item_text_needs_a_title_alone() -> None:
    assert describe_item(pl.DataFrame({"title": ["A", "B"]})).to_list() == ["A", "B"]


def history(rows: list[tuple[str, str, float | None, str, list[str]]]) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "user_id": pl.String,
        "event": pl.String,
        "value": pl.Float64,
        "title": pl.String,
        "genres": pl.List(pl.String),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_user_text_has_top_genres_and_the_last_liked_titles_newest_first() -> None:
    past = history(
        [
            ("u", "rating", 5.0, "Heat", ["Crime", "Drama"]),
            ("u", "rating", 2.0, "Not liked", ["Horror"]),
            ("v", "complete", None, "Alien", ["Horror"]),
            ("u", "complete", None, "Fargo", ["Crime", "Comedy"]),
            ("u", "rating", 4.0, "Fargo", ["Crime", "Comedy"]),
            ("u", "play", 600.0, "Only begun", ["War"]),
        ]
    )
    users = pl.DataFrame({"user_id": ["v", "u", "new"]})
    assert describe_user(users, past).to_list() == [
        "Likes Horror. Recently: Alien.",
        "Likes Crime, Comedy, Drama. Recently: Fargo, Heat.",
        "Somebody new, whose taste is not known yet.",
    ]


def test_user_text_stops_after_three_genres_and_five_titles() -> None:
    past = history([("u", "rating", 5.0, f"T{i}", [f"G{i}"]) for i in range(9)])
    text = describe_user(pl.DataFrame({"user_id": ["u"]}), past).to_list()
    assert text == ["Likes G0, G1, G2. Recently: T8, T7, T6, T5, T4."]


def test_liked_is_four_stars_or_finished() -> None:
    events = pl.DataFrame(
        {"event": ["rating", "rating", "rating", "complete", "play"], "value": [4.0, 3.5, None, None, 9000.0]}
    )
    assert events.select(LIKED).to_series().to_list() == [True, False, False, True, False]
