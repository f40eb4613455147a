"""Bad inputs that hypothesis draws, over every table of the four domains: no traceback, nothing wrong accepted, and what was not touched stays.

``RECSAT_ATTACKS=1000 pytest tests/data/test_attacks.py`` tries a thousand; without it there are a few, the same ones every time.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsat import Dataset
from recsat.data.columns import MISSING_WORDS
from recsat.data.schema import CENTURY, EPOCH
from recsat.data.validate import validate
from recsat.errors import RecsatError
from recsat.plugins import load_plugins

N_ATTACKS = int(os.environ.get("RECSAT_ATTACKS", "60"))
N = 12
MOST_LINES = 30
DOMAINS = ("content", "ecommerce", "social", "game")
WORTH = {"content": "play", "ecommerce": "purchase", "social": "play", "game": "play"}
CELLS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "nan",
            "None",
            "NULL",
            "inf",
            "-inf",
            "1e999",
            "-1",
            "0",
            "1.5",
            "1,5",
            "1.234,5",
            "99999999999999999999",
            "2024-13-45",
            "0001-01-01",
            "9999-12-31",
            "1704067200",
            "1704067200000",
            "31/12/2024",
            "True",
            "yes",
            "i1",
            "u1",
            "user:u1",
            "'",
            '"',
            "|",
            "a|b|",
            "=1+1",
            "😀",
            "é",
            "\u202e",
            "١٢",
            "２０２４-01-01",
            "\x1b[31m",
            "null",
            "-0.0",
            "0x10",
            "1_000",
            "{}",
            "[]",
            "NaT",
            "2090-01-01T00:00:00Z",
            "2999-12-31",
            "1850-06-01",
            "4102444799",
            "-3.5",
            "2e15",
            "-1e300",
            "101",
            "I1",
            "U1",
            "0i1",
            "i1\u200b",
            "a\x00b",
            "\x07",
            "a\u2066b",
            "a" * 1_001,
        ]
    ),
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
)
CHANGES: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "upper": lambda cells: cells.str.to_uppercase(),
    "blanks": lambda cells: pl.format(" {} ", cells),
    "zeros": lambda cells: pl.format("00{}", cells),
    "controls": lambda cells: pl.format("{}\x07", cells),
    "negative": lambda cells: pl.format("-{}", cells),
    "large": lambda cells: pl.format("{}e15", cells),
    "future": lambda cells: cells.str.replace("2024", "2090"),
    "distant": lambda cells: cells.str.replace("2024", "1024"),
    "same": lambda cells: cells.first(),
}
"""What may be wrong with every cell of a column."""
FRAGMENTS = st.one_of(
    st.sampled_from(
        [
            b"",
            b'"',
            b"\n",
            b"\r",
            b",",
            b";",
            b"\t",
            b"\0",
            b"\xff",
            b"\xef\xbb\xbf",
            b"\x1f\x8b",
            b"PAR1",
            b"PK\x03\x04",
            b"\xff\xfe",
            b"sep=;\n",
            b"\n" * 300,
            b"," * 300,
            b"{" * 300,
        ]
    ),
    st.binary(max_size=20),
)


def sound_tables(domain: str) -> dict[str, pl.DataFrame]:
    """Every table that domains read, with every column that they share and that this one has of its own."""
    numbers = list(range(N))
    times = [f"2024-01-{i + 1:02}T00:00:00Z" for i in numbers]
    of_items: dict[str, object] = {
        "item_id": [f"i{i}" for i in numbers],
        "title": [f"Name of {i}" for i in numbers],
        "genres": ["a|b"] * N,
        "topics": ["a|b"] * N,
        "categories": ["a|b"] * N,
        "year": [str(1990 + i) for i in numbers],
        "price": [f"{i}.5" for i in numbers],
        "description": ["some words"] * N,
        "released": times,
        "in_stock": ["true"] * N,
        "age_rating": ["12"] * N,
        "language": ["en"] * N,
    }
    known = {*load_plugins([domain]).domain(domain).columns["items"], "genres"}
    pairs = {"user_id": [f"u{i % 4}" for i in numbers], "item_id": [f"i{i}" for i in numbers]}
    tables = {
        "items": pl.DataFrame({name: cells for name, cells in of_items.items() if name in known}),
        "events": pl.DataFrame(
            {
                **pairs,
                "event": [WORTH[domain]] * N,
                "value": [f"{i + 1}.0" for i in numbers],
                "timestamp": times,
                "session_id": ["s"] * N,
                "quantity": ["1"] * N,
                "watched_percent": ["50"] * N,
            }
        ),
        "users": pl.DataFrame({"user_id": [f"u{i}" for i in range(4)]}),
        "exposures": pl.DataFrame(
            {
                **pairs,
                "position": ["1"] * N,
                "timestamp": times,
                "policy": ["p"] * N,
                "propensity": ["0.5"] * N,
                "click": ["true"] * N,
                "surface": ["home"] * N,
            }
        ),
    }
    if domain == "social":
        tables["ties"] = pl.DataFrame({"user_id": ["u0", "u1"], "other_id": ["u1", "u2"], "timestamp": times[:2]})
    return tables


@dataclass(frozen=True)
class Attack:
    """A folder of tables of which one is damaged; ``row`` and ``column`` where it is one cell, else None."""

    domain: str
    table: str
    files: dict[str, bytes]
    row: int | None
    column: str | None
    on_bad_rows: Literal["raise", "quarantine"]
    special: Literal["", "pipe", "dangling", "loop", "link"] = ""
    """What the table's file is in place of a file."""
    cells: pl.DataFrame | None = None
    """What the damaged table says, as texts; None where its bytes are damaged and nobody can say."""


