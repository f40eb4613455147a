"""A folder whose name has brackets, stars or question marks is that folder and no other."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from readers import events_frame, items_frame

from recsat import RunConfig, find_table, load, read_table
from recsat.data.columns import Column
from recsat.run import RunFolder, new_run, open_run

NAMES = ["shop[1]", "b?", "films*", "[!a]", "{a,b}", "day=1"]
OTHERS = {"shop[1]": "shop1", "b?": "bx", "films*": "films-2", "[!a]": "b", "{a,b}": "a", "day=1": "day=2"}


def write(table: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    {".csv": table.write_csv, ".parquet": table.write_parquet, ".jsonl": table.write_ndjson}[path.suffix](path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_the_named_folder_is_read_and_not_its_neighbour(tmp_path: Path, name: str, suffix: str) -> None:
    write(pl.DataFrame({"item_id": ["right"]}), tmp_path / name / f"items{suffix}")
    write(pl.DataFrame({"item_id": ["wrong"]}), tmp_path / OTHERS[name] / f"items{suffix}")
    table, _ = read_table((tmp_path / name, "items"), {"item_id": Column()})
    assert table["item_id"].to_list() == ["right"]
    assert find_table(tmp_path / name, "items") == tmp_path / name / f"items{suffix}"


@pytest.mark.parametrize("name", NAMES)
def test_so_are_the_parts_of_a_parquet_folder(tmp_path: Path, name: str) -> None:
    for folder, item in ((name, "right"), (OTHERS[name], "wrong")):
        write(pl.DataFrame({"item_id": [item]}), tmp_path / folder / "items.parquet" / "day=3" / "part-0.parquet")
    table, _ = read_table((tmp_path / name, "items"), {"item_id": Column(), "day": Column(kind="integer")})
    assert table.select("item_id", "day").rows() == [("right", 3)]


@pytest.mark.parametrize("name", NAMES)
def test_so_are_run_folders(tmp_path: Path, name: str) -> None:
    runs = {place: new_run(RunConfig(home=str(tmp_path), runs_dir=place), "one") for place in (name, OTHERS[name])}
    for place, run in runs.items():
        run.write_table("data/items.parquet", pl.DataFrame({"item_id": [place]}))
    again: RunFolder = open_run(tmp_path / name / "one")
    assert again.read_table("data/items.parquet")["item_id"].to_list() == [name]


@pytest.mark.parametrize("name", ["shop[1]", "b?"])
def test_a_domain_reads_the_named_folder(tmp_path: Path, name: str) -> None:
    for folder, title in ((name, "right"), (OTHERS[name], "wrong")):
        write(items_frame().with_columns(title=pl.lit(title)), tmp_path / folder / "items.parquet")
        write(events_frame(), tmp_path / folder / "events.parquet")
    data = load("content", folder=tmp_path / name)
    assert set(data.items["title"]) == {"right"}
    assert data.events.height == 200
