"""Whatever stands in somebody's files, they are read or refused in words: 160 damaged folders over the four domains, and every way to store a column."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from recsat.data.validate import validate
from recsat.errors import RecsatError
from recsat.plugins import Plugins, load_plugins

DOMAINS = ["content", "ecommerce", "social", "game"]
FRAGMENTS = [
    '"', "\n", ",", ";", "\t", "\0", "nan", "None", "1e999", "-1", "99999999999999999999", "2024-13-45", "0001-01-01", "😀", "é", "\r", "\ufeff",
    "|", "inf", "=1+1", " ", "''", "user:1", "True", "9999999999999", "1.5", "١٢", "2024-01-01",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8", "utf-8", "latin-1", "utf-16", "cp1251"]
N = 12
COLUMNS: list[pl.Series] = [
    pl.Series([10**18 + i for i in range(N)]),
    pl.Series([float("nan"), float("inf"), 1e300, -0.0, 1.5, None] * 2, dtype=pl.Float64),
    pl.Series([date(1 + 800 * i, 1, 1) for i in range(N)]),
    pl.Series([datetime(9999, 1, 1)] * N),
    pl.Series([datetime(2024, 1, 1, tzinfo=UTC)] * N).dt.convert_time_zone("Asia/Tokyo"),
    pl.Series([clock(1, 2)] * N),
    pl.Series([timedelta(days=1)] * N),
    pl.Series([Decimal("1.50")] * N),
    pl.Series([True, None] * (N // 2)),
    pl.Series([None] * N),
    pl.Series([b"x"] * N),
    pl.Series([{"a": 1}] * N),
    pl.Series([[{"a": 1}]] * N),
    pl.Series([["a", None]] * N),
    pl.Series([[]] * N, dtype=pl.List(pl.String)),
    pl.Series([[1.5]] * N),
    pl.Series(["a", "", "nan", "Rating", "1.0", "x"] * 2, dtype=pl.Categorical),
    pl.Series([2**63 + 5] * N, dtype=pl.UInt64),
]


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(DOMAINS)


def tables() -> dict[str, pl.DataFrame]:
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(N)], "title": [f"Thing, {i}" for i in range(N)], "year": list(range(N)), "genres": ["a|b"] * N, "language": ["en"] * N})  # fmt: skip
    events = pl.DataFrame(
        {
            "user_id": [f"u{i}" for i in range(N)],
            "item_id": [f"i{i}" for i in range(N)],
            "event": ["rating"] * N,
            "value": [5.0] * N,
            "timestamp": [f"2024-01-{i + 1:02}T00:00:00Z" for i in range(N)],
        }
    )
    return {"items": items, "events": events}


def read(plugins: Plugins, domain: str, folder: Path, way: str) -> str:
    """``read``, or what is said of a refusal; anything else than a RecsatError is a fault of ours."""
    spec = plugins.domain(domain)
    try:
        data = spec.load(spec.config.model_validate({"layout": "tables", "folder": str(folder)}))
        validate(data, way, describe_item=spec.describe_item, events_of_domain=spec.events, topics=spec.topics)  # type: ignore[arg-type]
    except RecsatError as error:
        return str(error)
    return "read"


def damaged(text: str, draw: random.Random) -> str:
    for _ in range(draw.randrange(1, 4)):
        at, length = draw.randrange(len(text)), draw.choice([0, 0, 5, 30, 150])
        text = text[:at] + draw.choice(["", *FRAGMENTS]) + text[at + length :]
    return text or "\n"


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("way", ["raise", "quarantine"])
def test_damaged_text_files_are_read_or_refused_in_a_few_lines(
    plugins: Plugins, tmp_path: Path, domain: str, way: str
) -> None:
    sound = {name: table.write_csv() for name, table in tables().items()}
    outcomes = []
    for seed in range(20):
        draw = random.Random(f"{domain} {way} {seed}")
        broken, encoding = draw.choice(["items", "events"]), draw.choice(ENCODINGS)
        for name, text in sound.items():
            content = damaged(text, draw) if name == broken else text
            (tmp_path / f"{name}.csv").write_bytes(content.encode(encoding, errors="replace"))
        outcomes.append(read(plugins, domain, tmp_path, way))
    assert all(len(outcome.splitlines()) <= 25 for outcome in outcomes)
    assert way == "raise" or "read" in outcomes
    assert any(outcome != "read" for outcome in outcomes)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("table", ["items", "events"])
def test_a_column_stored_as_anything_is_read_or_refused(
    plugins: Plugins, tmp_path: Path, domain: str, table: str
) -> None:
    sound = tables()
    for name, other in sound.items():
        other.write_parquet(tmp_path / f"{name}.parquet")
    for column in [*sound[table].columns, "price", "position"]:
        for cells in COLUMNS:
            sound[table].with_columns(cells.alias(column)).write_parquet(tmp_path / f"{table}.parquet")
            assert read(plugins, domain, tmp_path, "quarantine")
