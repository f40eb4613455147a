"""From what a file holds to typed columns: whatever cannot be read is a fault with its place, never a silent null."""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC as UTC_ZONE
from datetime import datetime
from typing import Literal

import polars as pl

from recsat.config.tables import TimeUnit
from recsat.contract.dataset import no_quarantine
from recsat.data.faults import FILE, faults_at, places
from recsat.data.moments import UNIX, UTC, from_hours, from_numbers, from_texts, unit_of, without_time
from recsat.data.notes import (
    as_hours,
    doubtful_words,
    since_1970,
    some_without_offset,
    unmatched_words,
    unparted_lists,
    unreadable_cells,
    with_decimal_comma,
    with_thousands,
    without_unit,
)
from recsat.errors import DataError

__all__ = ["UNIX", "UTC", "Column", "typed_table", "with_defaults"]

MISSING_WORDS = (
    "nan", "NaN", "NAN", "null", "NULL", "Null", "none", "None", "NONE", "n/a", "N/A", "#N/A", "NA", "<NA>", "NaT", "nil", "undefined", r"\N",
)  # fmt: skip
"""How programs write that there is nothing."""
WHOLE = r"^([+-]?\d+)\.0*$"
DECIMAL_COMMA = r"^[+-]?\d*,\d+$"
THOUSANDS = r"^[+-]?\d{1,3},\d{3}$"
GROUPED = {
    ",": r"^[+-]?\d{1,3}(?:[.\s’']\d{3})+(?:,\d+)?$",
    ".": r"^[+-]?\d{1,3}(?:[,\s’']\d{3})+(?:\.\d+)?$",
}
"""Numbers in groups of three digits, by the sign before their decimals."""
DECISIVE = {
    ",": r"^[+-]?\d{1,3}(?:\.\d{3})+,\d+$|^[+-]?\d{1,3}(?:\.\d{3}){2,}$|^[+-]?\d{1,3}(?:[\s’']\d{3})+,\d+$",
    ".": r"^[+-]?\d{1,3}(?:,\d{3})+\.\d+$|^[+-]?\d{1,3}(?:,\d{3}){2,}$|^[+-]?\d{1,3}(?:[\s’']\d{3})+\.\d+$",
}
"""Numbers that can be read with one sign before decimals alone."""
SPACED = r"^[+-]?\d{1,3}(?:[\s’']\d{3})+$"
UNITS = ("€", "$", "£", "¥", "₹", "₽", "₩", "%")
"""Signs beside numbers."""
OUT_OF = r"(/\s*(?:\d{1,2}|100))$"
"""Of how many a rating is: ``4/5``."""
LIST = r"(?s)^\[.*\]$"
"""A list as Python and JSON write it."""
ITEM = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,;|'"\[\]{}][^,\[\]{}]*""", re.DOTALL)
OFFSET = r"\d\s*(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
"""How a moment ends that says where it is."""
WORD = r"^\p{L}[\p{L} -]*$"
EXACT: Mapping[pl.DataType, int] = {pl.Float64(): 2**53, pl.Float32(): 2**24, pl.Float16(): 2**11}
"""Whole numbers from here on are not told apart where they are stored as floating point numbers."""
ROUNDED = r"^[+-]?\d(?:[.,]\d+)?E[+-]\d+$"
"""A long number as spreadsheets show it and write it: ``1.23E+12``."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """How one column of a file is read.

    ``kind``: ``text``, ``integer``, ``number``, ``boolean`` (true, false, yes, no, 1, 0), ``time`` (UTC, microseconds) or
    ``list`` (of texts, parted by ``separator``, or in brackets as Python and JSON write them). ``source`` is its name in the file where that is another one. A column
    that is not ``required`` may be missing, and is then missing in the result. One with a ``default`` may be missing too:
    the default stands in for it, and for empty cells. ``time_format``: None for ISO 8601, where a time without an offset is
    UTC, and for numbers since 1970; ``"unix"`` for numbers alone; or a pattern such as ``%d/%m/%Y``. ``time_unit`` is what the numbers count;
    None: the unit that gives years from 1980 to 2100.

    ``unreadable`` is what a cell costs that cannot be read: ``row`` its row, ``cell`` nothing but itself, which is then missing; None:
    ``cell`` where the column need not be there and has no default, else ``row``. ``missing`` are words that mean an empty cell; None: ``nan``,
    ``null``, ``None``, ``N/A`` and the like, which are faults in a text that must be there. ``decimal`` is the sign before decimals; None:
    a point, or a comma where that alone can be. ``words`` are cells of the file, each with what it stands for. Numbers below ``least`` or above ``most`` are cells that cannot be read.
    ``out_of`` is the highest rating: a column that names another one, as ``4/10`` does, is refused.
    """

    kind: Literal["text", "integer", "number", "boolean", "time", "list"] = "text"
    source: str | None = None
    required: bool = True
    default: str | float | bool | datetime | tuple[str, ...] | None = None
    separator: str = "|"
    time_format: str | None = None
    time_unit: TimeUnit | None = None
    unreadable: Literal["row", "cell"] | None = None
    missing: tuple[str, ...] | None = None
    words: tuple[tuple[str, str], ...] = ()
    decimal: Literal[".", ","] | None = None
    least: float | None = None
    most: float | None = None
    out_of: float | None = None

    @property
    def costs_its_row(self) -> bool:
        """Whether a cell that cannot be read is a fault of its row."""
        if self.unreadable is not None:
            return self.unreadable == "row"
        return self.required or self.default is not None


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A column in its type. Cells that are null here and not in the file could not be read, for ``reason``; ``notes`` say how the others were."""

    values: pl.Series
    reason: str = ""
    fix: str = ""
    notes: tuple[Callable[[str, str], str], ...] = ()


