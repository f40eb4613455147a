"""A damaged file of Parquet is refused by its name, whichever of its bytes it is: polars panics on some, and on some it ends the process."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from recsat.data.columns import Column
from recsat.data.reading import read_table
from recsat.errors import DataError

COLUMNS = {"item_id": Column(), "title": Column(), "genres": Column(kind="list"), "language": Column()}


def stored() -> bytes:
    n = range(12)
    table = pl.DataFrame(
        {"item_id": [f"i{i}" for i in n], "title": [f"Name of {i}" for i in n], "genres": ["a|b"] * 12, "language": ["en"] * 12}
    )  # fmt: skip
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def message_of(path: Path) -> str:
    try:
        read_table(path, COLUMNS, notes=[])
    except DataError as error:
        return str(error)
    return ""


def test_wherever_a_byte_is_another_one_the_file_is_read_or_refused_in_a_line(tmp_path: Path) -> None:
    content, path = stored(), tmp_path / "items.parquet"
    counts: Counter[bool] = Counter()
    # Every byte of the first column and its head, where a wrong count of rows or bytes makes polars ask for more memory than there is.
    for at in [*range(4, 130), *range(130, len(content), 13)]:
        for byte in (b"\x01", b"{"):
            path.write_bytes(content[:at] + byte + content[at + 1 :])
            message = message_of(path)
            counts[bool(message)] += 1
            assert len(message.splitlines()) < 2
            assert message == "" or message.startswith("items.parquet")
    assert min(counts.values()) > 50


def test_a_damaged_part_of_a_folder_is_named(tmp_path: Path) -> None:
    content = stored()
    folder = tmp_path / "items.parquet"
    folder.mkdir()
    (folder / "part-0.parquet").write_bytes(content)
    (folder / "part-1.parquet").write_bytes(content[:82] + b"\x01" + content[83:])
    assert re.fullmatch(r"part-1\.parquet: it cannot be read: .+\. It is damaged; write it anew\.", message_of(folder))


def test_a_panic_of_polars_is_a_fault_of_the_file(tmp_path: Path) -> None:
    content = stored()
    for at in range(900, 1100):
        (tmp_path / "items.parquet").write_bytes(content[:at] + b"\0" + content[at + 1 :])
        try:
            pl.read_parquet(tmp_path / "items.parquet", glob=False)
        except pl.exceptions.PanicException:
            break
        except pl.exceptions.PolarsError:
            continue
    else:
        pytest.skip("this polars panics on none of them")
    assert message_of(tmp_path / "items.parquet").startswith("items.parquet: it cannot be read: ")
