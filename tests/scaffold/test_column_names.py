"""What a column is called by others: synonyms, numbers of people and things, and what lies within another column."""

from __future__ import annotations

import pytest

from recsat.scaffold.column_names import source_of


@pytest.mark.parametrize(
    ("column", "names", "source"),
    [
        ("title", ["podcast.title", "Title"], "Title"),  # the plainest first
        ("title", ["listener.name", "guid"], None),  # a person's name is no title
        ("title", ["episode.name"], "episode.name"),
        ("title", ["original_title", "title_length"], "original_title"),
        ("user_id", ["Student No.", "Course code"], "Student No."),
        ("user_id", ["Kundennummer"], "Kundennummer"),
        ("user_id", ["numéro de client"], "numéro de client"),
        ("user_id", ["number of guests", "guests", "client"], "client"),
        ("item_id", ["Student No.", "Course code"], "Course code"),
        ("item_id", ["código del libro"], "código del libro"),
        ("item_id", ["workshop", "item count", "books"], None),
        ("timestamp", ["Booked on", "Seats"], "Booked on"),
        ("timestamp", ["Seats", "season", "format", "update"], None),
        ("value", ["Note"], None),  # a grade in German, free text in English
    ],
)
def test_the_likeliest_source_of_a_column(column: str, names: list[str], source: str | None) -> None:
    assert source_of(column, names) == source