def typed(raw: pl.DataFrame, name: str, column: Column, notes: list[str]) -> tuple[pl.Series, pl.DataFrame, pl.Series]:
    """The column ``name`` of ``raw`` (its source column, with origin) in its type, its faults, and which rows these cost."""
    source = column.source or name
    nothing = pl.repeat(value=False, n=raw.height, dtype=pl.Boolean, eager=True)
    place = raw[FILE][0] if raw.height else ""
    stored = plain = _plain(raw[source], column.kind, name)
    if column.words and (plain.dtype == pl.String or plain.dtype.is_numeric()):
        words, meanings = (pl.Series(parts) for parts in zip(*column.words, strict=True))
        written, words = _comparable(plain, column), _comparable(words, column)
        if not written.is_in(words.implode()).any():
            _note_unmatched(notes, place, source, f"values.{name}", [word for word, _ in column.words], stored)
        plain = written.replace(words, meanings)
    cells, is_word = _without_words(plain, column)
    if column.missing and not is_word.any():
        _note_unmatched(notes, place, source, f"missing.{name}", column.missing, stored)
    if is_word.any() and column.missing is None:
        examples = _examples(raw[source].filter(is_word))
        is_needed = column.kind == "text" and ((column.required and column.default is None) or name == "title")
        if is_needed and _is_name(name):
            fix = f"Fill it in or take the row out. Where it is a value, set missing of the table to {{{name}: []}}."
            return cells, faults_at(raw.filter(is_word), source, "reads like a missing value", fix), is_word
        # A film may be called None; where there may be no value at all, the word is likelier to say that.
        notes.append(doubtful_words(place, source, _counted(int(is_word.sum())), examples, stay=is_needed))
        cells = plain if is_needed else cells
    if column.kind == "text" and name.endswith("_id") and cells.dtype == pl.String:
        is_rounded = cells.str.contains(ROUNDED).fill_null(value=False)
        if is_rounded.any():
            fix = "Export the column as text: the last digits are lost, and several ids may be one."
            return (
                cells,
                faults_at(raw.filter(is_rounded), source, "is a number that a spreadsheet has rounded", fix),
                is_rounded,
            )
    read = _within_bounds(_READERS[column.kind](cells, column), column)
    notes += [note(place, source) for note in read.notes]
    values = read.values.alias(name)
    bad = values.is_null() & cells.is_not_null()
    if not bad.any():
        return values, no_quarantine(), nothing
    if column.costs_its_row:
        fix = read.fix
        if column.kind == "number" and _are_words(cells, bad):
            fix = f"Write digits, or say what these words stand for: values of the table, {{{name}: {{Excellent: 5, Poor: 1}}}}."
        return values, faults_at(raw.filter(bad), source, read.reason, fix), bad
    rows = raw.filter(bad)
    notes.append(unreadable_cells(place, source, _counted(rows.height), places(rows, source)[1:-1], read.reason))
    return values, no_quarantine(), nothing


