"""Ids that are one in two spellings."""

from __future__ import annotations

import doctest

import polars as pl
import pytest

from recsat.data import near_ids as module
from recsat.data.near_ids import look_alikes, near_ids


def test_the_example_holds() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), (" a b", "ab"), ("7", "007"), ("7", "7.0"), ("ＡＢ", "ab"), ("é", "e\u0301"), ("a\ufeff", "a")],
)
def test_case_blanks_zeros_and_the_form_of_signs_are_spelling(one: str, other: str) -> None:
    assert near_ids(pl.Series([one]), pl.Series([other])).rows() == [(one, other)]
    assert near_ids(pl.Series([other]), pl.Series([one])).rows() == [(other, one)]


@pytest.mark.parametrize(
    ("one", "other"), [("a", "b"), ("a-1", "a1"), ("70", "7"), ("0", "00a"), ("a", "a"), (" ", "")]
)
def test_other_ids_are_other_ids(one: str, other: str) -> None:
    assert near_ids(pl.Series([one]), pl.Series([other])).is_empty()


def test_an_id_that_is_there_is_near_to_nothing() -> None:
    assert near_ids(pl.Series(["a", None, "B"]), pl.Series(["a", "A", "b", None])).rows() == [("B", "b")]


@pytest.mark.parametrize("other", ["ann\u200b", "\ufeffann", "ann\xa0", "an\u00adn"])
def test_ids_that_nobody_can_tell_apart_are_found_within_one_table(other: str) -> None:
    assert look_alikes(pl.Series(["bob", other, "ann", None, "ann"])).rows() == [(other, "ann")]


def test_composed_letters_and_blanks_look_alike_and_capitals_do_not() -> None:
    assert look_alikes(pl.Series(["\u00e9 1", "e\u0301 1", "e 1"])).rows() == [("e\u0301 1", "\u00e9 1")]
    assert look_alikes(pl.Series(["a b", "a  b", "ab"])).rows() == [("a  b", "a b")]
    for different in (["ann", "Ann"], ["1", "01"], ["\u200b", "\u200c"], ["é", "e"], [], [None]):
        assert look_alikes(pl.Series(different, dtype=pl.String)).is_empty()


def test_an_id_that_is_near_to_two_is_named_with_the_first_alone() -> None:
    assert near_ids(pl.Series(["abc"]), pl.Series(["ABC", "Abc"])).rows() == [("abc", "ABC")]
