"""``recsat score``: what it prints for lists made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Recsat = Callable[..., Result]


@pytest.fixture
def score(recsat: Recsat) -> Recsat:
    """Two users with a list and one without; u hits on place 2, v on place 1 of tied scores."""
    Path("lists.csv").write_text("user_id,item_id,score\nu,a,3\nu,b,2\nv,c,1\nv,d,1\nx,a,1\n")
    Path("truth.csv").write_text("user_id,item_id\nu,b\nv,c\nw,a\n")
    return lambda *arguments: recsat("score", "--lists", "lists.csv", "--truth", "truth.csv", *arguments)


def test_json_has_measures_and_over_whom_they_are(score: Recsat) -> None:
    result = json.loads(score("--as", "elliot", "--k", "2", "--json").stdout)
    assert result.pop("measures") == pytest.approx(
        {"ndcg@2": (1 / 1.584962500721156 + 1) / 2, "precision@2": 0.5, "recall@2": 1.0, "map@2": (1 / 4 + 3 / 4) / 2}
        | {"mrr@2": 0.75, "hit@2": 1.0}
    )
    assert result == {
        "as": "elliot",
        "library": "Elliot 0.3",
        "k": 2,
        "users": 2,
        "users_without_list": 1,
        "users_without_truth": 1,
        "users_with_tied_scores": 1,
    }


def test_the_table_names_the_library_and_the_notes_go_to_stderr(score: Recsat) -> None:
    done = score("--as", "rectools", "--k", "2")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].split() == ["measure", "as", "RecTools", "0.19"]
    assert done.stdout.splitlines()[-1].split() == ["Hit", "rate@2", "0.6667"]
    assert done.stderr.splitlines() == [
        "Users in the means: 3.",
        "Users without a list: 1, counted as misses.",
        "Users with a list and nothing in the truth: 1, left out.",
        "Users with tied scores: 1; their places are the order of the file.",
    ]


def test_an_unknown_convention_is_refused_with_a_suggestion(score: Recsat) -> None:
    done = score("--as", "rectool")
    assert done.exit_code == 2
    assert "Error: No convention is called 'rectool'. Did you mean 'rectools'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
