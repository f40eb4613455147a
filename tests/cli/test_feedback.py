"""recsat feedback, and the lists that follow it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from promotable_runs import promotable_run
from typer.testing import Result

from recsat.plugins import load_plugins


def test_what_a_user_did_is_in_the_next_list(recsat: Callable[..., Result], finished_run: Path, tmp_path: Path) -> None:
    run = promotable_run(finished_run, tmp_path, "one", "ease", load_plugins(["content"]))
    home = {"RECSAT_HOME": str(tmp_path)}

    def listed() -> list[str]:
        outcome = recsat("recommend", "2", "--run", str(run.path), "-k", "5", "--json", **home)
        assert outcome.exit_code == 0, outcome.output
        return [row["item_id"] for row in json.loads(outcome.stdout)]

    before = listed()
    assert "There is no feedback of domain content" in recsat("feedback", "--show", **home).stdout
    assert not (tmp_path / ".recsat/feedback").exists()
    file = tmp_path / "seen.csv"
    file.write_text(f"user_id,item_id,event,value,timestamp\n2,{before[0]},rating,5,2030-01-01T00:00:00Z\n")
    assert recsat("feedback", str(file), **home).stdout.startswith("1 new, 0 in the log already; 1 events in ")
    again = recsat("feedback", str(file), "--json", **home)
    assert json.loads(again.stdout) == {"new": 0, "repeated": 1, "sequence": 1}
    after = listed()
    assert before[0] not in after
    page = recsat("feedback", "--show", **home).stdout
    assert "events: 1" in page
    assert before[0] in page


def test_wrong_requests_are_refused(recsat: Callable[..., Result], tmp_path: Path) -> None:
    home = {"RECSAT_HOME": str(tmp_path)}
    assert "Name a file of events, or say --show" in recsat("feedback", **home).stderr
    assert "Name a file of events, or say --show" in recsat("feedback", "a.csv", "--show", **home).stderr
    file = tmp_path / "bad.csv"
    file.write_text("user_id,item_id,event\n[b]2[/b],1,click\n")
    outcome = recsat("feedback", str(file), **home)
    assert outcome.exit_code == 2
    assert "row 1: " in outcome.stderr
    assert not (tmp_path / ".recsat/feedback").exists()
