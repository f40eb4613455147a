"""CSV, Parquet and JSON lines into typed tables, with the place of every fault.

Text files are read as text first and cast afterwards, so that a cell that does not fit is a fault with its row, and one
bad cell does not change the type of a whole column.
"""

from __future__ import annotations

import ast
import codecs
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote

import polars as pl

from recsat.config.tables import TableSettings
from recsat.contract.dataset import no_quarantine
from recsat.data.columns import Column, typed_table, with_defaults
from recsat.data.damage import UNREADABLE, require_sound_parquet
from recsat.data.faults import FILE, ROW
from recsat.data.json_keys import refuse_doubled_keys
from recsat.data.markup import read_html
from recsat.data.notes import column_beside, column_left_out, file_form
from recsat.data.ragged import long_row, malformed_quote, short_rows, swallowed_rows
from recsat.data.room import require_room_of_lines, require_room_of_parquet, require_room_of_texts
from recsat.data.text_file import TextFormat, read_text_file, require_room_unpacked, text_format, unpacked
from recsat.errors import DataError, did_you_mean

MOST_COLUMNS: Final = 50
LONGEST_NAME: Final = 80
"""Of the columns that a message names."""
logger = logging.getLogger(__name__)


def find_table(folder: Path, name: str) -> Path | None:
    """The file ``name`` with any suffix that can be read, in ``folder``, or the folder ``<name>.parquet`` of parts, as Spark writes it; None where there is none.

    Raises DataError where ``folder`` does not exist or has more than one such file, or what has the name is no file: a link that leads nowhere, say.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder. Check the path; it is taken from {Path.cwd()}.")
    paths = [path for suffix in SUFFIXES if os.path.lexists(path := folder / f"{name}{suffix}")]
    for path in paths:
        _require_table(path)
    if len(paths) > 1:
        raise DataError(f"{folder}: {' and '.join(path.name for path in paths)} are both there. Keep one.")
    return paths[0] if paths else None


def read_table(
    source: Path | tuple[Path, str],
    columns: Mapping[str, Column],
    settings: TableSettings | None = None,
    notes: list[str] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that could be read, and the faults of those that could not.

    ``source`` is a file, or a folder and a table's name as for :func:`find_table`. The rows have ``columns`` in their
    types (see :class:`Column`) and ``_file`` and ``_row``, which validation needs to name a place and drops afterwards;
    other columns of the file are left out. Rows are counted as a spreadsheet does: the header of a CSV is row 1. Parquet
    and JSON lines have no header, so their first row is 1; rows of a folder of Parquet parts are counted through its parts in the order of
    their names, and what the folders' names say (``day=2026-11-26``) is a column. The faults have the shape of ``Dataset.quarantine``: put them there.

    ``settings`` say how the file is written and what its columns are called; what they leave open is looked for. What is read otherwise than as
    UTF-8 with commas and ISO 8601, and what was left out, is a sentence of ``notes``, or of the log where there is no such list: put them into
    ``Dataset.notes``.

    Raises DataError where nothing can be read at all: a missing file, an unknown format, a missing column, an encoding or a separator that is not clear.
    """
    written = TableSettings() if settings is None else settings
    path = source if isinstance(source, Path) else _path(*source, written)
    if not _is_table(path):
        raise DataError(_missing(path.parent, path.name))
    sentences: list[str] = []
    mapped = as_written(columns, written)
    raw, faults, form = _read(path, written, mapped, sentences)
    _require_named(path, raw.columns, written)
    present = _present(path, raw.columns, mapped, sentences)
    if form is not None and form.separator == ";":
        _refuse_points_of_thousands(path, raw, present)
    cells = read_html(raw, present) if written.html else raw
    place = cells.with_columns(pl.lit(path.name).alias(FILE))
    table, of_cells = typed_table(place, present, [FILE, ROW], sentences)
    if notes is not None:
        notes += sentences
    else:
        for sentence in sentences:
            logger.warning("%s.", sentence)
    return with_defaults(table, mapped), pl.concat([faults, of_cells])


def as_written(columns: Mapping[str, Column], settings: TableSettings) -> dict[str, Column]:
    """``columns`` with what ``settings`` say of their names, times, numbers, lists, empty cells and defaults.

    Raises DataError where settings name a column that the table does not have.
    """
    of_columns: dict[str, Mapping[str, object]] = {
        "columns": settings.columns,
        "missing": settings.missing,
        "values": settings.values,
        "defaults": settings.defaults,
    }
    unknown = [(setting, name) for setting, names in of_columns.items() for name in names if name not in columns]
    ids = Counter(source for name, source in settings.columns.items() if name.endswith("_id"))
    twice = [source for source, n in ids.items() if n > 1]
    if twice:
        names = " and ".join(name for name, source in settings.columns.items() if source == twice[0])
        raise DataError(
            f"columns: {names} are both {twice[0]!r}, so that one would always be the other. Name the column of each."
        )
    if unknown:
        listed = ", ".join(columns)
        raise DataError(
            "\n".join(
                f"{setting}.{name}: the table has no such column.{did_you_mean(name, columns)} It has {listed}."
                for setting, name in unknown
            )
        )
    return {name: _as_written(name, column, settings) for name, column in columns.items()}


