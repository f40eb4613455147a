"""An amount below nothing is a fault of its row, in every domain."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat import DataError
from recsat.data.validate import validate
from recsat.plugins import load_plugins

DOMAINS = ("content", "ecommerce", "social", "game")
HEADER = "user_id,item_id,event,value,timestamp,quantity,watched_percent"


def faults_of(domain: str, folder: Path, rows: list[str], **settings: object) -> list[tuple[int, str, str]]:
    (folder / "items.csv").write_text("item_id,title\na,A\nb,B\n", encoding="utf-8")
    (folder / "events.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    spec = load_plugins([domain]).domain(domain)
    data = spec.load(spec.config.model_validate({"layout": "tables", "folder": str(folder), **settings}))
    sound = validate(data, "quarantine")
    assert sound.events.height == len(rows) - sound.quarantine["row"].n_unique()
    return sound.quarantine.select("row", "column", "reason").rows()


@pytest.mark.parametrize("domain", DOMAINS)
def test_values_quantities_and_percentages_below_nothing_cost_their_rows(domain: str, tmp_path: Path) -> None:
    rows = [
        "u,a,play,1,2024-01-01,1,50",
        "u,b,view,0,2024-01-02,0,0",
        "v,a,play,-1,2024-01-03,1,100",
        "v,b,view,-0.5,2024-01-04,,",
        "w,a,play,2,2024-01-05,-2,",
        "w,b,play,3,2024-01-06,,-1",
        "x,a,play,3,2024-01-07,,101",
    ]
    assert faults_of(domain, tmp_path, rows) == [
        (4, "value", "is less than nothing"),
        (5, "value", "is less than nothing"),
        (6, "quantity", "is less than nothing"),
        (7, "watched_percent", "is not a percentage from 0 to 100"),
        (8, "watched_percent", "is not a percentage from 0 to 100"),
    ]


@pytest.mark.parametrize("domain", ["content", "ecommerce"])
def test_a_scale_of_ratings_may_begin_below_nothing(domain: str, tmp_path: Path) -> None:
    rows = ["u,a,rating,-3,2024-01-01,,", "u,b,rating,9,2024-01-02,,"]
    assert faults_of(domain, tmp_path, rows, rating_scale=[-10, 10]) == []
    assert faults_of(domain, tmp_path, [*rows[:1], "u,b,rating,3,2024-01-02,,"]) == [
        (2, "value", "is not between 0 and 5 stars")
    ]


@pytest.mark.parametrize("domain", ["content", "ecommerce"])
def test_ratings_out_of_another_number_than_the_scale_ends_at_are_refused(domain: str, tmp_path: Path) -> None:
    rows = ["u,a,rating,4/10,2024-01-01,,", "u,b,rating,3/10,2024-01-02,,"]
    with pytest.raises(
        DataError, match=r"all of it is out of 10, and ratings go up to 5\. Set rating_scale: \[\.\., 10\]"
    ):
        faults_of(domain, tmp_path, rows)
    assert faults_of(domain, tmp_path, rows, rating_scale=[0, 10]) == []
    in_stars = [row.replace("/10", "/5") for row in rows]
    assert faults_of(domain, tmp_path, in_stars) == []
    with pytest.raises(DataError, match=r"all of it is out of 5, and ratings go up to 10"):
        faults_of(domain, tmp_path, in_stars, rating_scale=[0, 10])


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_table_that_a_domain_does_not_have_is_refused_by_name_or_noted(domain: str, tmp_path: Path) -> None:
    spec = load_plugins([domain]).domain(domain)
    for name, text in {
        "items": "item_id,title\na,A\n",
        "events": "user_id,item_id,event,value,timestamp\nu,a,play,9,2024-01-01\n",
        "ties": "user_id,other_id\nu,v\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    settings = {"layout": "tables", "folder": str(tmp_path)}
    data = spec.load(spec.config.model_validate(settings))
    named = spec.config.model_validate({**settings, "tables": {"ties": {"separator": ","}}})
    if domain == "social":
        assert spec.load(named).ties is not None
        return
    assert data.ties is None
    assert "ties.csv is left out; the domain has no table ties" in data.notes
    with pytest.raises(DataError, match=r"^ties: the domain has no such table\..*domain_config\.tables\.ties"):
        spec.load(named)
    assert spec.load(spec.config.model_validate({**settings, "tables": {"ties": {}}})).events.height == 1


def test_what_is_no_number_is_left_to_other_checks() -> None:
    from recsat.data.faults import with_origin
    from recsat.data.schema import amount_faults

    events = with_origin(
        pl.DataFrame({"event": ["play", None], "value": [float("nan"), -1.0], "quantity": ["a", "b"]}), "events"
    )
    assert amount_faults(events)["row"].to_list() == [2]


BOUNDED = [
    ("content", "age_rating", -1, None),
    ("content", "year", 2101, None),
    ("content", "year", 0, None),
    ("content", "year", 2100, 2100),
    ("ecommerce", "price", -0.01, None),
    ("ecommerce", "price", 0.0, 0.0),
    ("game", "price", -0.01, None),
    ("game", "age_rating", -1, None),
    ("game", "age_rating", 0, 0),
]


@pytest.mark.parametrize(("domain", "column", "cell", "value"), BOUNDED)
def test_what_an_item_cannot_have_is_missing_and_counted(
    domain: str, column: str, cell: float, value: float | None, tmp_path: Path
) -> None:
    (tmp_path / "items.csv").write_text(f"item_id,title,{column}\na,A,{cell}\nb,B,5\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text(f"{HEADER}\nu,a,view,,2024-01-01,,\n", encoding="utf-8")
    spec = load_plugins([domain]).domain(domain)
    data = spec.load(spec.config.model_validate({"layout": "tables", "folder": str(tmp_path)}))
    assert data.items[column].to_list() == [value, 5]
    assert any(f"{column}: 1 cell (row 2" in note for note in data.notes) is (value is None)


@pytest.mark.parametrize(("layout", "domain", "columns"), [("lastfm", "social", "PLAYS"), ("steam", "game", "PLAY")])
def test_plays_of_less_than_nothing_cost_their_rows_in_files_of_publishers(
    layout: str, domain: str, columns: str
) -> None:
    from importlib import import_module

    column = getattr(import_module(f"recsat_{domain}.{layout}"), columns)["value"]
    assert column.least == 0
    assert column.costs_its_row


@pytest.mark.parametrize(
    ("cells", "read", "is_noted"),
    [
        (["0.8", "", "1"], [80.0, None, 100.0], True),
        (["80", "0.8", "1"], [80.0, 0.8, 1.0], False),
        (["0.8 %", "0.5 %", "1 %"], [0.8, 0.5, 1.0], False),
        (["0", "0", ""], [0.0, 0.0, None], False),
    ],
)
def test_shares_that_were_watched_are_read_as_percentages_and_said(
    cells: list[str], read: list[float | None], is_noted: bool, tmp_path: Path
) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n", encoding="utf-8")
    rows = [f"u{i},a,play,1,2024-01-0{i + 1},,{cell}" for i, cell in enumerate(cells)]
    (tmp_path / "events.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    spec = load_plugins(["content"]).domain("content")
    data = spec.load(spec.config.model_validate({"layout": "tables", "folder": str(tmp_path)}))
    assert data.events["watched_percent"].to_list() == read
    note = "events.csv: watched_percent lies between 0 and 1 and is read as shares: 0.8 is 80 %"
    assert (note in data.notes) is is_noted


AMBIGUOUS = "events.csv: value: '1.250' may be 1250 or 1.25, and so may all 2 cells with a point. Set decimal of the table to ',' or '.'."


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1.250", "2.500", "900"], AMBIGUOUS),
        (["1.250", "2.500", "9.5"], [1.25, 2.5, 9.5]),
        (["0.250", "2.500", "9"], [0.25, 2.5, 9.0]),
        (["1.250.000", "2.500", "9"], [1250000.0, 2500.0, 9.0]),
    ],
)
def test_a_point_that_may_part_thousands_is_refused_where_cells_are_parted_by_semicolons(
    cells: list[str], read: list[float] | str, tmp_path: Path
) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n", encoding="utf-8")

    def values(sign: str, **settings: str) -> list[float | None]:
        text = "\n".join(f"u{i}{sign}a{sign}play{sign}{cell}" for i, cell in enumerate(cells))
        (tmp_path / "events.csv").write_text(f"user_id{sign}item_id{sign}event{sign}value\n{text}\n", encoding="utf-8")
        spec = load_plugins(["content"]).domain("content")
        config = {"layout": "tables", "folder": str(tmp_path), "tables": {"events": settings}}
        return spec.load(spec.config.model_validate(config)).events["value"].to_list()

    if isinstance(read, list):
        assert values(";") == read
        return
    with pytest.raises(DataError) as refusal:
        values(";")
    assert read in str(refusal.value)
    assert values(";", decimal=",") == [1250.0, 2500.0, 900.0]
    assert values(";", decimal=".") == values(",") == [1.25, 2.5, 900.0]
