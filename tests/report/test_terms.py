"""Terms are explained where they first stand, once, and what a text says of itself stays text."""

from __future__ import annotations

import re

import pytest

from recsat.report.language import in_language
from recsat.report.terms import button, definition, explained, word_of

TERMS = ("arm", "baseline", "filters", "hit", "interval", "measure", "exploratory", "slice", "split", "words")


def test_a_term_is_a_button_the_first_time_and_a_word_after() -> None:
    seen: set[str] = set()
    first = explained("a hit and another hit", seen, "hit", "slice")
    assert first == f"a {button('hit', 'hit')} and another hit"
    assert seen == {"hit"}
    assert explained("a hit", seen, "hit") == "a hit"


def test_the_text_around_a_term_is_escaped() -> None:
    assert explained("<b>hit</b>", set(), "hit").startswith("&lt;b&gt;<button")
    assert explained("<hit>", {"hit"}, "hit") == "&lt;hit&gt;"


def test_a_mark_behind_a_term_does_not_begin_a_line() -> None:
    html = explained("(a hit), a split", set(), "hit", "split")
    assert html == f'(a <span class="unbroken">{button("hit", "hit")}),</span> a {button("split", "split")}'
    assert explained("a <hit>", set(), "hit").endswith("</span>&gt;")


def test_terms_are_sought_in_the_text_and_not_in_what_stands_for_others() -> None:
    text = "an interval of a split with a hit"
    html = explained(text, set(), "hit", "split", "interval")
    assert re.findall(r'popovertarget="term-(\w+)"', html) == ["interval", "split", "hit"]
    assert re.sub(r"<span popover.*?</span>|</?button[^>]*>", "", html) == text
    assert explained("slices", set(), "slice", "split").count("<button") == 1


@pytest.mark.parametrize("term", TERMS)
def test_every_term_has_a_word_and_a_definition_in_every_language(term: str) -> None:
    english = word_of(term), definition(term)
    with in_language("zh"):
        chinese = word_of(term), definition(term)
    assert all(english)
    assert english[1] != chinese[1]
    assert english[1].endswith(".")
    assert chinese[1].endswith("。")
