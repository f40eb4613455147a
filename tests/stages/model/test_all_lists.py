"""Lists for everybody: one file, whatever happens on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from recsat.errors import ConfigError
from recsat.plugins import load_plugins
from recsat.stages.model.all_lists import write_all_lists
from recsat.stages.model.loaded import Model

KILLED = """
import os, signal, sys
from pathlib import Path
from recsat.plugins import load_plugins
from recsat.stages.model.all_lists import write_all_lists
from recsat.stages.model.loaded import Model

done = []
def advance(n):
    done.append(n)
    if len(done) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

model = Model.load(sys.argv[1], load_plugins(["content"]))
write_all_lists(model, Path(sys.argv[2]), k=4, users_a_block=6, advance=advance)
"""


def in_blocks(model: Model, users_a_block: int, **request: object) -> pl.DataFrame:
    """Everybody's lists, block by block: the last bit of a score may depend on who else is scored with it."""
    ids = model.histories.ids
    starts = range(0, len(ids), users_a_block)
    return pl.concat(model.recommend(ids.slice(start, users_a_block).to_list(), **request) for start in starts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model(finished_run: Path) -> Model:
    return Model.load(finished_run, load_plugins(["content"]))


def test_the_file_has_everybodys_lists(model: Model, tmp_path: Path) -> None:
    target = tmp_path / "new" / "lists.parquet"
    n_users: list[int] = []
    n_rows = write_all_lists(model, target, k=3, exclude=["1"], users_a_block=16, advance=n_users.append)
    lists = pl.read_parquet(target)
    assert lists.equals(in_blocks(model, 16, k=3, exclude=["1"]))
    assert (n_rows, sum(n_users)) == (lists.height, len(model.histories))
    assert [path.name for path in target.parent.iterdir()] == ["lists.parquet"]


def test_after_a_kill_only_what_is_missing_is_made_and_the_file_is_the_same(
    finished_run: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "lists.parquet"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(finished_run), str(target)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not target.exists()
    served: list[str] = []
    recommend = Model.recommend

    def counted(self: Model, users: list[str], *arguments: object) -> pl.DataFrame:
        served.extend(users)
        return recommend(self, users, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patches:
        patches.setattr(Model, "recommend", counted)
        write_all_lists(model, target, k=4, users_a_block=6)
    assert served == model.histories.ids.to_list()[30:]
    assert pl.read_parquet(target).equals(in_blocks(model, 6, k=4))


@pytest.mark.parametrize("other", [{"k": 5}, {"k": 4, "exclude": ["1"]}])
def test_blocks_of_another_request_are_not_used(
    finished_run: Path, model: Model, tmp_path: Path, other: dict[str, object]
) -> None:
    target = tmp_path / "lists.parquet"
    subprocess.run([sys.executable, "-c", KILLED, str(finished_run), str(target)], capture_output=True)
    write_all_lists(model, target, users_a_block=6, **other)  # type: ignore[arg-type]
    assert pl.read_parquet(target).equals(in_blocks(model, 6, **other))


def test_two_do_not_write_one_file(model: Model, tmp_path: Path) -> None:
    blocks = tmp_path / "lists.parquet.blocks"
    blocks.mkdir()
    with FileLock(blocks / "lock"), pytest.raises(ConfigError, match=r"another process writes .*lists\.parquet"):
        write_all_lists(model, tmp_path / "lists.parquet")
    write_all_lists(model, tmp_path / "lists.parquet")
    assert pl.read_parquet(tmp_path / "lists.parquet")["user_id"].n_unique() == len(model.histories)
