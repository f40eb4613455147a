"""The tables in a folder of somebody's files, as far as a look at the head of each can tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from recsat.config.tables import TableSettings
from recsat.data.columns import MISSING_WORDS, read_numbers
from recsat.data.moments import from_texts, unit_of
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
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%m %d, %Y",
)
WHOLE: Final = ("%a %b %d %H:%M:%S %z %Y",)
"""Moments whose date is in two pieces."""
DATE: Final = r"^(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[ -][A-Za-z]+[ -]\d{2,4}|(?:[A-Za-z]+|\d{1,2}) \d{1,2}, \d{4}|[A-Za-z]{3} [A-Za-z]{3} \d)"
CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
"""What follows a date."""
MOST_STARS: Final = 100
FEW_VALUES: Final = 21
FEW_ROWS: Final = 20
"""Among so few rows each may be of somebody else."""
MOST_BLANK: Final = 0.5
"""Share of cells with white space from which they are no ids."""
YES: Final = frozenset({"1", "1.0", "true", "yes", "y", "t", "ja", "oui", "si", "sí", "是"})
NO: Final = frozenset({"0", "0.0", "false", "no", "n", "f", "nein", "non", "否"})


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
        """Columns, and in the place of those that are structs or lists of them what lies within."""
        plain, inner = [], []
        for name, dtype in self.cells.schema.items():
            of_list = dtype.inner if isinstance(dtype, pl.List) else dtype
            if isinstance(of_list, pl.Struct):
                inner += [f"{name}.{one.name}" for one in of_list.fields]
            else:
                plain.append(name)
        return [*plain, *inner]


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
    """Whether a row that should name the columns has a number or a date in it."""
    cells = [cell.partition("_duplicated")[0] for cell in first]
    return any(_is_number(cell) or from_texts(pl.Series([cell]), None).item() is not None for cell in cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def columns_by_content(table: ForeignTable) -> dict[str, str]:
    """``user_id``, ``item_id``, ``value`` and ``timestamp`` of a table without names, by what is in its columns.

    The time is the column of plausible numbers since 1970 or of dates, the value of those of few numbers up to a hundred the one with the fewest. Of the other two, the item is the
    one whose ids look like products', else the second. Neither is a column that says something else in every row, such as the row's number, nor one of sentences or
    of lists.
    """
    cells = table.cells.head(100_000)
    roles, n_values = dict[str, str](), dict[str, int]()
    for name in cells.columns:
        numbers = cells[name].cast(pl.Float64, strict=False)
        if "timestamp" not in roles and (date_formats(table, name) or _is_iso(cells[name])):
            roles["timestamp"] = name
            continue
        if numbers.null_count() > cells[name].null_count() or not len(numbers.drop_nulls()):
            continue
        try:
            is_time = unit_of(numbers) is not None
        except DataError:
            is_time = False
        if is_time and "timestamp" not in roles:
            roles["timestamp"] = name
        elif numbers.n_unique() <= FEW_VALUES and float(numbers.max() or 0) <= MOST_STARS:  # type: ignore[arg-type]
            n_values[name] = numbers.n_unique()
    if n_values:
        roles["value"] = min(n_values, key=lambda name: n_values[name])
    ids = [name for name in cells.columns if name not in roles.values() and _may_be_ids(cells[name])][:2]
    if len(ids) == 2:
        first, second = ids
        swapped = _share_of_products(cells[first]) > _share_of_products(cells[second])
        roles |= {"user_id": second, "item_id": first} if swapped else {"user_id": first, "item_id": second}
    return roles


def _is_iso(cells: pl.Series) -> bool:
    dates = cells.cast(pl.String).drop_nulls().head(1_000)
    return len(dates) > 0 and dates.str.contains("-", literal=True).all() and from_texts(dates, None).null_count() == 0


def _may_be_ids(cells: pl.Series) -> bool:
    texts = cells.cast(pl.String).drop_nulls()
    is_repeated = texts.n_unique() < len(texts) or len(texts) < FEW_ROWS
    return is_repeated and float(texts.str.contains(r"\s").mean() or 0) < MOST_BLANK  # type: ignore[arg-type]


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
    forms: dict[str, pl.Series] = {}
    for form in (*(date + clock for date in DATES for clock in CLOCKS), *WHOLE):
        moments = from_texts(dates, form)
        if moments.null_count() == 0 and not any(moments.equals(others) for others in forms.values()):
            forms[form] = moments
    return [*forms]


def yes_and_no(table: ForeignTable, column: str) -> tuple[list[str], list[str]] | None:
    """How a column of yes and no writes each; None where it is none of texts or whole numbers."""
    cells = table.cells.get_column(column)
    if not (cells.dtype == pl.String or cells.dtype.is_integer()):
        return None
    words = cells.cast(pl.String).str.strip_chars().drop_nulls().unique().sort().to_list()
    yes, no = ([word for word in words if word.lower() in known] for known in (YES, NO))
    return (yes, no) if yes and no and len(yes) + len(no) == len(words) else None


def _share_of_products(cells: pl.Series) -> float:
    share = cells.cast(pl.String).str.contains(f"{ASIN}|{ISBN}").mean()
    return float(share) if isinstance(share, int | float) else 0.0


def sound_numbers(table: ForeignTable, column: str) -> pl.Series:
    """The column's numbers without words for nothing."""
    cells = table.cells.get_column(column) if column in table.cells.columns else pl.Series(dtype=pl.String)
    if cells.dtype == pl.String:
        cells = cells.filter(~cells.str.strip_chars().is_in(list(MISSING_WORDS)).fill_null(value=True))
        cells = read_numbers(cells.str.strip_chars())
    return cells.cast(pl.Float64, strict=False).drop_nulls().drop_nans()


def words_of_ids(table: ForeignTable, column: str | None) -> set[str]:
    """What most ids of the items are, where their form says it."""
    if column not in table.cells.columns:
        return set()
    ids = table.cells[column].head(1_000).cast(pl.String).drop_nulls()
    of_products, of_books = int(ids.str.contains(ASIN).sum()), sum(map(_is_isbn, ids))
    return {word for word, n in (("asin", of_products), ("isbn", of_books)) if 2 * n > len(ids)}


def _is_isbn(text: str) -> bool:
    """By the last digit, which says of others of ten digits that they are none."""
    return (
        bool(re.match(ISBN, text))
        and sum((10 - i) * (10 if sign == "X" else int(sign)) for i, sign in enumerate(text)) % 11 == 0
    )
