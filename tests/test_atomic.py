"""A crash leaves the old file whole, and what a call wrote is on the disk when it returns."""

from __future__ import annotations

import doctest
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from recsat import atomic
from recsat.atomic import new_folder, replacing, replacing_folder, write_text
from recsat.errors import NotWritable

HALF = """
import os, signal, sys
from pathlib import Path
from recsat.atomic import {way}
with {way}(Path(sys.argv[1])) as draft:
    {write}
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_in(way: str, write: str, path: Path) -> None:
    script = HALF.format(way=way, write=write)
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -signal.SIGKILL


def test_a_writer_that_is_killed_leaves_the_old_file_whole_and_the_next_one_can_write(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_text(path, "old")
    killed_in("replacing", "draft.write_text('half of')", path)
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"


def test_a_killed_writer_of_a_folder_leaves_the_old_one_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with replacing_folder(folder) as draft:
        (draft / "weights").write_text("old")
    killed_in("replacing_folder", "(draft / 'weights').write_text('half of')", folder)
    assert (folder / "weights").read_text() == "old"
    with replacing_folder(folder) as draft:
        (draft / "other").write_text("new")
    assert [path.name for path in folder.iterdir()] == ["other"]


def test_an_error_before_the_end_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_text(path, "old")
    for way, target in ((replacing, path), (replacing_folder, tmp_path / "model")):
        with pytest.raises(NotWritable), way(target) as draft:
            (tmp_path / "state.json" / draft.name).write_text("half of")
    assert [inner.name for inner in tmp_path.iterdir()] == ["state.json"]
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="folders are brought to the disk by the system itself")
def test_the_content_is_on_the_disk_before_its_name_and_the_name_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_text(path, "old")
    synced: list[tuple[bool, str]] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        of_folder = os.path.samestat(os.fstat(handle), tmp_path.stat())
        synced.append((of_folder, path.read_text()))

    monkeypatch.setattr(os, "fsync", watched)
    write_text(path, "new")
    assert synced == [(False, "old"), (True, "new")]


@pytest.mark.skipif(os.name != "posix", reason="folders are brought to the disk by the system itself")
@pytest.mark.parametrize("way", [replacing, replacing_folder, new_folder])
def test_folders_that_are_made_on_the_way_are_on_the_disk_too(
    way: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()
    fsync = os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        places = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
        synced.update(path for path in places if os.path.samestat(os.fstat(handle), path.stat()))

    monkeypatch.setattr(os, "fsync", watched)
    with way(tmp_path / "runs" / "deep" / "name") as draft:
        draft.write_text("x") if way is replacing else (draft / "file").write_text("x")
    assert {tmp_path, tmp_path / "runs", tmp_path / "runs" / "deep"} <= synced


def test_a_new_folder_has_all_its_files_or_is_not_there_and_never_takes_a_name_that_is_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    killed_in("new_folder", "(draft / 'config').write_text('half of')", folder)
    assert not folder.exists()
    for content, refused in (("first", False), ("second", True)):
        with pytest.raises(FileExistsError) if refused else nullcontext(), new_folder(folder) as draft:
            (draft / "config").write_text(content)
    assert (folder / "config").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 2  # the run, and the draft of the killed one


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("a" * 10)
        second.write_text("b" * 5)
    assert path.read_text() == "a" * 10
    assert [inner.name for inner in tmp_path.iterdir()] == ["state.json"]


def test_the_example_is_true() -> None:
    assert doctest.testmod(atomic).failed == 0


def too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file" / "state" / "one"


@pytest.mark.parametrize("way", [replacing, replacing_folder, new_folder])
@pytest.mark.parametrize("place", [too_long, below_a_file])
def test_what_cannot_be_written_is_one_clear_error(
    tmp_path: Path, way: Callable[[Path], AbstractContextManager[Path]], place: Callable[[Path], Path]
) -> None:
    path = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotWritable, match=r"cannot be written: .*name another folder"), way(path) as draft:
        draft.mkdir(exist_ok=True) if way is not replacing else draft.write_text("new")
    assert sorted(tmp_path.rglob("*")) == before
