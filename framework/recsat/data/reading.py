"""CSV, Parquet and JSON lines into typed tables, with the place of every fault.

Text files are read as text first and cast afterwards, so that a cell that does not fit is a fault with its row, and one
bad cell does not change the type of a whole column.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from recsat.data.columns import Column, typed_table, with_defaults
from recsat.data.faults import FILE, ROW
from recsat.errors import DataError, did_you_mean

logger = logging.getLogger(__name__)


def find_table(folder: Path, name: str) -> Path | None:
    """The file ``name`` with any suffix that can be read, in ``folder``, or the folder ``<name>.parquet`` of parts, as Spark writes it; None where there is none.

    Raises DataError where ``folder`` does not exist or has more than one such file.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder. Check the path; it is taken from {Path.cwd()}.")
    paths = [path for suffix in _READERS if _is_table(path := folder / f"{name}{suffix}")]
    if len(paths) > 1:
        raise DataError(f"{folder}: {' and '.join(path.name for path in paths)} are both there. Keep one.")
    return paths[0] if paths else None


def read_table(source: Path | tuple[Path, str], columns: Mapping[str, Column]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that could be read, and the faults of those that could not.

    ``source`` is a file, or a folder and a table's name as for :func:`find_table`. The rows have ``columns`` in their
    types (see :class:`Column`) and ``_file`` and ``_row``, which validation needs to name a place and drops afterwards;
    other columns of the file are left out. Rows are counted as a spreadsheet does: the header of a CSV is row 1. Parquet
    and JSON lines have no header, so their first row is 1; rows of a folder of Parquet parts are counted through its parts in the order of
    their names, and what the folders' names say (``day=2026-11-26``) is a column. The faults have the shape of ``Dataset.quarantine``: put them there.

    Raises DataError where nothing can be read at all: a missing file, an unknown format, a missing column.
    """
    path = source if isinstance(source, Path) else _named(*source)
    if not _is_table(path):
        raise DataError(_missing(path.parent, path.name))
    raw = _read(path)
    present = _present(path, raw.columns, columns)
    place = raw.with_columns(pl.lit(path.name).alias(FILE))
    table, faults = typed_table(place, present, [FILE, ROW])
    return with_defaults(table, columns), faults


def _named(folder: Path, name: str) -> Path:
    path = find_table(folder, name)
    if path is None:
        raise DataError(_missing(folder, name) + f" It may end in {', '.join(_READERS)}.")
    return path


def _missing(folder: Path, name: str) -> str:
    there = (
        sorted(path.name for path in folder.iterdir() if path.is_file() or _is_table(path)) if folder.is_dir() else []
    )
    listed = f"The folder has {', '.join(there[:20])}." if there else "The folder is empty, or does not exist."
    return f"{folder / name}: there is no such file. {listed}{did_you_mean(name, there)}"


def _read(path: Path) -> pl.DataFrame:
    """The file as it is, with :data:`ROW`; empty lines are left out and counted."""
    suffix = next((suffix for suffix in _READERS if path.name.endswith(suffix)), None)
    if suffix is None:
        raise DataError(f"{path.name}: this format cannot be read. Use one of {', '.join(_READERS)}.")
    reader, first = _READERS[suffix]
    try:
        raw = reader(path)
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{path.name}: the file is empty. Its first row must name the columns.") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name}: {_why(path, error)}") from error
    filled = pl.any_horizontal(pl.all().is_not_null())
    return raw.with_columns(_filled=filled).with_row_index(ROW, offset=first).cast({ROW: pl.Int64}).filter("_filled")


def _csv(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False, glob=False)


def _parquet(path: Path) -> pl.DataFrame:
    if not path.is_dir():
        return pl.read_parquet(path, glob=False)
    parts = sorted(path.rglob("*.parquet"))
    if not parts:
        raise DataError(f"{path.name}: the folder has no part that ends in .parquet. Was it written to the end?")
    return pl.concat([_part(part, part.relative_to(path)) for part in parts])


def _part(part: Path, below: Path) -> pl.DataFrame:
    """One part, with the columns that the folders ``below`` the table say (``day=2026-11-26``), as texts; those above it say nothing."""
    pairs = [folder.partition("=") for folder in below.parts[:-1] if "=" in folder]
    columns = [
        pl.lit(None if value == _HIVE_NULL else unquote(value), pl.String).alias(name) for name, _, value in pairs
    ]
    return pl.read_parquet(part, glob=False, hive_partitioning=False).with_columns(columns)


_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def _is_table(path: Path) -> bool:
    return path.is_file() or (path.suffix == ".parquet" and path.is_dir())


def _json_lines(path: Path) -> pl.DataFrame:
    with path.open("rb") as file:  # a path would be taken for a pattern
        return pl.read_ndjson(file, infer_schema_length=None)


_READERS: Mapping[str, tuple[Callable[[Path], pl.DataFrame], int]] = {
    ".csv": (_csv, 2),
    ".csv.gz": (_csv, 2),
    ".parquet": (_parquet, 1),
    ".jsonl": (_json_lines, 1),
    ".jsonl.gz": (_json_lines, 1),
}


def _why(path: Path, error: Exception) -> str:
    if "utf-8" in str(error).lower():
        return "it is not UTF-8. Save it with that encoding."
    if "found more fields" in str(error):
        return _longer_row(path)
    return f"it cannot be read: {error}"


def _longer_row(path: Path) -> str:
    """Names the first line with more separators than the header, quoted parts aside."""
    lines = pl.read_csv(
        path, has_header=False, separator="\x01", quote_char=None, new_columns=["line"], infer_schema=False, glob=False
    )
    counts = lines.select(pl.col("line").str.replace_all(r'"[^"]*"', "").str.count_matches(",")).to_series()
    row = (counts > counts[0]).arg_max()
    place = (
        f"row {row + 1} has {counts[row] + 1} cells and the header {counts[0] + 1}"
        if row
        else "a row has more cells than the header"
    )
    return f"{place}. Put values that contain a comma in double quotes."


def _present(path: Path, there: list[str], columns: Mapping[str, Column]) -> dict[str, Column]:
    sources = {name: column.source or name for name, column in columns.items()}
    known = [name for name in there if name not in (ROW, "_filled")]
    spare = [name for name in known if name not in sources.values()]
    for name, column in columns.items():
        if sources[name] in known:
            continue
        near = did_you_mean(sources[name], spare)
        if column.required and column.default is None:
            raise DataError(
                f"{path.name}, row 1: there is no column {sources[name]!r}; the columns are {', '.join(known)}.{near} Rename or add it."
            )
        if near:
            logger.warning(
                "%s: column %r is left out; the columns are %s.%s", path.name, sources[name], ", ".join(known), near
            )
    return {name: column for name, column in columns.items() if sources[name] in known}
