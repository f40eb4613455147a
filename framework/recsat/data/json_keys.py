"""Objects of JSON in which one key stands twice with two values: parsers take the last, and the other is lost without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsat.data.text_file import unpacked
from recsat.errors import DataError

PART: Final = 16 * 2**20
"""Bytes that are looked at together."""


class DoubledKey(ValueError):
    """Its arguments are the key and both values."""


def refuse_doubled_keys(path: Path, table: pl.DataFrame, *, is_array: bool = False) -> None:
    """Raises DataError with the first row of ``path``, and how many there are, in which a key stands twice with two values.

    ``table`` is what the file was read as. Rows in which a name of its columns, or of what lies within these, stands once are not parsed again.
    """
    names = sorted({name for dtype in table.schema.items() for name in _names(*dtype)})
    faulty = [(row, *fault) for row, text in _rows(path, names, is_array=is_array) if (fault := _fault(text))]
    if faulty:
        row, key, one, other = faulty[0]
        place = "" if is_array else f", row {row}"
        more = f", and so in {len(faulty):,} rows" if len(faulty) > 1 else ""
        raise DataError(
            f"{path.name}{place}: the key {key!r} stands twice in one object, with {_short(one)} and with {_short(other)}{more}. Keep one of the two."
        )


def _names(name: str, dtype: pl.DataType) -> Iterator[str]:
    yield name
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    if isinstance(inner, pl.Struct):
        for field in inner.fields:
            yield from _names(field.name, field.dtype if isinstance(field.dtype, pl.DataType) else field.dtype())


def _rows(path: Path, names: list[str], *, is_array: bool) -> Iterator[tuple[int, str]]:
    """The rows, counted from 1 without the empty ones, in which one of ``names`` stands more than once."""
    with unpacked(path) as stream:
        if is_array:
            yield 1, stream.read().decode("utf-8-sig", errors="replace")
            return
        n_before = 0
        while lines := stream.readlines(PART):
            text = b"".join(lines).decode(errors="replace").removeprefix("\ufeff")
            rows = pl.Series("row", text.split("\n")).str.strip_chars().to_frame().filter(pl.col("row") != "")
            several = pl.any_horizontal(
                pl.col("row").str.count_matches(json.dumps(name, ensure_ascii=False), literal=True) > 1
                for name in names
            )
            rows = rows.with_row_index("n", offset=n_before + 1)
            yield from rows.filter(several).iter_rows()
            n_before += rows.height


def _fault(text: str) -> tuple[str, Any, Any] | None:
    try:
        json.loads(text, object_pairs_hook=once)
    except DoubledKey as fault:
        key, one, other = fault.args
        return key, one, other
    except (ValueError, RecursionError):
        pass  # the reader's own words are about that
    return None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As ``object_pairs_hook`` of :func:`json.loads`: raises :class:`DoubledKey` for a key that stands twice with two values."""
    cells: dict[str, Any] = {}
    for name, value in pairs:
        if name in cells and cells[name] != value:
            raise DoubledKey(name, cells[name], value)
        cells[name] = value
    return cells


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
