"""Texts with HTML in them and garbled ones are said, and sound ones are not."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat.config.tables import TableSettings
from recsat.data.columns import Column
from recsat.data.markup import odd_texts, without_html
from recsat.data.reading import read_table

SOUND = [
    "AT&T; R&B; Q&A; Smith&Sons; Co", "I <3 you", "a < b > c", "Überraschung", "naïve Café", "ÂGE", "MÃE", "CORAÇÕES", "“ATÉ AMANHÃ”", "AMANHÃ…",
    "BEYONCÉ’S", "VOILÀ »", "Đà Nẵng", "北京大学", "한국어", "привет", "😀", "12 €", "A–Z", "Łódź", "İstanbul", "it’s",
]  # fmt: skip
ONCE_UTF8 = [
    "Café", "Straße", "Überraschung", "Ökonomie", "naïve", "É", "it’s", "“so”", "A—B", "привет", "北京", "한국어", "😀", "España", "Český", "± 2",
]  # fmt: skip


def as_windows_1252_reads_it(text: str) -> str:
    undefined = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
    return "".join(chr(byte) if byte in undefined else bytes([byte]).decode("cp1252") for byte in text.encode())


def test_sound_texts_are_not_odd() -> None:
    assert list(odd_texts(pl.DataFrame({"item_id": ["&amp;"] * len(SOUND), "title": SOUND}))) == []


@pytest.mark.parametrize("text", ONCE_UTF8)
def test_utf8_that_was_read_as_another_encoding_is_said_with_an_example(text: str) -> None:
    garbled = as_windows_1252_reads_it(text)
    (note,) = odd_texts(pl.DataFrame({"title": [None, "A", "B", f"The {garbled}"]}))
    assert note.startswith("items: title: 1 of 3 cells look garbled")
    assert repr(f"The {garbled}") in note


@pytest.mark.parametrize(
    "text", ["Tom &amp; Jerry", "it&#39;s", "it&#x27;s", "Caf&eacute;", "<b>Big</b>", "a<br />b", '<a href="x">y</a>']
)
def test_html_is_said_with_count_and_examples(text: str) -> None:
    (note,) = odd_texts(pl.DataFrame({"item_id": ["a", "b"], "genres": [["Drama"], ["War", text]]}))
    assert note == (
        f"items: genres: 1 of 2 cells have HTML in them and are read as they stand ({f'War | {text}'!r}); html: true of the table reads it"
    )


def test_no_more_than_three_examples_are_cut_out_of_long_texts() -> None:
    long = [f"{'x' * 500} {i} &amp; {i} {'y' * 500}" for i in range(9)]
    (note,) = odd_texts(pl.DataFrame({"description": long}))
    assert note.startswith("items: description: 9 of 9 cells")
    assert note.count("&amp;") == 3
    assert len(note) < 400


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("it&amp;#39;s", "it's"),
        ("&lt;3", "<3"),
        ("<p>One</p><p><i>T</i>wo</p>", "One  Two"),
        ("R&B; &Sons;", "R&B; &Sons;"),
        (None, None),
    ],
)
def test_html_is_read_for_what_it_shows(cell: str | None, text: str | None) -> None:
    plain = without_html(pl.Series([cell, "as it is"]))
    assert [one and one.strip() for one in plain.to_list()] == [text, "as it is"]
    assert without_html(pl.Series([[cell], [], None], dtype=pl.List(pl.String))).list.len().to_list() == [1, 0, None]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_table_that_says_so_has_texts_and_lists_without_html_and_ids_as_they_are(tmp_path: Path, suffix: str) -> None:
    rows = pl.DataFrame(
        {
            "ref": ["a&amp;b"],
            "name": ["Tom &amp; Jerry"],
            "genres": ["Kids &amp; Family; War"],
            "year": ["1"],
            "event": ["a&amp;b"],
        }
    )
    path = tmp_path / f"items.{suffix}"
    rows.write_csv(path) if suffix == "csv" else rows.write_ndjson(path)
    columns = {
        "item_id": Column(),
        "title": Column(),
        "genres": Column(kind="list"),
        "year": Column(kind="integer"),
        "event": Column(),
    }
    settings = TableSettings(columns={"item_id": "ref", "title": "name"}, list_separator=";", html=True)
    table, _ = read_table(path, columns, settings, [])
    assert table.drop("_file", "_row").rows() == [("a&amp;b", "Tom & Jerry", ["Kids & Family", "War"], 1, "a&amp;b")]
    table, _ = read_table(path, columns, settings.model_copy(update={"html": False}), [])
    assert table["title"].to_list() == ["Tom &amp; Jerry"]