def _as_written(name: str, column: Column, settings: TableSettings) -> Column:
    words = settings.missing.get(name)
    changes: dict[str, object] = {
        "source": settings.columns.get(name, column.source),
        "missing": column.missing if words is None else tuple(words),
        "default": settings.defaults.get(name, column.default),
        "words": tuple((word, str(value)) for word, value in settings.values.get(name, {}).items()),
    }
    if column.kind == "time":
        changes["time_format"] = settings.time_format or column.time_format
        changes["time_unit"] = settings.time_unit or column.time_unit
    if column.kind == "number":
        changes["decimal"] = settings.decimal or column.decimal
    if column.kind == "list" and settings.list_separator != "|":
        changes["separator"] = settings.list_separator
    return replace(column, **changes)  # type: ignore[arg-type]


def _path(folder: Path, name: str, settings: TableSettings) -> Path:
    if settings.path is None:
        return _named(folder, name)
    path = folder / settings.path
    if path.is_symlink():
        _require_table(path)
    if not _is_table(path):
        raise DataError(_missing(path.parent, path.name))
    return path


def _named(folder: Path, name: str) -> Path:
    path = find_table(folder, name)
    if path is None:
        raise DataError(_missing(folder, name) + f" It may end in {', '.join(SUFFIXES)}.")
    return path


def _missing(folder: Path, name: str) -> str:
    there = (
        sorted(path.name for path in folder.iterdir() if path.is_file() or _is_table(path)) if folder.is_dir() else []
    )
    listed = f"The folder has {', '.join(there[:20])}." if there else "The folder is empty, or does not exist."
    return f"{folder / name}: there is no such file. {listed}{did_you_mean(name, there)}"


def read_cells(path: Path, settings: TableSettings, names: Sequence[str]) -> tuple[pl.DataFrame, TextFormat | None]:
    """The cells of a file as they are stored, and how it is written where it is a text file; ``names`` are the columns that are looked for.

    Raises DataError, in one line, where nothing can be read.
    """
    require_room_unpacked(path, settings.max_unpacked_gib)
    suffix = next((suffix for suffix in _READERS if path.name.endswith(suffix)), None)
    suffix = ".parquet" if path.is_dir() else suffix
    if suffix is None and path.suffix in (".xlsx", ".xls"):
        raise DataError(f"{path.name}: this format cannot be read. Use one of {', '.join(SUFFIXES)}.")
    try:
        if suffix is not None:
            return _with_room(path, suffix, settings.max_unpacked_gib), None
        return read_text_file(path, settings, names)
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{path.name}: the file is empty. Its first row must name the columns.") from error
    except UNREADABLE as error:
        raise DataError(f"{path.name}: {_why(path, settings, names, error)}") from error


def _with_room(path: Path, suffix: str, most_gib: float) -> pl.DataFrame:
    if suffix == ".parquet":
        parts = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        require_room_of_parquet(path.name, parts, most_gib)
        require_sound_parquet(parts)
        table = _parquet(path)
        require_room_of_texts(path.name, table, sum(part.stat().st_size for part in parts), most_gib)
        return table
    if _READERS[suffix] is _json_lines:
        with _lines_of(path) as lines:
            n_columns = len(pl.scan_ndjson(lines, infer_schema_length=None).collect_schema())
        with unpacked(path) as stream:
            require_room_of_lines(path.name, stream, n_columns, path.stat().st_size, most_gib)
    return _READERS[suffix](path)


def _read(
    path: Path, settings: TableSettings, columns: Mapping[str, Column], notes: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, TextFormat | None]:
    """The file as it is, with :data:`ROW`, and faults of its rows; empty lines are left out and counted."""
    sources = [column.source or name for name, column in columns.items()]
    raw, form = read_cells(path, settings, sources)
    if ROW in sources:
        raise DataError(f"{path.name}: a column that is read is called {ROW!r}, as rows are here. Rename it.")
    raw = raw.drop(ROW, strict=False).with_row_index(ROW, offset=1 if form is None else form.row).cast({ROW: pl.Int64})
    filled = raw.filter(pl.any_horizontal(pl.all().exclude(ROW).is_not_null())) if raw.width > 1 else raw
    if form is None:
        return within(filled, sources), no_quarantine(), None
    if form.words:
        notes.append(file_form(path.name, form.words))
    faults = pl.concat([short_rows(path, form, filled), swallowed_rows(path, form, filled)])
    return filled.join(faults, left_on=ROW, right_on="row", how="anti", maintain_order="left"), faults, form


