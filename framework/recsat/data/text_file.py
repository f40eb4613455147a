"""How a text file is written: encoding, separator, header. What nobody set is looked for, and what cannot be known is refused."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Final, Literal, TypeAlias

import polars as pl

from recsat.config.tables import SEPARATORS, TableSettings
from recsat.data.encodings import likely_encoding
from recsat.data.room import BYTES_OF_CELL, GIB, PART, require_room, require_room_of_lines
from recsat.errors import DataError

SAMPLE: Final = 1 << 18
"""Bytes from which separator and encoding are known."""
MOST_ABOVE: Final = 30
"""Lines among which the table must begin."""
MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
NAMES: Final = {"cp1252": "Latin-1", "utf_16": "UTF-16", "utf_32": "UTF-32", "utf_8": "UTF-8"}
NO_TEXT: Final = (".parquet", ".json", ".jsonl", ".ndjson", ".xlsx", ".xls", ".zip", ".gz")
PACKED: Final = (".gz", ".zip")
HIGHEST_RATIO: Final = 1032
"""Bytes that deflate makes of one at most."""
NO_SIGN: Final = "\x1f"
"""In the place of ``::``, which polars cannot part by."""
QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')
WHOLE_CELL: Final = r'^"((?:[^"]|"")*)"$'
QUOTED_ESCAPED: Final = re.compile(r'"(?:[^"\\]|\\.|"")*"', re.DOTALL)
"""A cell in whose quotes a backslash stands before what is part of the text."""
ESCAPE: Final = re.compile(r'\\(["\\])')
BLOCK: Final = re.compile(r"[^\s,;|:]+:")
"""A line that says for the rows below it of which item they are."""
MOST_OF_TITLE: Final = 40
OTHER_KINDS: Final = {
    b"PK\x03\x04": "a zip, as workbooks (.xlsx) are",
    b"\xd0\xcf\x11\xe0": "a workbook of an old format (.xls)",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "packed by gzip",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a SQLite database",
}
LINE_END: Final = re.compile(r"\r?\n")
SEP_LINE: Final = re.compile(r"^sep=(.)\r?\n", re.IGNORECASE)


Quotes: TypeAlias = Literal["doubled", "escaped", "plain"]
"""How a quote within a quoted cell is written: ``""`` or ``\\"``; or that quotes hold no cells together and are signs like others."""


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """``encoding`` None: UTF-8. ``row`` is the row, as a spreadsheet counts, of the first row of data."""

    separator: str
    encoding: str | None
    has_header: bool
    has_sep_line: bool
    above: tuple[str, ...] = ()
    """Lines above the header, such as a title, which are left out."""
    first_line: str
    quotes: Quotes = "doubled"

    @property
    def row(self) -> int:
        return 1 + self.has_header + self.n_above

    @property
    def n_above(self) -> int:
        """Lines before the table."""
        return self.has_sep_line + len(self.above)

    @property
    def words(self) -> str:
        """``semicolon-separated Latin-1 without a header``; empty for UTF-8 with commas and a header, and nothing above it."""
        word = next((word for word, sign in SEPARATORS.items() if sign == self.separator), f"{self.separator!r}")
        parts = [] if self.separator == "," else [f"{word}-separated"]
        parts += [] if self.encoding is None else [_name(self.encoding)]
        parts += [] if self.has_header else ["without a header"]
        if self.above:
            n = "line" if len(self.above) == 1 else f"{len(self.above)} lines"
            title = next((line for line in self.above if line.strip()), None)
            parts.append(
                f"without the {n} above the table ({'blank' if title is None else repr(title[:MOST_OF_TITLE])})"
            )
        parts += ['with \\" for a quote'] if self.quotes == "escaped" else []
        parts += ["with quotes that are signs of the text"] if self.quotes == "plain" else []
        return " ".join(parts)


