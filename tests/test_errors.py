"""What a misspelt name was probably meant to be."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import recsat
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


@pytest.mark.parametrize("kind", [errors.DataError, errors.ConfigError, errors.StoreError, errors.UnknownItem])
def test_the_text_of_an_error_steers_no_terminal(kind: type[errors.RecsatError]) -> None:
    assert str(kind("a\0b\x1b[31m/\x07é: no folder.\nNext")) == "a\ufffdb\ufffd[31m/\ufffdé: no folder.\nNext"


def test_a_folder_of_which_the_name_has_controls_is_said_without_them(tmp_path: Path) -> None:
    with pytest.raises(errors.DataError) as refused:
        recsat.load("content", folder=tmp_path / "bad\x1b[31m\x07")
    assert "bad\ufffd[31m\ufffd: there is no such folder" in str(refused.value)


def test_the_examples_are_true() -> None:
    assert doctest.testmod(errors).failed == 0
