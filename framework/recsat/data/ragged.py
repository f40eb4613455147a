"""Rows of a text file that are not what they seem: too few cells, too many, or several rows that a quote made one."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from recsat.contract.dataset import no_quarantine
from recsat.data.faults import FILE, ROW, faults_at
from recsat.data.text_file import TextFormat, count_separators, physical_lines


def short_rows(path: Path, form: TextFormat, table: pl.DataFrame) -> pl.DataFrame:
    """Faults of rows with fewer cells than the header, which polars fills with nothing. ``table`` is what polars made of them."""
    cells = [name for name in table.columns if name != ROW]
    # Where quotes are signs like others every line has as many cells.
    if len(cells) < 2 or not table[cells[-1]].has_nulls() or form.quotes == "plain":
        return no_quarantine()
    lines = _with_rows(path, form)
    whole = ~lines["inside"] & (lines["quotes"] % 2 == 0) & (lines["line"].str.strip_chars() != "")
    n = count_separators(lines["line"], form.separator) + 1
    short = lines.with_columns(n=n).filter(whole & (n < len(cells))).filter(pl.col(ROW) >= form.row)
    # Rows that are empty but for separators were left out before.
    short = short.join(table.select(ROW), on=ROW, how="semi")
    reason = pl.format("is a row of {} cells where there are {} columns", pl.col("n"), pl.lit(len(cells)))
    return faults_at(_placed(short, path), "line", reason, "Write a separator for every empty cell too.")


def swallowed_rows(path: Path, form: TextFormat, table: pl.DataFrame) -> pl.DataFrame:
    """Faults of cells within which whole rows lie: a quote that somebody forgot to close made one cell of them.

    Every line of such a cell between its first and its last has as many separators as a row, and begins with a cell without white space, where
    the first column has none.
    """
    cells = [name for name in table.columns if name != ROW]
    if len(cells) < 2 or table.is_empty():
        return no_quarantine()
    n = len(cells) - 1
    first_is_word = not table[cells[0]].str.contains(r"\s").any()
    faults = [no_quarantine()]
    for name in cells:
        long = table.filter(pl.col(name).str.contains("\n", literal=True))
        if long.is_empty():
            continue
        inner = pl.col(name).str.split("\n").list.slice(1)
        sign = re.escape(form.separator)
        is_row = pl.element().str.count_matches(sign) == n
        if first_is_word:
            is_row &= pl.element().str.contains(rf"^\S+?{sign}")
        rows = inner.list.eval(is_row).list
        between = inner.list.head(inner.list.len() - 1).list.eval(is_row).list.all()
        bad = long.filter(rows.any() & between)
        reason = "has whole rows within its quotes"
        faults.append(
            faults_at(_placed(bad, path), name, reason, "Close the quote, or double one that is part of the text.")
        )
    return pl.concat(faults)


def long_row(path: Path, form: TextFormat) -> str:
    """Which line has more separators than the header, quoted parts aside."""
    lines = _with_rows(path, form)
    n = count_separators(lines["line"], form.separator) + 1
    longer = lines.with_columns(n=n).filter(n > n[0])
    word = "comma" if form.separator == "," else f"{form.separator!r}"
    fix = f"Put values that contain a {word} in double quotes, or set separator."
    if longer.is_empty():
        return f"a row has more cells than the header. {fix}"
    more = f" ({longer.height:,} such rows)" if longer.height > 1 else ""
    return f"row {longer[ROW][0]} has {longer['n'][0]} cells and the header {n[0]}{more}. {fix}"


def malformed_quote(path: Path, form: TextFormat) -> str:
    """Which line has a quote that opens a cell and does not close it."""
    fix = 'Close it, or put the whole cell in double quotes and write "" for each of its own.'
    sign = re.escape(form.separator)
    lines = _with_rows(path, form)
    after = lines.filter(pl.col("line").str.contains(rf'(?:^|{sign})"(?:[^"]|"")*"[^"{sign}\r\n]'))
    unclosed = lines.filter((pl.col("quotes") % 2 == 1) & ~pl.col("inside"))
    for rows, what in (
        (after, "text stands behind a closing quote"),
        (unclosed, "a quote opens a cell and nothing closes it"),
    ):
        if rows.height:
            return f"row {rows[ROW][0]}: {what}: {rows['line'][0][:80]!r}. {fix}"
    return f"a quote opens a cell and nothing closes it. {fix}"


def _with_rows(path: Path, form: TextFormat) -> pl.DataFrame:
    """(line, quotes, inside, row): the file's lines, how many quotes each has, whether it begins within some, and its row as polars counts."""
    lines = physical_lines(path, form).to_frame("line").with_columns(quotes=pl.col("line").str.count_matches('"'))
    before = pl.col("quotes").cum_sum() - pl.col("quotes")
    lines = lines.with_columns(inside=before % 2 == 1)
    return lines.with_columns(((~pl.col("inside")).cum_sum() + form.n_above).cast(pl.Int64).alias(ROW))


def _placed(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    return rows.with_columns(pl.lit(path.name).alias(FILE))