def read_text_file(path: Path, settings: TableSettings, names: Sequence[str]) -> tuple[pl.DataFrame, TextFormat]:
    """The cells of a file as text, and how it was written. ``names`` are the columns that are looked for.

    Raises DataError where the encoding or the separator cannot be known, a cell cannot be read, or a column that is looked for comes
    twice; polars' own errors for what is no table at all.
    """
    _refuse_other_kinds(path)
    form = text_format(path, settings, names)
    _require_room_of_cells(path, 1 + form.first_line.count(form.separator), settings.max_unpacked_gib)
    if form.separator == "\t" and _has_quote(path) and _has_plain_quotes(path, form):
        form = replace(form, quotes="plain")
    try:
        table = _cells(path, form)
    except pl.exceptions.ComputeError as error:
        if "utf-8" in str(error).lower() and form.encoding is None and settings.encoding is None:
            # Signs that are not ASCII may all come after the sample.
            form = replace(form, encoding=likely_encoding(path.name, _all(path), names))
        elif form.quotes == "doubled" and _has_escapes(path, form):
            form = replace(form, quotes="escaped")
        else:
            raise
        table = _cells(path, form)
    if form.quotes == "doubled" and _has_backslash(table) and _has_escapes(path, form):
        form = replace(form, quotes="escaped")
        table = _cells(path, form)
    return _named(path, table, form, names), form


def _has_quote(path: Path) -> bool:
    """By its bytes, so that the lines of a file without any are not read for it."""
    with unpacked(path) as stream:
        return any(b'"' in part for part in iter(lambda: stream.read(PART), b""))


def _has_plain_quotes(path: Path, form: TextFormat) -> bool:
    """Whether quotes of a tab-separated file hold no cells together: some are within cells or open one that they do not close, and without them every line has as many cells as the first."""
    lines = physical_lines(path, form)
    lines = lines.filter(lines != "")
    quoted = lines.filter(lines.str.contains('"', literal=True))
    if quoted.is_empty() or lines.str.count_matches("\t", literal=True).n_unique() > 1:
        return False
    cells = quoted.str.split("\t").explode()
    return bool((cells.str.contains('"', literal=True) & ~cells.str.contains(WHOLE_CELL)).any())


def _has_backslash(table: pl.DataFrame) -> bool:
    return any(cells.str.contains("\\", literal=True).any() for cells in table)


def _has_escapes(path: Path, form: TextFormat) -> bool:
    """Whether a backslash before a quote makes it part of the text: by that more rows have as many cells as the first, or as many do and text follows such a quote."""
    text = _text(path, form)
    if '\\"' not in text:
        return False
    doubled, escaped = (
        _alike([line.count(form.separator) for line in LINE_END.split(quoted.sub("", text)) if line.strip()])
        for quoted in (QUOTED, QUOTED_ESCAPED)
    )
    goes_on = re.search(rf'\\"(?!\r?\n|\Z|{re.escape(form.separator)})', text) is not None
    return escaped > doubled or (escaped == doubled and goes_on)


def _require_room_of_cells(path: Path, n_columns: int, most_gib: float) -> None:
    """:func:`require_room_of_lines`, whose lines are counted only where a line for every byte would be too much."""
    size = path.stat().st_size
    most_lines = size * (HIGHEST_RATIO if path.suffix in PACKED else 1)
    if most_lines * n_columns * BYTES_OF_CELL > most_gib * GIB:
        with unpacked(path) as stream:
            require_room_of_lines(path.name, stream, n_columns, size, most_gib)


def _refuse_other_kinds(path: Path) -> None:
    """Raises DataError for a file of another kind under the name of a text file, and for one whose lines end as no reader here takes them."""
    head = _head(path)
    if head.count(b"\r") > 1 and b"\n" not in head:
        raise DataError(
            f"{path.name}: its lines end with a carriage return alone. Save it with line feeds, as all systems write them today."
        )
    kind = next((kind for mark, kind in OTHER_KINDS.items() if head.startswith(mark)), None)
    if kind is not None:
        raise DataError(
            f"{path.name}: by its first bytes it is {kind}. Save its table as CSV, or give the file the ending of its kind."
        )