def _note_unmatched(
    notes: list[str], place: str, source: str, setting: str, words: Sequence[str], cells: pl.Series
) -> None:
    """Notes a setting whose words no cell is; a column without cells says nothing of it."""
    if cells.null_count() < len(cells) and not cells.dtype.is_nested():
        listed = ", ".join(f"'{word}'" for word in words[:3])
        notes.append(unmatched_words(place, source, setting, listed, _examples(cells.drop_nulls())))


def _are_words(cells: pl.Series, bad: pl.Series) -> bool:
    """Whether cells that are no numbers are words, and these the column's way of writing."""
    is_rule = 2 * int(bad.sum()) > len(cells) - cells.null_count()
    return is_rule and cells.dtype == pl.String and bool(cells.filter(bad).str.contains(WORD).all())


def _is_name(name: str) -> bool:
    """Whether a column says which one it is, or what happened."""
    return name.endswith("_id") or name == "event"


def _counted(n: int) -> str:
    return f"{n:,} cell{'' if n == 1 else 's'}"


def _examples(cells: pl.Series) -> str:
    return ", ".join(
        f"'{word}'" for word in cells.cast(pl.String).str.strip_chars().unique(maintain_order=True).head(3)
    )


_STORED: Mapping[str, str] = {
    "text": "text",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true and false",
    "time": "moments, or as text in ISO 8601",
    "list": "lists of texts, or as text with a separator",
}


def _plain(cells: pl.Series, kind: str, name: str) -> pl.Series:
    """Texts without white space at their ends, those of a list one after the other; an empty one is null. Raises DataError where what is stored can be no such column."""
    dtype = cells.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        cells, dtype = cells.cast(pl.String), pl.String()
    if dtype == pl.Null:
        return cells.cast(pl.String)
    if dtype == pl.String:
        text = cells.str.strip_chars()
        return text.set(text == "", None)
    if kind == "text" and dtype == pl.List(pl.String) and not _is_name(name):
        return cells.list.eval(pl.element().drop_nulls()).list.join(" ").str.strip_chars().replace("", None)
    if not _is_stored_as(dtype, kind):
        raise DataError(f"column {cells.name!r} is stored as {dtype}; write it as {_STORED[kind]}.")
    if dtype.is_float() and kind == "text":
        return cells.fill_nan(None)
    return cells


def _is_stored_as(dtype: pl.DataType, kind: str) -> bool:
    is_number = dtype.is_integer() or dtype.is_float() or dtype.is_decimal()
    match kind:
        case "text" | "integer" | "number":
            return is_number
        case "boolean":
            return dtype == pl.Boolean or dtype.is_integer() or dtype.is_float()
        case "time":
            return isinstance(dtype, pl.Datetime | pl.Date) or dtype.is_integer() or dtype.is_float()
        case _:
            inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else None
            return isinstance(inner, pl.String | pl.Categorical | pl.Enum | pl.Null) or bool(
                isinstance(inner, pl.DataType) and (inner.is_integer() or inner.is_float())
            )


def _comparable(cells: pl.Series, column: Column) -> pl.Series:
    """As text; of numbers 1.0 and 1 are one."""
    text = cells.cast(pl.String, strict=False)
    return text.str.replace(WHOLE, "${1}") if column.kind in ("number", "integer") else text


