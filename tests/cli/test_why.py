"""``recsat why`` in a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from recsat.stages.model.explanation import Explanation, Removal
from recsat.stages.model.loaded import Model


def test_it_says_at_which_step_an_item_fell_out(recsat: Callable[..., Result], finished_run: Path) -> None:
    lists = json.loads(recsat("recommend", "1", "--run", str(finished_run), "--json").stdout)
    tenth = lists[9]
    message = recsat("why", "1", tenth["item_id"], "-k", "3", "--run", str(finished_run))
    assert message.exit_code == 0
    lines = message.stdout.splitlines()
    assert lines[0] == f"1 · {tenth['item_id']} · {tenth['title']}"
    assert lines[1] == "The list of 3 ends before it."
    assert lines[2].startswith("By its score (")
    assert "is rank 10 of" in lines[2]
    assert lines[-1] == "With a list of 10: it would be in the list, rank 10."
    answer = json.loads(recsat("why", "1", tenth["item_id"], "-k", "3", "--run", str(finished_run), "--json").stdout)
    assert (answer["step"], answer["changes"][0]["k"], answer["sentences"]) == ("k", 10, lines[1:])
    excluded = recsat("why", "1", tenth["item_id"], "--exclude", tenth["item_id"], "--run", str(finished_run))
    assert "It is removed by the request's exclude" in excluded.stdout
    assert "has no item 'zzz'" in recsat("why", "1", "zzz", "--run", str(finished_run)).stdout


def test_what_data_say_does_not_steer_the_terminal(
    recsat: Callable[..., Result], finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = Explanation(
        user_id="1",
        item_id="2",
        title="[red]x[/]\x1b[31m",
        model="",
        k=1,
        has_history=True,
        step="filter",
        removals=[Removal(name="f", description="d\x1b[2J [b]e[/b]")],
    )
    monkeypatch.setattr(Model, "why", lambda *arguments: hostile)
    message = recsat("why", "1", "2", "--run", str(finished_run)).stdout
    assert "\x1b" not in message
    assert "[red]x[/]" in message
    assert "[b]e[/b]" in message