def _refuse_points_of_thousands(path: Path, raw: pl.DataFrame, columns: Mapping[str, Column]) -> None:
    """Raises DataError, a line a column, for numbers such as ``1.250`` where a comma is free to stand before decimals and no cell says which sign does."""
    messages = []
    for name, column in columns.items():
        cells = raw[column.source or name].str.strip_chars()
        with_point = cells.filter(cells.str.contains(".", literal=True))
        if column.kind != "number" or column.decimal is not None or with_point.is_empty():
            continue
        if with_point.str.contains(POINT_OF_THOUSANDS).all() and not cells.str.contains(",", literal=True).any():
            messages.append(
                f"{path.name}: {column.source or name}: {with_point[0]!r} may be {with_point[0].replace('.', '')} or {float(with_point[0]):g}, and so may all "
                f"{len(with_point):,} cells with a point. Set decimal of the table to ',' or '.'."
            )
    if messages:
        raise DataError("\n".join(messages))


POINT_OF_THOUSANDS: Final = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"


def within(table: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """``table`` with a column for each of ``names`` that lies within another: ``items.item_id`` of a list of structs makes a row of each of these.

    Of several lists, whose elements nothing pairs, only one can be taken apart; DataError says so.
    """
    paths = {name: name.split(".") for name in names if "." in name and name not in table.columns}
    heads = {parts[0] for parts in paths.values() if parts[0] in table.columns}
    lists = sorted(head for head in heads if isinstance(table.schema[head], pl.List))
    if len(lists) > 1:
        raise DataError(f"columns within {' and '.join(lists)}: both are lists, and only one can make rows.")
    # A row whose list is empty stays, with nothing in these columns: whoever needs them refuses it by its row.
    rows = table
    if lists:
        elements = pl.col(lists[0])
        rows = table.with_columns(pl.when(elements.list.len() > 0).then(elements)).explode(lists[0])
    for name, (head, *inner) in paths.items():
        dtype: object = rows.schema.get(head)
        column = pl.col(head)
        for part in inner:
            fields = {field.name: field.dtype for field in dtype.fields} if isinstance(dtype, pl.Struct) else {}
            if part not in fields:
                break
            column, dtype = column.struct.field(part), fields[part]
        else:
            rows = rows.with_columns(column.alias(name))
    return rows


def _parquet(path: Path) -> pl.DataFrame:
    if not path.is_dir():
        return pl.read_parquet(path, glob=False)
    links = [one for one in sorted(path.rglob("*")) if one.is_symlink() and not one.is_file()]
    if links:
        raise DataError(
            f"{path.name}: {links[0].relative_to(path)} is a link to a folder or to nothing, and its parts would be left out. Put them there."
        )
    parts = sorted(path.rglob("*.parquet"))
    if not parts:
        raise DataError(f"{path.name}: the folder has no part that ends in .parquet. Was it written to the end?")
    tables = [_part(part, part.relative_to(path)) for part in parts]
    for part, table in zip(parts, tables, strict=True):
        _require_schema(part.relative_to(path), table, parts[0].relative_to(path), tables[0], path.name)
    return pl.concat([table.select(tables[0].columns) for table in tables])


def _require_schema(part: Path, table: pl.DataFrame, first_part: Path, first: pl.DataFrame, name: str) -> None:
    """Raises DataError where ``table`` has other columns than the ``first``, or one of them is stored as something else."""
    for one, other, place, beside in ((first, table, first_part, part), (table, first, part, first_part)):
        missing = [column for column in one.columns if column not in other.columns]
        if missing:
            raise DataError(
                f"{name}: {place} has a column {missing[0]!r}, and {beside} does not. Write all parts with the same columns."
            )
    for column, dtype in first.schema.items():
        if table.schema[column] != dtype:
            raise DataError(
                f"{name}: column {column!r} is stored as {dtype} in {first_part} and as {table.schema[column]} in {part}. Write it alike in all parts."
            )


def _part(part: Path, below: Path) -> pl.DataFrame:
    """One part, with the columns that the folders ``below`` the table say (``day=2026-11-26``), as texts; those above it say nothing."""
    pairs = [folder.partition("=") for folder in below.parts[:-1] if "=" in folder]
    columns = [
        pl.lit(None if value == _HIVE_NULL else unquote(value), pl.String).alias(name) for name, _, value in pairs
    ]
    return pl.read_parquet(part, glob=False, hive_partitioning=False).with_columns(columns)


_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def _is_table(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and (path.suffix == ".parquet" or any(path.rglob("*.parquet"))))


def _require_table(path: Path) -> None:
    if not _is_table(path):
        what = f"a link to {path.readlink()}, which leads to no file" if path.is_symlink() else "no file"
        raise DataError(f"{path}: it is {what}. Mend it, or take it away.")


def _json(path: Path) -> pl.DataFrame:
    """One array of rows, a row a line, or one object over many lines, which is one row: what its lists hold lies within it."""
    with path.open("rb") as stream:
        first_line = stream.readline().removeprefix(codecs.BOM_UTF8).strip()
    if first_line.startswith(b"{") and _is_json(first_line):
        return _json_lines(path)
    table = pl.read_json(path, infer_schema_length=None)
    refuse_doubled_keys(path, table, is_array=True)
    return table


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@contextmanager
def _lines_of(path: Path) -> Iterator[IO[bytes]]:
    """The file after its byte-order mark; its path would be taken for a pattern."""
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        yield file


def _json_lines(path: Path) -> pl.DataFrame:
    with _lines_of(path) as lines:
        table = pl.read_ndjson(lines, infer_schema_length=None)
    refuse_doubled_keys(path, table)
    return table


SUFFIXES: Final = (
    ".csv",
    ".csv.gz",
    ".csv.zip",
    ".tsv",
    ".tsv.gz",
    ".tsv.zip",
    ".zip",
    ".parquet",
    ".jsonl",
    ".jsonl.gz",
)
"""What a table's file in a folder may end in; a path that is set may also be a text file of another ending."""
JSON: Final = (".jsonl", ".ndjson", ".json")
_READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".jsonl.gz": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".json.gz": _json_lines,
}


