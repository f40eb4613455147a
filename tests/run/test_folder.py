"""The run folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import RunConfig
from recsat.errors import RunError
from recsat.result.model import StageCost
from recsat.run import RunFolder, new_run, open_run, point_latest


def config(tmp_path: Path) -> RunConfig:
    return RunConfig(runs_dir=str(tmp_path / "runs"))


def test_runs_started_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {new_run(config(tmp_path)).path for _ in range(5)}
    assert len(folders) == 5


def test_the_configuration_comes_back_as_it_was(tmp_path: Path) -> None:
    written = config(tmp_path).model_copy(update={"seed": 7})
    assert open_run(new_run(written).path).config() == written


def test_latest_moves_to_the_newest_run(tmp_path: Path) -> None:
    first, second = new_run(config(tmp_path)), new_run(config(tmp_path))
    point_latest(first)
    point_latest(second)
    assert (tmp_path / "runs" / "latest").resolve() == second.path.resolve()
    assert open_run(tmp_path / "runs" / "latest").run_id == second.run_id


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"data/items\.parquet is missing\. Run the stage that writes it"):
        new_run(config(tmp_path)).read_table("data/items.parquet")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"it has no config\.json"):
        open_run(tmp_path)


def test_a_stage_that_runs_again_replaces_its_cost(tmp_path: Path) -> None:
    folder: RunFolder = new_run(config(tmp_path))
    for seconds in (1.0, 2.0):
        folder.record(StageCost(name="embed", seconds=seconds, peak_mib=1.0))
    assert [cost.seconds for cost in folder.costs()] == [2.0]


def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        new_run(config(tmp_path)).write_json("x.json", {"value": float("nan")})


WRITERS: Mapping[str, tuple[str, Callable[[RunFolder, int], None]]] = {
    "json": ("stages.json", lambda folder, n: folder.write_json("stages.json", ["x" * 10] * n)),
    "text": ("report.md", lambda folder, n: folder.write_text("report.md", "x" * 10 * n)),
    "table": ("data/items.parquet", lambda folder, n: folder.write_table("data/items.parquet", ids(n))),
    "csv": ("quarantine.csv", lambda folder, n: folder.write_csv("quarantine.csv", ids(n))),
    "arrays": (
        "vectors/items.safetensors",
        lambda folder, n: folder.write_arrays("vectors/items.safetensors", {"text": np.ones((n, 2), np.float32)}),
    ),
}


def ids(n: int) -> pl.DataFrame:
    return pl.DataFrame({"item_id": [f"item {i * 7919 % 99991}" for i in range(n)]})


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.skipif(sys.platform == "win32", reason="the limit on a file's size is POSIX's")
def test_a_write_that_breaks_off_half_way_leaves_the_old_file_whole(tmp_path: Path, kind: str) -> None:
    import resource

    name, write = WRITERS[kind]
    folder = new_run(config(tmp_path))
    write(folder, 1)
    old = (folder.path / name).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))  # as a full disk: the write ends with an error after 8 KiB
    try:
        with pytest.raises((OSError, pl.exceptions.PolarsError)):
            write(folder, 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder.path / name).read_bytes() == old
    assert [path for path in folder.path.rglob(".*") if path.is_file()] == []


@pytest.mark.parametrize("kind", WRITERS)
def test_who_reads_a_file_while_it_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    folder = new_run(config(tmp_path))
    write(folder, 1)
    old = (folder.path / name).read_bytes()
    with (folder.path / name).open("rb") as reader:
        write(folder, 10_000)
        assert reader.read() == old
    assert (folder.path / name).read_bytes() != old