def text_format(path: Path, settings: TableSettings, names: Sequence[str]) -> TextFormat:
    """How a file is written; ``names`` are the columns that are looked for. Raises DataError where encoding or separator cannot be known."""
    sample = _head(path)
    encoding = _encoding(path, sample, settings, names)
    text = sample.decode(encoding or "utf-8", errors="replace").removeprefix("\ufeff")
    sep_line = SEP_LINE.match(text)
    # Not by splitlines: a line separator of Unicode within a title parts no lines of a table.
    body = text[sep_line.end() :] if sep_line else text
    lines = LINE_END.split(body.removesuffix("\n"))[:200] if body else []
    lines = lines if len(sample) < SAMPLE else lines[:-1]
    if settings.skip_lines is None:
        _refuse_blocks(path, lines)
    n_above = lines_above(lines, names, settings.separator) if settings.skip_lines is None else settings.skip_lines
    above, lines = lines[:n_above], lines[n_above:]
    separator = settings.separator or (sep_line[1] if sep_line else _separator(path, lines, names))
    return TextFormat(
        separator=separator,
        encoding=encoding,
        has_header=_has_header(lines, separator, names) if settings.header is None else settings.header,
        has_sep_line=sep_line is not None,
        above=tuple(line.strip() for line in above),
        first_line=lines[0] if lines else "",
    )


def _refuse_blocks(path: Path, lines: Sequence[str]) -> None:
    """Raises DataError where lines of their own say of which item, or user, the rows below them are."""
    heads = [line for line in lines if BLOCK.fullmatch(line)]
    rows = [line for line in lines if line.strip() and not BLOCK.fullmatch(line)]
    if heads and rows and lines[0] == heads[0] and (len(heads) > 1 or heads[0][:-1].isdecimal()):
        raise DataError(
            f"{path.name}: lines such as {heads[0]!r} head the rows below them, as in the files of the Netflix Prize. Write what they say into each row: "
            f"{heads[0][:-1]},{rows[0][:MOST_OF_TITLE]}."
        )


def physical_lines(path: Path, form: TextFormat) -> pl.Series:
    """The file's lines from the header on, as they stand, whatever quotes say."""
    source = path if _is_read_as_it_is(path, form) else io.BytesIO(_text(path, form).encode())
    lines = pl.read_csv(
        source,
        has_header=False,
        separator=_absent_sign(path),
        truncate_ragged_lines=True,  # where every sign is in the file
        quote_char=None,
        new_columns=["line"],
        infer_schema=False,
        encoding="utf8-lossy",
        glob=False,
    )
    return lines.to_series().str.strip_prefix("\ufeff").fill_null("")


def _absent_sign(path: Path) -> str:
    """A control character that the file does not have, by which no line is parted."""
    absent = [chr(code).encode() for code in (*range(1, 9), *range(14, 32))]
    with unpacked(path) as stream:
        while len(absent) > 1 and (part := stream.read(PART)):
            absent = [sign for sign in absent if sign not in part] or absent[:1]
    return absent[0].decode()


def require_room_unpacked(path: Path, most_gib: float) -> None:
    """Raises DataError where a packed file holds more than ``most_gib``: a few kilobytes can unpack to what no memory holds.

    The sizes that packed files name cannot be trusted, so what may hold more is unpacked once to count, and not kept.
    """
    most = int(most_gib * GIB)
    if path.suffix not in PACKED or not path.is_file() or path.stat().st_size * HIGHEST_RATIO <= most:
        return
    with unpacked(path) as stream:
        n = 0
        while n <= most and (part := stream.read(SAMPLE)):
            n += len(part)
    require_room(path.name, n, path.stat().st_size, most_gib)


def count_separators(lines: pl.Series, separator: str) -> pl.Series:
    """How many separators a line has outside quotes."""
    return lines.str.replace_all(QUOTED.pattern, "").str.count_matches(separator, literal=True)


def _head(path: Path) -> bytes:
    with unpacked(path) as stream:
        return stream.read(SAMPLE)


def _all(path: Path) -> bytes:
    with unpacked(path) as stream:
        return stream.read()


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The file's bytes, unpacked where it is packed. Raises DataError where it is damaged, and for a zip that does not hold one table alone."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as packed:
                yield packed
        elif path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_one_table(path.name, archive)) as member:
                yield member
        else:
            with path.open("rb") as plain:
                yield plain
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path.name}: it cannot be unpacked ({error}). Pack it anew, or fetch it again.") from error