def _is_any_of(cells: pl.Series, words: Sequence[str], column: Column) -> pl.Series:
    among = _comparable(pl.Series(words, dtype=pl.String), column)
    return _comparable(cells, column).is_in(among.implode()).fill_null(value=False)


def _without_words(cells: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    """``cells`` in which words for nothing are null, and where these stood."""
    if cells.dtype == pl.String:
        words = MISSING_WORDS if column.missing is None else column.missing
        if column.kind == "number" and column.missing is None:  # NaN is a number, and no finite one
            words = tuple(word for word in words if word.lower() != "nan")
        is_word = _is_any_of(cells, words, column)
    elif column.missing:
        is_word = _is_any_of(cells, column.missing, column)
    else:
        is_word = pl.repeat(value=False, n=len(cells), dtype=pl.Boolean, eager=True)
    return cells.set(is_word, None) if not isinstance(cells.dtype, pl.List | pl.Array) else cells, is_word


def _text(cells: pl.Series, column: Column) -> Cells:
    if cells.dtype.is_float() or cells.dtype.is_decimal():
        numbers = cells.cast(pl.Float64)
        whole = (numbers == numbers.round()) & (numbers.abs() < EXACT.get(cells.dtype, EXACT[pl.Float64()]))
        values = pl.select(pl.when(whole).then(numbers.cast(pl.Int64, strict=False).cast(pl.String))).to_series()
        fix = "Write ids as text: what is stored as a number with decimals is rounded."
        return Cells(
            values=values, reason=f"is no whole number that {cells.dtype} holds exactly, and so no id or name", fix=fix
        )
    return Cells(values=cells.cast(pl.String, strict=False), reason="is not text", fix="Write it as text.")


def _within_bounds(read: Cells, column: Column) -> Cells:
    """``read`` without numbers that lie beyond what ``column`` may have; where there are any, that is told and not the form of others."""
    outside = pl.repeat(value=False, n=len(read.values), dtype=pl.Boolean, eager=True)
    bounds = []
    if column.least is not None:
        outside |= (read.values < column.least).fill_null(value=False)
        bounds.append(f"at least {column.least:g}")
    if column.most is not None:
        outside |= (read.values > column.most).fill_null(value=False)
        bounds.append(f"at most {column.most:g}")
    if not outside.any():
        return read
    fix = "Mend it, or leave the cell empty where it is not known."
    return replace(read, values=read.values.set(outside, None), reason=f"is not {' and '.join(bounds)}", fix=fix)


def _integer(cells: pl.Series, column: Column) -> Cells:
    if cells.dtype == pl.String:
        values = cells.str.replace(WHOLE, "${1}").cast(pl.Int64, strict=False)
    elif cells.dtype.is_float() or cells.dtype.is_decimal():
        whole = cells == cells.round()
        values = pl.select(pl.when(whole).then(cells.cast(pl.Int64, strict=False))).to_series()
    else:
        values = cells.cast(pl.Int64, strict=False)
    return Cells(
        values=values, reason="is not a whole number", fix="Write digits alone, without unit or thousands separator."
    )


def read_numbers(cells: pl.Series) -> pl.Series:
    """Cells as numbers, as a column of kind ``number`` reads them; null for what is none."""
    return _number(cells, Column(kind="number")).values


def _number(cells: pl.Series, column: Column) -> Cells:
    fix = "Write digits with a decimal point, without unit or thousands separator."
    if cells.dtype != pl.String:
        return Cells(values=cells.cast(pl.Float64, strict=False), reason="is not a number", fix=fix)
    cells, unit = _without_unit(cells)
    if column.out_of is not None and unit.startswith("/") and float(unit[1:]) != column.out_of:
        raise DataError(
            f"column {cells.name!r}: all of it is out of {unit[1:].strip()}, and ratings go up to {column.out_of:g}. "
            f"Set rating_scale: [.., {unit[1:].strip()}]."
        )
    sign = column.decimal or _decimal_sign(cells)
    plain = cells
    if sign == ",":
        is_grouped = cells.str.contains(GROUPED[","])
        plain = pl.select(pl.when(is_grouped).then(cells.str.replace_all(r"[.\s’']", "")).otherwise(cells)).to_series()
        # Beside decimal commas a point is none, and what it is nobody can say.
        plain = plain.set(plain.str.contains(".", literal=True), "").str.replace(",", ".", literal=True)
    elif sign == ".":
        is_grouped = cells.str.contains(GROUPED["."])
        plain = pl.select(pl.when(is_grouped).then(cells.str.replace_all(r"[,\s’']", "")).otherwise(cells)).to_series()
    values = plain.cast(pl.Float64, strict=False)
    if column.decimal == ",":
        return Cells(values=values, reason="is not a number with a decimal comma", fix="Mend it, or set decimal.")
    notes = [] if sign is None or column.decimal else [with_decimal_comma if sign == "," else with_thousands]
    notes += [functools.partial(without_unit, unit=unit)] if unit else []
    return Cells(values=values, reason="is not a number", fix=fix, notes=tuple(notes))


def _without_unit(cells: pl.Series) -> tuple[pl.Series, str]:
    """Numbers without the one sign of a currency, per cent, or scale (``4/5``) that all of them have; as they are where not all have it."""
    for unit in (*UNITS, *cells.drop_nulls().head(1).str.extract(OUT_OF).drop_nulls()):
        there = cells.str.ends_with(unit) if unit.startswith("/") else cells.str.contains(unit, literal=True)
        if there.any():
            bare = cells.str.replace(unit, "", literal=True).str.strip_chars()
            return (bare, unit) if there.all() and not bare.str.contains(r"[^\d.,\s’'+-]").any() else (cells, "")
    return cells, ""


def _decimal_sign(cells: pl.Series) -> str | None:
    """What stands before decimals where others than digits and one point are in numbers; None where that cannot be known, or need not.

    A number with both signs says it: ``1.234,50`` and ``1,234.50``. Where commas alone are there they are decimal ones unless all may part thousands.
    """
    others = cells.filter(cells.cast(pl.Float64, strict=False).is_null() & cells.is_not_null())
    if others.is_empty():
        return None
    by_sign = {sign: cells.str.contains(DECISIVE[sign]).any() for sign in GROUPED}
    if by_sign["."] != by_sign[","]:
        return "," if by_sign[","] else "."
    if by_sign["."]:
        return None
    return "." if others.str.contains(SPACED).all() else "," if _has_decimal_comma(cells, others) else None


def _has_decimal_comma(cells: pl.Series, others: pl.Series) -> bool:
    """Whether every one of the ``others`` among ``cells``, which are no numbers, is one with a decimal comma, and not all of these may be thousands."""
    with_point = cells.str.contains(".", literal=True).any()
    return (
        not with_point and bool(others.str.contains(DECIMAL_COMMA).all()) and not others.str.contains(THOUSANDS).any()
    )


def _boolean(cells: pl.Series, column: Column) -> Cells:
    if cells.dtype == pl.Boolean:
        return Cells(values=cells)
    text = cells.cast(pl.String).str.to_lowercase().str.replace(WHOLE, "${1}")
    when = pl.when(text.is_in(["true", "yes", "1"])).then(True).when(text.is_in(["false", "no", "0"])).then(False)
    return Cells(values=pl.select(when).to_series(), reason="is neither true nor false", fix="Write true or false.")


def _list(cells: pl.Series, column: Column) -> Cells:
    """Without blanks and nulls, which are no values, whether a file keeps lists or texts of them."""
    is_text = cells.dtype == pl.String
    parts = cells.str.split(column.separator) if is_text else cells.cast(pl.List(pl.String), strict=False)
    parts = parts.list.eval(pl.element().str.strip_chars())
    values = parts.list.eval(pl.element().filter(pl.element() != ""))
    if is_text:
        is_list = cells.str.contains(LIST).fill_null(value=False)
        if is_list.any():
            texts = cells.filter(is_list).unique()
            items = pl.Series([_items(text, column.separator) for text in texts], dtype=values.dtype)
            by_text = pl.DataFrame({"text": texts, "items": items})
            of_lists = cells.to_frame("text").join(by_text, on="text", how="left", maintain_order="left")["items"]
            values = pl.select(pl.when(is_list).then(of_lists).otherwise(values)).to_series()
    return Cells(
        values=values,
        notes=_unparted(cells, values, column),
        reason="is not a list",
        fix=f"Write the values with {column.separator!r} between them.",
    )


def _unparted(cells: pl.Series, values: pl.Series, column: Column) -> tuple[Callable[[str, str], str], ...]:
    """A note where no list has two items and most cells have another sign that parts lists elsewhere."""
    cells = cells.drop_nulls()
    n_cells = len(cells)
    if cells.dtype != pl.String or not n_cells or (values.list.len() > 1).any() or cells.str.contains(LIST).any():
        return ()
    for sign in OTHER_SEPARATORS:
        n = int(cells.str.contains(sign, literal=True).sum())
        if sign.strip() != column.separator.strip() and 2 * n > n_cells:
            return (
                functools.partial(
                    unparted_lists,
                    sign=repr(column.separator),
                    n=f"{n:,}",
                    cells=_counted(n_cells),
                    separator=repr(sign.strip()),
                ),
            )
    return ()


OTHER_SEPARATORS = (";", ", ", "|", " / ")
"""Signs that part lists; a comma without a blank, or a stroke, stands in names."""


def _items(text: str, separator: str) -> list[str] | None:
    """The items of a :data:`LIST`, words for nothing aside; None where it holds lists or objects."""
    inner = text[1:-1]
    if ITEM.sub("", inner).replace(separator, "").strip(", \t\r\n"):
        return None
    items = [
        [_unquoted(item)] if item[0] in "'\"" else [part for part in item.split(separator) if part not in MISSING_WORDS]
        for item in ITEM.findall(inner)
    ]
    return [plain for parts in items for part in parts if (plain := part.strip())]


def _unquoted(item: str) -> str:
    try:
        return str(json.loads(item)).encode(errors="replace").decode()  # half of a pair of surrogates is no text
    except json.JSONDecodeError:
        return re.sub(r"\\(['\"\\])", r"\1", item[1:-1])


FIRST_DAY, LAST_DAY = datetime(1, 1, 1, tzinfo=UTC_ZONE), datetime(9999, 12, 31, tzinfo=UTC_ZONE)
"""The dates that Python has."""


def _time(cells: pl.Series, column: Column) -> Cells:
    read = _moments(cells, column)
    sound = read.values.is_between(FIRST_DAY, LAST_DAY)
    return replace(
        read,
        values=read.values.set(~sound.fill_null(value=True), None),
        reason=read.reason or "is not a date",
        fix=read.fix or "Mend it.",
    )


def _moments(cells: pl.Series, column: Column) -> Cells:
    dtype, form = cells.dtype, column.time_format
    if isinstance(dtype, pl.Datetime):
        zoned = cells.dt.replace_time_zone("UTC") if dtype.time_zone is None else cells.dt.convert_time_zone("UTC")
        return Cells(values=zoned.cast(UTC))
    if dtype == pl.Date:
        return Cells(values=cells.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    numbers = cells.cast(pl.Float64, strict=False)
    if form == UNIX or column.time_unit is not None or dtype != pl.String:
        return _since_1970(numbers, column)
    if form is None and numbers.null_count() == cells.null_count() and len(numbers.drop_nulls()):
        return _since_1970(numbers, column)
    values = from_texts(cells, form)
    if form is None:
        has_clock = cells.str.contains(":", literal=True)
        has_offset = has_clock & cells.str.contains(OFFSET)
        n_bare = int((has_clock & ~has_offset).sum())
        mixed = has_offset.any() and n_bare > 0
        note = functools.partial(some_without_offset, n=f"{n_bare:,}", cells=_counted(int(has_clock.sum())))
        return Cells(
            values=values,
            reason="is not a date",
            fix="Use ISO 8601, or set timestamp_format.",
            notes=(note,) if mixed else (),
        )
    return Cells(values=values, reason=f"is not a date of the form {form}", fix="Mend it, or change timestamp_format.")


def _since_1970(numbers: pl.Series, column: Column) -> Cells:
    hours = from_hours(numbers) if column.time_unit is None and column.time_format != UNIX else None
    if hours is not None:
        reason, fix = "is not year, month, day and hour", "Mend it, or set time_unit where it counts since 1970."
        return Cells(values=hours, reason=reason, fix=fix, notes=(as_hours,))
    try:
        unit = column.time_unit or unit_of(numbers)
    except DataError as error:
        raise DataError(f"column {numbers.name!r}: {error} Or set time_unit.") from error
    if unit is None and column.time_format != UNIX:
        nothing = pl.repeat(None, len(numbers), dtype=UTC, eager=True)
        fix = "Set time_unit where it is a number since 1970, or timestamp_format to a pattern such as %Y%m%d."
        return Cells(
            values=nothing, reason="is not a date, nor a number since 1970 of a year from 1980 to 2100", fix=fix
        )
    is_zero = without_time(numbers, unit or "seconds")
    is_noted = column.time_unit is None and not (unit in ("seconds", None) and column.time_format == UNIX)
    return Cells(
        values=from_numbers(numbers.set(is_zero, None), unit or "seconds"),
        reason=f"is not a number of {unit or 'seconds'} since 1970{' other than 0' if is_zero.any() else ''}",
        fix="Leave the cell empty where the time is not known."
        if is_zero.any()
        else "Mend it, set time_unit where it counts something else, or timestamp_format to a pattern; empty is ISO 8601.",
        notes=(functools.partial(since_1970, unit=str(unit)),) if is_noted else (),
    )


_TYPES: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "time": UTC,
    "list": pl.List(pl.String()),
}
_READERS = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "list": _list,
}


