"""Which run folders may go, and that nothing else does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from recsat import RunConfig, RunError
from recsat.config.home import at_home
from recsat.run import RunFolder, claimed, new_run, point_latest
from recsat.run.retention import drafts, pin, remove, runs_of, superseded, unpin

DAY = 24 * 3600


def make(home: Path, name: str, day: int, *, series: str = "nightly", finished: bool = True) -> RunFolder:
    """A run folder that was started on that day."""
    folder = new_run(RunConfig(home=str(home), series=series), name)
    if finished:
        folder.write_json("result.json", {})
    os.utime(folder.path / "config.json", (day * DAY, day * DAY))
    return folder


def names(home: Path, keep: int) -> list[str]:
    return [run.folder.run_id for run in superseded(runs_of(RunConfig(home=str(home))), keep)]


def test_of_each_series_the_newest_finished_runs_stay_and_runs_in_between_with_them(tmp_path: Path) -> None:
    for day in range(1, 6):
        make(tmp_path, f"n{day}", day)
    make(tmp_path, "cut-early", 2, finished=False)
    make(tmp_path, "cut-late", 7, finished=False)
    for day in range(1, 3):
        make(tmp_path, f"w{day}", day, series="weekly")
    assert names(tmp_path, 2) == ["n3", "n2", "cut-early", "n1"]
    assert names(tmp_path, 5) == []


def test_pinned_fine_tuning_and_latest_runs_and_those_that_are_worked_on_stay(tmp_path: Path) -> None:
    folders = {
        name: make(tmp_path, name, day) for day, name in enumerate(["old", "tuned", "served", "last", "busy", "new"])
    }
    folders["tuned"].write_json("finetune/settings.json", {})
    pin(folders["served"], "served")
    point_latest(folders["last"])
    with claimed(folders["busy"]):
        assert names(tmp_path, 1) == ["old"]
    assert names(tmp_path, 1) == ["busy", "old"]
    unpin(folders["served"])
    assert names(tmp_path, 1) == ["busy", "served", "old"]


def test_a_run_that_was_pinned_or_taken_up_meanwhile_is_not_removed(tmp_path: Path) -> None:
    folder = make(tmp_path, "old", 1)
    [run] = runs_of(RunConfig(home=str(tmp_path)))
    pin(folder, "served")
    with pytest.raises(RunError, match="run old is pinned now"):
        remove(run)
    unpin(folder)
    with claimed(folder), pytest.raises(RunError, match="is being worked on"):
        remove(run)
    assert folder.path.exists()
    remove(run)
    assert list((tmp_path / "runs").iterdir()) == []


def test_folders_that_are_no_runs_are_neither_listed_nor_cleaned(tmp_path: Path) -> None:
    make(tmp_path, "run", 1)
    runs = tmp_path / "runs"
    (runs / "thesis").mkdir()
    (runs / "damaged").mkdir()
    (runs / "damaged" / "config.json").write_text("{")
    (runs / "link").symlink_to(tmp_path)
    (runs / "notes.txt").write_text("")
    assert [run.folder.run_id for run in runs_of(RunConfig(home=str(tmp_path)))] == ["run"]
    assert runs_of(RunConfig(home=str(tmp_path / "elsewhere"))) == []


def test_only_old_drafts_are_swept(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in (".a.0123456789ab.tmp", ".b.0123456789ab.tmp", ".git"):
        (runs / name).mkdir(parents=True)
    for name in (".a.0123456789ab.tmp", ".git"):
        os.utime(runs / name, (time.time() - 2 * DAY,) * 2)
    assert [path.name for path in drafts(at_home(RunConfig(home=str(tmp_path))))] == [".a.0123456789ab.tmp"]
