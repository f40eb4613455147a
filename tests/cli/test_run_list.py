"""Runs of a home on the command line: listed, shown, compared, cleaned; and the exit code of an alert."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

from recsat.plugins import load_plugins
from recsat.run import RunFolder, run_stage
from recsat.stages import REPORT

Recsat = Callable[..., Result]
ALERT = {"arm": "ease", "measure": "ndcg", "split": "warm", "worse_by": 0.05}


@pytest.fixture
def home(finished_run: Path, tmp_path: Path) -> Path:
    """With two nightly runs, of which the second serves everybody another's lists, its report not written."""
    place = tmp_path / "home"
    for day, name in enumerate(("monday", "tuesday"), start=2):
        folder = RunFolder(place / "runs" / name)
        shutil.copytree(finished_run, folder.path)
        settings = {**folder.read_json("config.json"), "home": str(place), "series": "nightly", "alerts": [ALERT]}
        folder.write_json("config.json", settings)
        os.utime(folder.path / "config.json", (day * 86400, day * 86400))
        evaluated = folder.read_json("evaluated.json")
        folder.write_json(
            "evaluated.json", {**evaluated, "run_id": name, "created": f"2026-11-{day:02d}T08:00:00+00:00"}
        )
        if name == "monday":
            run_stage(folder, REPORT, load_plugins(["content"]))
    lists = folder.read_table("lists/warm.parquet")
    users = lists["user_id"].unique().sort()
    other = dict(zip(users, [*users[1:], users[0]], strict=True))
    folder.write_table("lists/warm.parquet", lists.with_columns(pl.col("user_id").replace_strict(other)))
    costs = folder.costs()
    folder.write_json("stages.json", [cost.model_dump() for cost in costs if cost.name != "report"])
    (folder.path / "result.json").unlink()
    return place


def test_a_run_that_is_worse_than_the_one_before_ends_with_code_3_and_again(recsat: Recsat, home: Path) -> None:
    for _ in range(2):
        done = recsat("run", "--resume", "tuesday", RECSAT_HOME=str(home))
        assert done.exit_code == 3, done.output
        assert "Alert: ease on warm is worse than in run monday." in done.stdout
    summary = recsat("runs", "show", "tuesday", RECSAT_HOME=str(home))
    assert summary.exit_code == 0
    assert "series nightly" in summary.stdout
    assert "Alert: ease on warm" in summary.stdout


@pytest.mark.parametrize("settings", ["[]", "{", '{"domain": '])
def test_a_run_whose_settings_are_damaged_is_named_and_left_alone(recsat: Recsat, home: Path, settings: str) -> None:
    damaged = home / "runs" / "monday"
    (damaged / "config.json").write_text(settings)
    (home / "runs" / "no run").mkdir()
    for command in (("list",), ("clean", "--keep", "1", "--yes")):
        done = recsat("runs", *command, RECSAT_HOME=str(home))
        assert done.exit_code == 0, done.output
        assert "monday, whose config.json cannot be read. Bring it back" in done.stderr
        assert "no run" not in done.stderr
        assert "monday" not in done.stdout
    assert damaged.is_dir()


def test_runs_are_listed_with_their_state(recsat: Recsat, home: Path) -> None:
    recsat("runs", "pin", "monday", "--why", "served \x1b[2J[bold]x", RECSAT_HOME=str(home))
    rows = json.loads(recsat("runs", "list", "--json", RECSAT_HOME=str(home)).stdout)
    assert [(row["run"], row["state"], row["series"]) for row in rows] == [
        ("tuesday", "cut short", "nightly"),
        ("monday", "finished", "nightly"),
    ]
    table = recsat("runs", "list", RECSAT_HOME=str(home)).stdout
    assert "served �[2J[bold]x" in table
    assert "\x1b" not in table
    assert json.loads(recsat("runs", "list", "--json", "--series", "weekly", RECSAT_HOME=str(home)).stdout) == []
    assert "No run in" in recsat("runs", "list", RECSAT_HOME=".").stdout


def test_compare_is_on_common_ground_and_by_name(recsat: Recsat, home: Path) -> None:
    done = recsat("compare", "monday", "tuesday", "--measure", "ndcg", "--json", RECSAT_HOME=str(home))
    [document] = json.loads(done.stdout)
    [ease] = [one for one in document["comparisons"] if (one["arm"], one["split"]) == ("ease", "warm")]
    assert (document["before"], document["now"], ease["significant"]) == ("monday", "tuesday", True)
    assert ease["mean"] < 0
    table = recsat("runs", "compare", "monday", "tuesday", "--measure", "ndcg", RECSAT_HOME=str(home)).stdout
    assert "tuesday beside monday" in table
    assert "worse" in table
    assert not set("▲▼") & set(table)
    [document] = json.loads(recsat("compare", "monday", "tuesday", "--json", RECSAT_HOME=str(home)).stdout)
    assert {one["measure"] for one in document["comparisons"]} >= {"ndcg@10", "topic-ild@10"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "monday"], "Name two runs or more"),
        (["compare", "monday", "sunday"], "sunday is not a run folder"),
        (["compare", "monday", "tuesday", "--measure", "ncdg"], "Did you mean 'ndcg'?"),
        (["runs", "show", "x\x1b]0;y\x07"], "x�]0;y� is not a run folder"),
        (["runs", "trend", "--measure", "ncdg"], "Did you mean 'ndcg'?"),
    ],
)
def test_what_the_commands_refuse_is_a_message(recsat: Recsat, home: Path, arguments: list[str], message: str) -> None:
    done = recsat(*arguments, RECSAT_HOME=str(home))
    assert done.exit_code == 2
    assert message in done.stderr


def test_clean_lists_and_only_with_yes_removes_and_the_history_stays(recsat: Recsat, home: Path) -> None:
    shutil.copytree(home / "runs" / "monday", home / "runs" / "wednesday")
    os.utime(home / "runs" / "wednesday" / "config.json", (4 * 86400,) * 2)
    listed = recsat("runs", "clean", "--keep", "1", RECSAT_HOME=str(home))
    assert listed.stdout.split() == ["tuesday", "monday"]
    assert "would be removed" in listed.stderr
    assert (home / "runs" / "monday").exists()
    recsat("runs", "pin", "monday", RECSAT_HOME=str(home))
    assert recsat("runs", "clean", "--keep", "1", "--yes", RECSAT_HOME=str(home)).stdout.split() == ["tuesday"]
    assert sorted(path.name for path in (home / "runs").iterdir() if path.is_dir()) == ["monday", "wednesday"]
    assert len(list((home / ".recsat" / "history").iterdir())) == 1


def test_the_trend_is_a_page_among_the_runs(recsat: Recsat, home: Path) -> None:
    done = recsat("runs", "trend", RECSAT_HOME=str(home))
    assert done.stdout.strip() == str(home / "runs" / "trend.html")
    assert 'href="monday/report.html"' in (home / "runs" / "trend.html").read_text()