def _default(name: str, column: Column) -> object:
    """The default of ``column`` in its type; raises DataError where it can be none."""
    value = list(column.default) if isinstance(column.default, tuple) else column.default
    is_written = isinstance(value, str) and column.kind != "text"
    if is_written or (isinstance(value, bool) and column.kind not in ("boolean", "text")):
        read = _READERS[column.kind](pl.Series([str(value)]), replace(column, time_format=None, time_unit=None))
        value = None if isinstance(value, bool) else read.values[0]
        if value is None:
            raise DataError(f"defaults.{name}: {column.default!r} {read.reason or 'is not a number'}. {read.fix}")
    return value


def with_defaults(table: pl.DataFrame, columns: Mapping[str, Column]) -> pl.DataFrame:
    """``table`` with the defaults of ``columns`` where it has no such column or no value. Raises DataError for a default that its column cannot have."""
    complete = []
    for name, column in columns.items():
        if column.default is not None:
            default = pl.lit(_default(name, column), dtype=_TYPES[column.kind])
            complete.append((pl.col(name).fill_null(default) if name in table.columns else default).alias(name))
    return table.with_columns(complete)


def typed_table(
    raw: pl.DataFrame, columns: Mapping[str, Column], keep: list[str], notes: list[str] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All of ``columns``, beside ``keep`` as it is, for the rows that have no fault; and the faults. How cells were read goes to ``notes``.

    Raises DataError that names every column that is stored as what it cannot be.
    """
    series, faults, costly, refused = [], [no_quarantine()], [], []
    for name, column in columns.items():
        try:
            values, of_column, rows = typed(raw, name, column, [] if notes is None else notes)
        except DataError as error:
            place = raw[FILE][0] if raw.height else "file"
            refused += [f"{place}: {line}" for line in str(error).splitlines()]
            continue
        series.append(values.alias(name))
        faults.append(of_column)
        costly.append(rows)
    if refused:
        raise DataError("\n".join(refused))
    table = pl.DataFrame(series).with_columns(raw.select(keep))
    bad = functools.reduce(operator.or_, costly) if costly else None
    return table if bad is None or not bad.any() else table.filter(~bad), pl.concat(faults)
