"""Topics say what a description says, and nothing more."""

from __future__ import annotations

import polars as pl
import pytest

from recsat_ecommerce.topics import WORDS, topics_of


@pytest.mark.parametrize(
    ("description", "topics"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", ["Candles and light", "Decorations"]),
        ("RED RETROSPOT CAKE STAND", ["Kitchen and baking"]),
        ("PLAYING CARDS VINTAGE DOILY", ["Tableware", "Toys and games"]),  # playing cards are no greeting cards
        ("HOT WATER BOTTLE BABUSHKA", ["Textiles"]),  # and this bottle is not for the kitchen
        ("SET OF 6 MUGS,BLUE", ["Tableware"]),
        ("CHILDREN'S APRON DOLLY GIRL", ["Children", "Kitchen and baking"]),
        ("CARDIGAN", []),  # a word within a word is another word
        ("GROOVY CACTUS", []),
        ("", []),
        (None, []),
    ],
)
def test_topics_come_from_whole_words(description: str | None, topics: list[str]) -> None:
    assert topics_of(pl.Series([description], dtype=pl.String)).to_list() == [topics]


def test_one_answer_for_each_description_in_order() -> None:
    topics = topics_of(pl.Series(["MUG", "NOTHING", "CLOCK"]))
    assert topics.dtype == pl.List(pl.String)
    assert topics.to_list() == [["Tableware"], [], ["Clocks"]]
    assert topics_of(pl.Series([], dtype=pl.String)).to_list() == []


def test_words_are_lower_case_and_once_in_a_topic() -> None:
    for topic, words in WORDS.items():
        assert words == words.lower(), topic
        assert len(set(words.split())) == len(words.split()), topic