def _one_table(name: str, archive: zipfile.ZipFile) -> str:
    files = [file for file in archive.namelist() if not file.endswith("/") and not file.startswith("__MACOSX/")]
    files = [file for file in files if not PurePosixPath(file).name.lower().startswith((".", "readme", "licen"))]
    if len(files) == 1 and not files[0].endswith(NO_TEXT):
        return files[0]
    listed = ", ".join(files[:5]) or "nothing"
    raise DataError(f"{name}: it holds {listed}, and of a zip one text file alone is read as a table. Unpack it.")


def _encoding(path: Path, sample: bytes, settings: TableSettings, names: Sequence[str]) -> str | None:
    """None: UTF-8, which polars reads itself."""
    if settings.encoding is not None:
        return None if settings.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else settings.encoding
    marked = next((encoding for mark, encoding in MARKS if sample.startswith(mark)), None)
    if marked is not None:
        return None if marked == "utf-8-sig" else marked
    if sample[1:2] == b"\0" or sample[:1] == b"\0":
        return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    try:
        # The sample may end within a sign.
        _all(path).decode("utf-8") if len(sample) < SAMPLE else sample[: SAMPLE - 4].decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        if len(sample) == SAMPLE and error.start >= SAMPLE - 8:
            return None
        return likely_encoding(path.name, _all(path), names)
    return None


def _separator(path: Path, lines: Sequence[str], names: Sequence[str]) -> str:
    """The sign by which the header has most of ``names``; else the one that parts every line alike."""
    if not lines:
        return ","
    plain = [QUOTED.sub("", line) for line in lines if line.strip()]
    signs = [sign for sign in ("::", *SEPARATORS.values()) if sign in plain[0]]
    signs = [sign for sign in signs if not (sign == "|" and "::" in signs)]
    known = {sign: len({*_parts(lines[0], sign)} & {*names}) for sign in signs}
    most = max(known.values(), default=0)
    if most:
        signs = [sign for sign in signs if known[sign] == most]
    if len(signs) < 2:
        return signs[0] if signs else ","
    alike = {sign: _alike([line.count(sign) for line in plain]) for sign in signs}
    best = [sign for sign in signs if alike[sign] == max(alike.values())]
    # Of equals that which is a sign of sentences is none of tables, and a file that is called so is parted by tabs.
    best = [sign for sign in best if not all(re.findall(rf"{re.escape(sign)}(\s?)", "".join(plain)))] or best
    best = ["\t"] if "\t" in best and path.name.removesuffix(".gz").endswith(".tsv") else best
    if len(best) == 1:
        return best[0]
    listed = " or ".join(repr(sign) for sign in best)
    raise DataError(f"{path.name}: the cells may be parted by {listed}. Set separator.")


def lines_above(lines: Sequence[str], names: Sequence[str], separator: str | None = None) -> int:
    """How many lines stand above the table: a title, comments that begin with ``#``, and empty lines among these.

    The table begins with the first line that has as many cells as the line below it, at least twice as many as any line above has that is no comment. Where
    the first line has one of ``names`` there is nothing above it.

    >>> lines_above(["Sales of May", "", "user;item", "1;2"], [])
    2
    >>> lines_above(["user;item", "1;2"], [])
    0
    """
    signs = ["::", *SEPARATORS.values()] if separator is None else [separator]
    if not lines or any(_has_name(lines[0], sign, names) for sign in signs):
        return 0
    head = lines[:MOST_ABOVE]
    starts = [(sign, start) for sign in signs if (start := _start(head, sign)) is not None]

    def fitness(sign: str, start: int) -> tuple[bool, float, int]:
        counts = [QUOTED.sub("", line).count(sign) for line in head[start:] if line.strip()]
        return _has_name(head[start], sign, names), _alike(counts), -start

    return max(starts, key=lambda one: fitness(*one), default=("", 0))[1]


