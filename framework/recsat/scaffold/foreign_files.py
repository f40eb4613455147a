"""The tables in a folder of somebody's files, as far as a look at the head of each can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from recsat.config.tables import TableSettings
from recsat.data.columns import MISSING_WORDS
from recsat.data.moments import unit_of
from recsat.data.reading import read_cells
from recsat.errors import DataError
from recsat.scaffold.column_names import SYNONYMS, plain_name

ENDINGS: Final = (
    ".csv",
    ".tsv",
    ".txt",
    ".dat",
    ".data",
    ".inter",
    ".item",
    ".user",
    ".jsonl",
    ".ndjson",
    ".json",
    ".parquet",
)
OTHERS: Final = {
    **dict.fromkeys((".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz"), "it is packed; unpack it"),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "it is a workbook; save its sheet as CSV"),
}
"""What to say of files that hold tables and are not read."""
ASIN, ISBN = r"^B0[0-9A-Z]{8}$", r"^\d{9}[\dX]$"
"""Ids of products at Amazon, and of books."""
DATES: Final = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
DATE: Final = r"^(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[ -][A-Za-z]+[ -]\d{4}|[A-Za-z]+ \d{1,2}, \d{4})"
CLOCKS: Final = ("", " %H:%M", " %H:%M:%S")
"""What follows a date."""
MOST_STARS: Final = 100
FEW_VALUES: Final = 21


@dataclass(frozen=True)
class ForeignTable:
    """A file, or a folder of Parquet parts, with its cells as they are stored."""

    path: str
    """Below the folder."""
    cells: pl.DataFrame
    settings: dict[str, object] = field(default_factory=dict)
    """What of :class:`~recsat.config.tables.TableSettings` must be set to read it as it was read here."""
    written: str = ""
    """How it was read, where that is not UTF-8 with commas and a header."""

    @property
    def names(self) -> list[str]:
        """Columns, and what lies within those that are structs or lists of them."""
        inner = []
        for name, dtype in self.cells.schema.items():
            of_list = dtype.inner if isinstance(dtype, pl.List) else dtype
            fields = of_list.fields if isinstance(of_list, pl.Struct) else []
            inner += [f"{name}.{one.name}" for one in fields]
        return [*self.cells.columns, *inner]


def foreign_tables(folder: Path) -> tuple[list[ForeignTable], list[str]]:
    """Every table of ``folder``, and a sentence for each file that is none or cannot be read without a word from somebody.

    Raises DataError where there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder. Check the path; it is taken from {Path.cwd()}.")
    if any(folder.glob("*.parquet")) and (folder / "_SUCCESS").exists():
        raise DataError(f"{folder}: it is one table of Spark's. Give the folder above it, {folder.parent}.")
    tables, others = [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if not (path.is_file() or path.is_dir()):
            others.append(f"{path.name}: neither a file nor a folder, left aside")
            continue
        if not _looks_like_a_table(path):
            others.append(f"{path.name}: {OTHERS.get(path.suffix.lower(), 'no table, left aside')}")
            continue
        try:
            tables.append(_foreign_table(path))
        except DataError as error:
            others.append(" ".join(str(error).splitlines()).rstrip("."))
    return tables, others


def _looks_like_a_table(path: Path) -> bool:
    if path.is_dir():
        return any(path.rglob("*.parquet"))
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((*ENDINGS, ".zip")) and not name.startswith("readme")


def _foreign_table(path: Path) -> ForeignTable:
    words = [name for synonyms in SYNONYMS.values() for name in synonyms]
    cells, form = read_cells(path, TableSettings(), words)
    header = {plain_name(name) for name in cells.columns}
    if form is not None and not header & {*words} and _is_data(cells.columns):
        cells, form = read_cells(path, TableSettings(header=False), words)
        return ForeignTable(path.name, cells, {"header": False}, f"{path.name}: {form.words}" if form else "")
    return ForeignTable(path.name, cells, {}, f"{path.name}: {form.words}" if form and form.words else "")


def _is_data(first: Sequence[str]) -> bool:
    """Whether a row that should name the columns has a number in it."""
    return any(_is_number(cell.partition("_duplicated")[0]) for cell in first)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def columns_by_content(table: ForeignTable) -> dict[str, str]:
    """``user_id``, ``item_id``, ``value`` and ``timestamp`` of a table without names, by what is in its columns.

    The time is the column of plausible numbers since 1970, the value one of few numbers up to a hundred. Of the other two, the item is the
    one whose ids look like products', else the second.
    """
    cells = table.cells.head(100_000)
    roles: dict[str, str] = {}
    for name in cells.columns:
        numbers = cells[name].cast(pl.Float64, strict=False)
        if numbers.null_count() > cells[name].null_count() or not len(numbers.drop_nulls()):
            continue
        try:
            is_time = unit_of(numbers) is not None
        except DataError:
            is_time = False
        if is_time and "timestamp" not in roles:
            roles["timestamp"] = name
        elif "value" not in roles and numbers.n_unique() <= FEW_VALUES and float(numbers.max() or 0) <= MOST_STARS:  # type: ignore[arg-type]
            roles["value"] = name
    ids = [name for name in cells.columns if name not in roles.values()][:2]
    if len(ids) == 2:
        first, second = ids
        swapped = _share_of_products(cells[first]) > _share_of_products(cells[second])
        roles |= {"user_id": second, "item_id": first} if swapped else {"user_id": first, "item_id": second}
    return roles


def date_formats(table: ForeignTable, column: str | None) -> list[str]:
    """The patterns by which every date of a column of texts can be read; empty where it needs none, since it is ISO 8601 or has numbers.

    Where no day is above the twelfth there are two.
    """
    cells = table.cells.get_column(column or "", default=None)
    if cells is None or cells.dtype != pl.String:
        return []
    dates = cells.str.strip_chars().filter(~cells.is_in(list(MISSING_WORDS)).fill_null(value=True))
    if not len(dates) or not dates.str.contains(DATE).all():
        return []
    if dates.str.contains(r"^\d{4}-").all():
        return []
    patterns = [date + clock for date in DATES for clock in CLOCKS]
    return [form for form in patterns if dates.str.to_datetime(form, strict=False, exact=True).null_count() == 0]


def _share_of_products(cells: pl.Series) -> float:
    share = cells.cast(pl.String).str.contains(f"{ASIN}|{ISBN}").mean()
    return float(share) if isinstance(share, int | float) else 0.0


def sound_numbers(table: ForeignTable, column: str) -> pl.Series:
    """The column's numbers without words for nothing."""
    cells = table.cells.get_column(column) if column in table.cells.columns else pl.Series(dtype=pl.String)
    if cells.dtype == pl.String:
        cells = cells.filter(~cells.str.strip_chars().is_in(list(MISSING_WORDS)).fill_null(value=True))
    return cells.cast(pl.Float64, strict=False).drop_nulls().drop_nans()


def words_of_ids(table: ForeignTable, column: str | None) -> set[str]:
    """What most ids of the items are, where their form says it."""
    if column not in table.cells.columns:
        return set()
    ids = table.cells[column].head(1_000).cast(pl.String)
    return {word for word, form in (("asin", ASIN), ("isbn", ISBN)) if float(ids.str.contains(form).mean() or 0) > 0.5}  # type: ignore[arg-type]