def _why(path: Path, settings: TableSettings, names: Sequence[str], error: BaseException) -> str:
    first_line = str(error).partition("\n")[0].rstrip(".")
    if path.name.removesuffix(".gz").endswith(JSON) and _is_python(path):
        return (
            'its rows are written as Python writes them, which is no JSON. Write them anew: python -c "import ast, json, sys; '
            '[print(json.dumps(ast.literal_eval(row))) for row in sys.stdin]" < OLD > NEW.'
        )
    if path.is_dir() or path.name.endswith(tuple(_READERS)):
        return f"it cannot be read: {first_line}."
    if "utf-8" in str(error).lower():
        return "it is not UTF-8 all through. Set encoding."
    if any(words in str(error) for words in ("found more fields", "could not parse", "malformed")):
        form = text_format(path, settings, names)
        return long_row(path, form) if "found more fields" in str(error) else malformed_quote(path, form)
    return f"it cannot be read: {first_line}."


def _is_python(path: Path) -> bool:
    with unpacked(path) as stream:
        row = stream.readline()
    try:
        return not _is_json(row) and isinstance(ast.literal_eval(row.decode().strip()), dict)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def _listed(names: Sequence[str]) -> str:
    """Names of columns in a line: what a damaged file calls its columns may be anything, and many."""
    plain = [name if name.isprintable() else repr(name) for name in names[:MOST_COLUMNS]]
    cut = [name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…" for name in plain]
    return ", ".join([*cut, *([f"… ({len(names):,} in all)"] if len(names) > MOST_COLUMNS else [])])


def _require_named(path: Path, there: Sequence[str], settings: TableSettings) -> None:
    """Raises DataError for every column that the settings name and the file does not have, whether or not it is needed."""
    known = [name for name in there if name != ROW]
    messages = [
        f"{path.name}, row 1: there is no column {source!r}, which columns.{name} names; the columns are {_listed(known)}.{did_you_mean(source, known)}"
        for name, source in settings.columns.items()
        if source not in known
    ]
    if messages:
        raise DataError("\n".join(messages))


def _spelt(name: str) -> str:
    """A column's name without capitals and whatever stands between its words."""
    return re.sub(r"[\W_]", "", name.casefold())


def _present(path: Path, there: Sequence[str], columns: Mapping[str, Column], notes: list[str]) -> dict[str, Column]:
    sources = {name: column.source or name for name, column in columns.items()}
    known = [name for name in there if name != ROW]
    spare = [name for name in known if name not in sources.values()]
    read = {_spelt(source): source for source in sources.values() if source in known}
    notes += [column_beside(path.name, repr(name), repr(read[_spelt(name)])) for name in spare if _spelt(name) in read]
    missing = []
    for name, column in columns.items():
        if sources[name] in known:
            continue
        near = did_you_mean(sources[name], spare)
        if column.required and column.default is None:
            missing.append((sources[name], near))
        elif near:
            notes.append(column_left_out(path.name, repr(sources[name]), _listed(known), near.strip()))
    if missing:
        absent = " and no column ".join(repr(name) for name, _ in missing)
        hints = "".join(near for _, near in missing)
        raise DataError(
            f"{path.name}, row 1: there is no column {absent}; the columns are {_listed(known)}.{hints} Rename or add it."
        )
    return {name: column for name, column in columns.items() if sources[name] in known}