@st.composite
def attacks(draw: st.DrawFn) -> Attack:
    domain = draw(st.sampled_from(DOMAINS))
    tables = sound_tables(domain)
    name = draw(st.sampled_from(list(tables)))
    table, row, column = tables[name], None, None
    suffix = draw(st.sampled_from(["csv", "csv", "csv", "jsonl", "parquet", "csv.gz"]))
    how = draw(
        st.sampled_from(["cell", "cell", "cell", "rows", "column", "whole", "bytes", "bytes", "parts", "special"])
    )
    if how == "cell":
        row, column = draw(st.integers(0, table.height - 1)), draw(st.sampled_from(table.columns))
        cells = table[column].to_list()
        cells[row] = draw(CELLS)
        table = table.with_columns(pl.Series(column, cells, dtype=pl.String))
    elif how == "rows":
        places = draw(st.lists(st.integers(0, table.height - 1), max_size=2 * N))
        table = table[places] if places else table.clear()
    elif how == "column":
        column_name = draw(st.sampled_from(table.columns))
        new = draw(st.one_of(st.none(), st.sampled_from([*table.columns, " ", "_row", "_file"]), st.text(max_size=8)))
        others = table.drop(column_name)
        table = (
            others
            if others.width and (new is None or new in others.columns)
            else table.rename({column_name: new or column_name})
        )
    elif how == "whole":
        of_column, change = draw(st.sampled_from(table.columns)), draw(st.sampled_from(list(CHANGES)))
        table = table.with_columns(CHANGES[change](pl.col(of_column)).cast(pl.String).alias(of_column))
    others = {f"{other}.csv": written(tables[other], "csv") for other in tables if other != name}
    way: Literal["raise", "quarantine"] = draw(st.sampled_from(["raise", "quarantine"]))
    if how == "parts":
        return Attack(domain, name, {**others, **parts_of(draw, name, table)}, None, None, way)
    content = written(table, suffix)
    if how == "special":
        kind: Literal["pipe", "dangling", "loop", "link"] = draw(st.sampled_from(["pipe", "dangling", "loop", "link"]))
        return Attack(domain, name, {**others, f"{name}.{suffix}": content}, None, None, way, kind)
    if draw(st.booleans()) and suffix in ("csv", "jsonl"):
        content = b"\xef\xbb\xbf" + content
    if how == "bytes":
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(FRAGMENTS) + content[at + draw(st.sampled_from([0, 0, 1, 10, 200])) :]
    encoding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-16", "latin-1", "cp1251"]))
    if suffix == "csv" and encoding != "utf-8" and how != "bytes":
        content = content.decode("utf-8-sig").encode(encoding, errors="replace")
        row = None if encoding != "utf-16" else row
    is_known = how != "bytes" and (encoding in ("utf-8", "utf-16") or suffix != "csv")
    return Attack(
        domain,
        name,
        {**others, f"{name}.{suffix}": content},
        row,
        column,
        way,
        cells=table.cast(pl.String) if is_known else None,
    )


