"""The run folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import RunConfig
from recsat.config.home import at_home
from recsat.errors import ConfigError, DiskFull, RunError
from recsat.result.model import StageCost
from recsat.run import RunFolder, new_run, open_run, point_latest


def config(tmp_path: Path) -> RunConfig:
    return RunConfig(home=str(tmp_path))


def test_runs_started_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {new_run(config(tmp_path)).path for _ in range(5)}
    assert len(folders) == 5


def test_the_configuration_comes_back_as_it_was(tmp_path: Path) -> None:
    written = at_home(config(tmp_path).model_copy(update={"seed": 7}))
    assert open_run(new_run(written).path).config() == written


def test_one_key_is_one_folder(tmp_path: Path) -> None:
    first, again = (new_run(config(tmp_path), "nightly.2026-11-26") for _ in range(2))
    assert first == again
    assert first.run_id == "nightly.2026-11-26"
    assert new_run(config(tmp_path), "nightly.2026-11-27") != first


def test_a_key_with_other_settings_is_refused_and_the_message_says_which(tmp_path: Path) -> None:
    folder = new_run(config(tmp_path), "nightly")
    before = (folder.path / "config.json").read_text()
    other = config(tmp_path).model_copy(update={"seed": 7, "arms": ["ease"]})
    with pytest.raises(RunError) as refusal:
        new_run(other, "nightly")
    assert "seed was 42 and is 7" in str(refusal.value)
    assert 'is ["ease"]' in str(refusal.value)
    assert "rank.k" not in str(refusal.value)
    assert (folder.path / "config.json").read_text() == before


@pytest.mark.parametrize("key", ["", "latest", "../up", "a/b", "-rf", ".hidden", "a b", "é", "x" * 101, "a\n"])
def test_a_key_that_cannot_name_a_folder_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(RunError, match="cannot be the name of a run folder"):
        new_run(config(tmp_path), key)
    assert list(tmp_path.iterdir()) == []


def test_a_key_does_not_take_over_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(RunError, match="is not a run folder"):
        new_run(config(tmp_path), "mine")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]


def test_of_many_that_start_a_key_at_once_one_makes_the_folder(tmp_path: Path) -> None:
    configs = [config(tmp_path).model_copy(update={"seed": seed}) for seed in range(16)]

    def started(one: RunConfig) -> int | None:
        try:
            return new_run(one, "nightly").config().seed
        except RunError:
            return None

    with ThreadPoolExecutor(8) as pool:
        seeds = [seed for seed in pool.map(started, configs) if seed is not None]
    assert len(seeds) == 1
    assert new_run(config(tmp_path).model_copy(update={"seed": seeds[0]}), "nightly").config().seed == seeds[0]


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


def test_a_csv_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    folder = new_run(config(tmp_path))
    folder.write_csv("quarantine.csv", pl.DataFrame({"value": ['=HYPERLINK("http://evil")']}))
    assert (folder.path / "quarantine.csv").read_text() == 'value\n"\'=HYPERLINK(""http://evil"")"\n'


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
        with pytest.raises(DiskFull):
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


@pytest.mark.parametrize("place", ["x" * 300, "/proc/nowhere/runs"])
def test_a_folder_that_cannot_be_made_is_named_by_its_setting(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^runs_dir: no run folder can be made in .*Set runs_dir or home"):
        new_run(RunConfig(home=str(tmp_path), runs_dir=place))


def test_a_table_is_written_part_by_part(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    schema = {"user_id": pl.String, "value": pl.Float64}
    rows = [("ann", 1.0), ("bob", None), ("zoe", 3.0)]
    parts = [pl.DataFrame([row], schema=schema, orient="row") for row in rows]
    folder.write_table_parts("deep/values.parquet", iter(parts))
    assert folder.read_table("deep/values.parquet").rows() == rows
    assert "deep/values.parquet" in folder.written


def test_a_table_whose_parts_break_off_is_not_there(tmp_path: Path) -> None:
    def parts() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"user_id": ["ann"]})
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        RunFolder(tmp_path).write_table_parts("values.parquet", parts())
    assert not list(tmp_path.glob("values*"))