def _start(lines: Sequence[str], sign: str) -> int | None:
    """Where the table begins if its cells are parted by ``sign``; None where nothing is."""
    counts = [QUOTED.sub("", line).count(sign) + 1 for line in lines]
    most = 0
    for i, line in enumerate(lines[:-1]):
        n_cells = sum(map(bool, _parts(line, sign)))
        is_alike = counts[i] == counts[i + 1]
        is_comment = line.lstrip().startswith("#") and not is_alike
        if counts[i] > 1 and is_alike and 2 * n_cells > counts[i] and n_cells >= 2 * most:
            return i
        if not is_comment:
            most = max(most, n_cells)
    return None


def _has_name(line: str, sign: str, names: Sequence[str]) -> bool:
    parts = _parts(line.lstrip("# "), sign)
    return bool({*parts, *(re.sub(r"[\s-]+", "_", part.lower()) for part in parts)} & {*names})


def _alike(counts: list[int]) -> float:
    """Share of the lines with as many separators as the first."""
    return sum(count == counts[0] for count in counts) / len(counts)


def _parts(line: str, separator: str) -> list[str]:
    return [part.strip().strip('"').strip() for part in line.split(separator)]


def _has_header(lines: Sequence[str], separator: str, names: Sequence[str]) -> bool:
    by_number = [name for name in names if re.fullmatch(r"column_\d+", name)]
    return not by_number or bool({*_parts(lines[0] if lines else "", separator)} & {*names})


def _text(path: Path, form: TextFormat) -> str:
    try:
        text = _all(path).decode(form.encoding or "utf-8")
    except UnicodeDecodeError as error:
        encoding = form.encoding or "UTF-8"
        raise DataError(
            f"{path.name}: byte {error.start:,} cannot be read as {encoding}. Set encoding to the file's."
        ) from error
    text = text.removeprefix("\ufeff")
    text = SEP_LINE.sub("", text, count=1) if form.has_sep_line else text
    above = re.match(rf"(?:[^\n]*\n){{{len(form.above)}}}", text)
    text = text if above is None else text[above.end() :]
    return ESCAPE.sub(lambda pair: '""' if pair[1] == '"' else pair[1], text) if form.quotes == "escaped" else text


def _is_read_as_it_is(path: Path, form: TextFormat) -> bool:
    return form.encoding is None and not form.n_above and path.suffix.lower() != ".zip" and form.quotes != "escaped"


def _cells(path: Path, form: TextFormat) -> pl.DataFrame:
    is_plain = _is_read_as_it_is(path, form) and form.separator != "::"
    source: Path | io.BytesIO = path
    if not is_plain:
        text = _text(path, form)
        source = io.BytesIO((text.replace("::", NO_SIGN) if form.separator == "::" else text).encode())
    separator = NO_SIGN if form.separator == "::" else form.separator
    quote = None if form.quotes == "plain" else '"'
    table = pl.read_csv(
        source, infer_schema=False, separator=separator, quote_char=quote, has_header=form.has_header, glob=False
    )
    if quote is not None:
        return table
    whole = {
        name: pl.col(name).str.extract(WHOLE_CELL).str.replace_all('""', '"', literal=True) for name in table.columns
    }
    return table.with_columns(pl.coalesce(cells, pl.col(name)).alias(name) for name, cells in whole.items())


def _named(path: Path, table: pl.DataFrame, form: TextFormat, names: Sequence[str]) -> pl.DataFrame:
    """Columns without the white space around their names; one that is looked for comes once."""
    if not form.has_header:
        return table.rename({name: f"column_{i}" for i, name in enumerate(table.columns, start=1)})
    counts = Counter(_parts(form.first_line, form.separator))
    twice = [name for name in names if counts[name] > 1]
    if twice:
        raise DataError(
            f"{path.name}, row {form.row - 1}: column {twice[0]!r} is there {counts[twice[0]]} times. Rename or remove all but one."
        )
    stripped = [name.strip() for name in table.columns]
    return table.rename(dict(zip(table.columns, stripped, strict=True))) if len({*stripped}) == len(stripped) else table


def _name(encoding: str) -> str:
    plain = encoding.lower().replace("-", "_")
    return NAMES.get(plain, NAMES.get(plain.removesuffix("_le").removesuffix("_be"), encoding))
