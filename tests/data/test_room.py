"""What a small file may unpack to is known before it is read."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from recsat import Column, DataError, read_table
from recsat.config.tables import TableSettings
from recsat.data.room import require_room_of_lines

ITEMS = {"item_id": Column()}
SMALL, LARGE = TableSettings(max_unpacked_gib=0.01), TableSettings(max_unpacked_gib=2)


def repeated_numbers(path: Path) -> Path:
    parquet.write_table(pa.table({"item_id": pa.array([7]).take(pa.array([0] * 1_000_000))}), path)
    return path


def repeated_text(path: Path) -> Path:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), pa.array(["x" * 10_000]))
    parquet.write_table(pa.table({"item_id": texts}), path)
    return path


def packed_text(path: Path) -> Path:
    table = pa.table({"item_id": [f"{i:09}" + "x" * 5_000 for i in range(4_000)]})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False)
    return path


def parts(path: Path) -> Path:
    path.mkdir()
    for i in range(4):
        parquet.write_table(pa.table({"item_id": pa.array([7]).take(pa.array([0] * 250_000))}), path / f"{i}.parquet")
    return path


def short_lines(path: Path) -> Path:
    path.write_text("item_id," + ",".join(f"c{i}" for i in range(1_500)) + "\n" + "1\n" * 1_500, encoding="utf-8")
    return path


def packed_lines(path: Path) -> Path:
    """Of so few bytes that a line for each would be no harm."""
    lines = "item_id," + ",".join(f"c{i}" for i in range(19)) + "\n" + "1\n" * 50_000
    path.write_bytes(gzip.compress(lines.encode()))
    return path


def other_keys(path: Path) -> Path:
    lines = "".join(json.dumps({"item_id": "a", f"c{i}": 1}) + "\n" for i in range(1_200))
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


BOMBS = [
    (repeated_numbers, "items.parquet"),
    (repeated_text, "items.parquet"),
    (packed_text, "items.parquet"),
    (parts, "items.parquet"),
    (short_lines, "items.csv"),
    (packed_lines, "items.csv.gz"),
    (other_keys, "items.jsonl"),
    (other_keys, "items.jsonl.gz"),
]


@pytest.mark.parametrize(("write", "name"), BOMBS)
def test_more_than_is_allowed_is_refused_by_the_setting_that_allows_it(
    write: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / name)  # type: ignore[operator]
    rows, faults = read_table(path, ITEMS, LARGE)
    assert rows.height + faults.height >= 1_000
    if write is not repeated_text:  # whose length is known by its cells alone
        monkeypatch.setattr(pl, "read_parquet", None)
    monkeypatch.setattr(pl, "read_csv", None)
    monkeypatch.setattr(pl, "read_ndjson", None)
    with pytest.raises(
        DataError, match=rf"^{name}: of [\d,]+ bytes it unpacks to more than 0\.01 GiB\. Raise max_unpacked_gib"
    ):
        read_table(path, ITEMS, SMALL)


def test_a_file_with_as_many_bytes_as_cells_is_no_small_one(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,b,c,d\n" + "12,3,4,5\n" * 200_000, encoding="utf-8")
    assert read_table(tmp_path / "items.csv", ITEMS, SMALL)[0].height == 200_000


def test_what_is_no_parquet_is_refused_as_such(tmp_path: Path) -> None:
    (tmp_path / "items.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=r"^items\.parquet: it cannot be read"):
        read_table(tmp_path / "items.parquet", ITEMS, SMALL)


def test_one_cell_more_than_bytes_is_more_than_the_file_can_hold() -> None:
    def require(n_columns: int) -> None:
        require_room_of_lines("t.csv", io.BytesIO(b"ab\n" * 10), n_columns, 30, 1e-9)

    require(2)  # 22 cells of 30 bytes
    with pytest.raises(DataError, match=r"t\.csv: of 30 bytes it unpacks to more than 1e-09 GiB"):
        require(3)  # 33
