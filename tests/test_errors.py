"""What a misspelt name was probably meant to be."""

from __future__ import annotations

import doctest

import pytest

from recsat import errors
from recsat.errors import did_you_mean


@pytest.mark.parametrize(
    ("name", "choices", "n", "hint"),
    [
        ("epoch", ["epochs", "objective"], 1, " Did you mean 'epochs'?"),
        ("TITEL", ["Title", "price"], 1, " Did you mean 'Title'?"),
        ("seen", ["social.seen", "game.seen", "sean"], 2, " Did you mean 'game.seen' or 'social.seen'?"),
        ("seen", ["social.seen", "game.seen"], 1, " Did you mean 'game.seen'?"),
        ("epoch", ["price", "title"], 2, ""),
        ("epoch", [], 1, ""),
    ],
)
def test_the_nearest_names_are_given_or_none(name: str, choices: list[str], n: int, hint: str) -> None:
    assert did_you_mean(name, choices, n) == hint


def test_the_examples_are_true() -> None:
    assert doctest.testmod(errors).failed == 0