def parts_of(draw: st.DrawFn, name: str, table: pl.DataFrame) -> dict[str, bytes]:
    """The table as Spark writes it, of which one part may have other columns, or is no Parquet."""
    rest = table[N // 2 :]
    kind = draw(st.sampled_from(["", "fewer", "more", "other", "damaged", "empty"]))
    match kind:
        case "fewer":
            rest = rest[:, : rest.width - 1]
        case "more":
            rest = rest.with_columns(more=pl.lit(1))
        case "other":
            rest = rest.with_columns(pl.lit(1).alias(draw(st.sampled_from(rest.columns))))
    last = written(rest, "parquet")
    last = {"damaged": last[: len(last) // 2], "empty": b""}.get(kind, last)
    return {
        f"{name}.parquet/part-0.parquet": written(table[: N // 2], "parquet"),
        f"{name}.parquet/part-1.parquet": last,
    }


def written(table: pl.DataFrame, suffix: str) -> bytes:
    if suffix == "parquet":
        buffer = io.BytesIO()
        table.write_parquet(buffer)
        return buffer.getvalue()
    text = table.write_ndjson() if suffix == "jsonl" else table.write_csv()
    return gzip.compress(text.encode()) if suffix == "csv.gz" else text.encode()


def read(attack: Attack, folder: Path) -> Dataset | str:
    """What is accepted, or what is said of the refusal."""
    for name, content in attack.files.items():
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        if not name.startswith(f"{attack.table}.") or not attack.special:
            place.write_bytes(content)
        elif attack.special == "pipe":
            os.mkfifo(place)
        elif attack.special == "link":
            (folder / "elsewhere").write_bytes(content)
            place.symlink_to("elsewhere")
        else:
            place.symlink_to(place if attack.special == "loop" else folder / "nowhere")
    spec = load_plugins([attack.domain]).domain(attack.domain)
    try:
        data = spec.load(spec.config.model_validate({"layout": "tables", "folder": str(folder)}))
        return validate(
            data,
            attack.on_bad_rows,
            describe_item=spec.describe_item,
            events_of_domain=spec.events,
            topics=spec.topics,
        )
    except RecsatError as error:
        return str(error)


def wrongs(data: Dataset) -> list[str]:
    """What no data may have, whatever was in the files."""
    tables = {"items": data.items, "users": data.users, "events": data.events}
    tables |= {name: table for name in ("exposures", "ties") if (table := getattr(data, name)) is not None}
    end = datetime.now(UTC) + timedelta(days=1)
    known = data.events["timestamp"].drop_nulls()
    is_over = len(known) > 0 and 2 * int((known > end).sum()) < len(known)
    faults: list[str] = []
    for name, table in tables.items():
        for column in ("user_id", "item_id"):
            if column in table.columns and (
                table[column].null_count() or table[column].is_in([*MISSING_WORDS, ""]).any()
            ):
                faults.append(f"{name}.{column} is empty or a word for nothing")
        for column in ("user_id", "item_id", "other_id", "event", "policy"):
            cells = table[column].drop_nulls() if column in table.columns else pl.Series(dtype=pl.String)
            if cells.str.contains(r"\p{Cc}").any() or (cells.str.len_bytes() > 1_000).any():
                faults.append(f"{name}.{column} is nothing that people can write")
        for column, kind in table.schema.items():
            if kind.is_float() and not table[column].drop_nulls().is_finite().all():
                faults.append(f"{name}.{column} is not finite")
            if kind.is_float() and (table[column].drop_nulls().abs() > 1e15).any():
                faults.append(f"{name}.{column} is larger than any amount")
            if column in ("value", "quantity", "price", "watched_percent", "age_rating") and (table[column] < 0).any():
                faults.append(f"{name}.{column} is less than nothing")
        if "timestamp" in table.columns:
            moments = table["timestamp"].drop_nulls()
            if not ((moments >= EPOCH) & (moments < CENTURY)).all():
                faults.append(f"{name}.timestamp lies outside of the years of logs")
            if is_over and (moments > end).any():
                faults.append(f"{name}.timestamp has not happened yet")
    for key, table in (("item_id", data.items), ("user_id", data.users)):
        if table[key].is_duplicated().any():
            faults.append(f"{key} is there twice")
    for name in ("events", "exposures"):
        if name in tables and not tables[name]["item_id"].is_in(data.items["item_id"].implode()).all():
            faults.append(f"{name} are on unknown items")
    if data.exposures is not None:
        shares, places = data.exposures["propensity"], data.exposures["position"]
        if not ((shares > 0) & (shares <= 1)).all() or not (places >= 1).all():
            faults.append("a propensity or a position is none")
    return faults


COMPARED: dict[str, dict[str, Literal["text", "number", "time"]]] = {
    "items": {"item_id": "text", "title": "text"},
    "users": {"user_id": "text"},
    "events": {"user_id": "text", "item_id": "text", "event": "text", "value": "number", "timestamp": "time"},
    "exposures": {
        "user_id": "text",
        "item_id": "text",
        "policy": "text",
        "position": "number",
        "propensity": "number",
        "timestamp": "time",
    },
    "ties": {"user_id": "text", "other_id": "text", "timestamp": "time"},
}
ANY = "*"
"""Of a cell that may be read in several ways."""


def read_by_hand(text: str | None, kind: str) -> object:
    """What a cell says, read by hand: None for nothing, :data:`ANY` where that is not plain."""
    if text is None or not text.strip():
        return None
    text = text.strip()
    if any(unicodedata.category(sign) == "Cc" for sign in text) or text in MISSING_WORDS:
        return ANY
    if kind == "text":
        return text
    if kind == "number":
        return float(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text) else ANY
    is_moment = re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T00:00:00Z", text)
    return datetime.fromisoformat(text) if is_moment else ANY


def unsaid(name: str, table: pl.DataFrame, cells: pl.DataFrame) -> list[tuple[object, ...]]:
    """Rows of ``table`` that no row of ``cells`` says, each row once."""
    columns = COMPARED[name]
    rows = [
        tuple(read_by_hand(row.get(column), kind) for column, kind in columns.items())
        for row in cells.iter_rows(named=True)
    ]
    exact = Counter(row for row in rows if ANY not in row)
    vague = [row for row in rows if ANY in row]
    missing = []
    for row in table.select(*columns).iter_rows():
        if exact[row]:
            exact[row] -= 1
            continue
        like = next((one for one in vague if all(a in (ANY, b) for a, b in zip(one, row, strict=True))), None)
        if like is None:
            missing.append(row)
        else:
            vague.remove(like)
    return missing


def invented(attack: Attack, data: Dataset) -> list[str]:
    """What was accepted and stands in no file: values, and how often they stand there."""
    if attack.cells is None:
        return []
    files = {**sound_tables(attack.domain), attack.table: attack.cells}
    faults = []
    for name, cells in files.items():
        table: pl.DataFrame | None = getattr(data, name)
        if table is None or (name != attack.table and attack.table not in ("items", "events")):
            continue
        if name == "users" and attack.domain in ("social", "game"):  # who acts is one
            continue
        if (
            attack.domain == "social" and "item_id" in table.columns
        ):  # users are items too, and ties are events with them
            table = table.filter(~pl.col("item_id").str.starts_with("user:"))
        faults += [f"{name} has {row}, which no row says" for row in unsaid(name, table, cells)[:3]]
    words = {text.strip() for text in files["events"].get_column("event", default=pl.Series([""])).drop_nulls()}
    liked = data.events.filter(load_plugins([attack.domain]).domain(attack.domain).positive)
    liked = liked.filter(~pl.col("item_id").str.starts_with("user:"))
    if WORTH[attack.domain] not in words and liked.height:
        faults.append(f"{liked.height} events count as liked, and none of {words} is")
    return faults


def untouched(attack: Attack) -> pl.DataFrame:
    """(user_id, item_id, value) of the events that the damage of one cell leaves as they are."""
    events = sound_tables(attack.domain)["events"].select("user_id", "item_id", pl.col("value").cast(pl.Float64))
    if attack.row is None or attack.table not in ("items", "events"):
        return events if attack.row is not None else events.clear()
    return events.filter(pl.int_range(pl.len()) != attack.row)


@settings(
    max_examples=N_ATTACKS,
    derandomize=N_ATTACKS <= 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(attack=attacks())
def test_no_input_ends_in_a_traceback_or_in_wrong_data(attack: Attack) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome = read(attack, Path(folder))
    if isinstance(outcome, str):
        assert outcome.strip()
        assert len(outcome.splitlines()) <= MOST_LINES
        return
    assert wrongs(outcome) == []
    assert invented(attack, outcome) == []
    others = untouched(attack)
    accepted = outcome.events.join(others, on=["user_id", "item_id", "value"], how="semi")
    # A cell of a whole column may say how the column is to be read: a time unit, a decimal comma, another alphabet of ids.
    if attack.column in ("title", "description", "session_id", "policy", "surface", None):
        assert accepted.height >= others.height
