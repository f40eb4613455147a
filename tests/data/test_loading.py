"""A folder of tables as a dataset, and rows that are set aside on the way."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from recsat import Column, ConfigError, DataError, Dataset, publisher_folder, read_dataset, rescale_ratings, set_aside
from recsat.config.tables import Tables
from recsat.data import loading
from recsat.data.validate import validate

ITEMS = {"item_id": Column(), "kind": Column(default="page"), "tags": Column(kind="list", default=())}
DAY = datetime(2024, 1, 2, tzinfo=UTC)


def write(folder: Path, **tables: str) -> Path:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


SMALL = {"items": "item_id\na\nb\n", "events": "user_id,item_id,event,timestamp\nu,a,click,2024-01-02\n"}


def test_items_and_events_are_enough(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path, **SMALL), items=ITEMS)
    assert data.items.select("item_id", "kind", "tags").rows() == [("a", "page", []), ("b", "page", [])]
    assert data.events.select("user_id", "item_id", "event", "value", "timestamp").rows() == [
        ("u", "a", "click", None, DAY)
    ]
    assert data.events.schema["value"] == pl.Float64
    assert data.users.is_empty()
    assert data.exposures is None
    assert data.ties is None
    assert data.quarantine.is_empty()
    assert data.source == f"Files in {tmp_path}."
    assert validate(data, "raise").items.columns == ["item_id", "kind", "tags"]


def test_other_tables_are_read_where_they_exist_and_are_asked_for(tmp_path: Path) -> None:
    header = "user_id,item_id,position,timestamp,policy,propensity,click"
    folder = write(
        tmp_path,
        **SMALL,
        users="user_id,age\nu,7\n",
        exposures=f"{header}\nu,a,1,2024-01-02,random,0.5,yes\n",
        ties="user_id,other_id\nu,v\n",
    )
    columns = {"user_id": Column(), "age": Column(kind="integer")}
    ties = {"user_id": Column(), "other_id": Column(), "timestamp": Column(kind="time", required=False)}
    data = read_dataset(folder, items=ITEMS, users=columns, ties=ties, source="Mine.")
    assert data.users.select("user_id", "age").rows() == [("u", 7)]
    assert data.exposures is not None
    assert data.exposures.select("propensity", "click").rows() == [(0.5, True)]
    assert data.ties is not None
    assert data.ties.select("user_id", "other_id", "timestamp").rows() == [("u", "v", None)]
    assert data.ties.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert data.source == "Mine."
    assert read_dataset(folder, items=ITEMS).ties is None


def test_a_time_format_is_for_every_time_that_has_none_of_its_own(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        items="item_id,day,second\na,02/01/2024,0\n",
        events="user_id,item_id,event,timestamp\nu,a,click,02/01/2024\n",
    )
    items = {**ITEMS, "day": Column(kind="time"), "second": Column(kind="time", time_format="unix")}
    data = read_dataset(folder, items=items, time_format="%d/%m/%Y")
    assert data.items.select("day", "second").rows() == [(DAY, datetime(1970, 1, 1, tzinfo=UTC))]
    assert data.events["timestamp"].to_list() == [DAY]


def test_faults_of_all_tables_are_told_together(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        items=SMALL["items"],
        events="user_id,item_id,event,timestamp\nu,a,click,2024-01-02\nu,a,click,soon\n",
        users="user_id,age\nu,old\n",
    )
    data = read_dataset(folder, items=ITEMS, users={"user_id": Column(), "age": Column(kind="number")})
    assert data.quarantine.select("file", "row", "value").rows() == [("events.csv", 3, "soon"), ("users.csv", 2, "old")]


@pytest.mark.parametrize("name", ["items", "events"])
def test_without_items_or_events_there_is_no_dataset(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path, **SMALL)
    (folder / f"{name}.csv").unlink()
    with pytest.raises(DataError, match=f"{name}: there is no such file"):
        read_dataset(folder, items=ITEMS)


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        (Column(default="x"), ["a", ""], ["a", "x"]),
        (Column(kind="number", default=0.5), ["2", ""], [2.0, 0.5]),
        (Column(kind="integer", default=3), ["2", ""], [2, 3]),
        (Column(kind="boolean", default=False), ["yes", ""], [True, False]),
        (Column(kind="list", default=()), ["a|b", ""], [["a", "b"], []]),
        (Column(kind="list", default=("z",)), ["a|b", ""], [["a", "b"], ["z"]]),
    ],
)
def test_a_default_stands_in_for_empty_cells_and_for_the_column(
    tmp_path: Path, column: Column, cells: list[str], expected: list[object]
) -> None:
    lines = [f"{i},{cell}" for i, cell in enumerate(cells)]
    folder = write(tmp_path, items="\n".join(["item_id,c", *lines, ""]), events=SMALL["events"])
    table = read_dataset(folder, items={"item_id": Column(), "c": column}).items
    assert table["c"].to_list() == expected
    without = read_dataset(write(tmp_path, **SMALL), items={"item_id": Column(), "c": column}).items
    assert without["c"].to_list() == [expected[1]] * 2
    assert without.schema["c"] == table.schema["c"]


def test_a_cell_that_cannot_be_read_is_a_fault_and_no_default(tmp_path: Path) -> None:
    folder = write(tmp_path, items="item_id,c\na,two\nb,2\n", events=SMALL["events"])
    data = read_dataset(folder, items={"item_id": Column(), "c": Column(kind="number", default=0.0)})
    assert data.items.select("item_id", "c").rows() == [("b", 2.0)]
    assert data.quarantine["value"].to_list() == ["two"]


def test_rows_that_are_set_aside_are_faults_with_their_place(tmp_path: Path) -> None:
    events = (
        "user_id,item_id,event,value,timestamp\nu,a,rate,9,2024-01-02\nu,b,rate,,2024-01-02\nv,a,rate,4,2024-01-02\n"
    )
    data = read_dataset(write(tmp_path, items=SMALL["items"], events=events), items=ITEMS)
    sound = set_aside(data, "events", pl.col("value") > 5, column="value", reason="is above 5", fix="Rescale.")
    assert sound.events["user_id"].to_list() == ["u", "v"], "what is not known to be bad stays"
    assert sound.quarantine.rows() == [("events.csv", 2, "value", "9.0", "is above 5", "Rescale.")]
    with pytest.raises(DataError, match=r"events\.csv, row 2: value '9\.0' is above 5\. Rescale\."):
        validate(sound, "raise")
    assert validate(sound, "quarantine").events.height == 2


def test_rows_of_a_table_made_in_memory_are_set_aside_by_its_name() -> None:
    data = Dataset(items=pl.DataFrame({"item_id": ["a", "b"]}), events=pl.DataFrame({"item_id": ["a"]}))
    sound = set_aside(data, "items", pl.col("item_id") == "b", column="item_id", reason="is b", fix="No.")
    assert sound.items["item_id"].to_list() == ["a"]
    assert sound.quarantine.select("file", "row", "value").rows() == [("items", 2, "b")]


def test_a_publishers_folder_is_the_one_that_is_set_or_lies_under_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RECSAT_DATA", "/data")
    assert publisher_folder("/mine", "set-2k", "two") == Path("/mine")
    assert publisher_folder(None, "set-2k", "two") == Path("/data/set-2k")
    monkeypatch.delenv("RECSAT_DATA")
    with pytest.raises(ConfigError, match=r"layout 'two' reads .* RECSAT_DATA to the folder above set-2k/"):
        publisher_folder(None, "set-2k", "two")


FOREIGN = {
    "books": "ISBN;Book-Title\n1;A\n2;B\n2;B again\n",
    "clicks": "who;ISBN;what;when\nu;1;buy;1704153600\nu;2;look;1704153600\nv;;page;1704153600\n",
}


def mapped(**tables: object) -> Tables:
    items = {"path": "books.csv", "columns": {"item_id": "ISBN"}, "distinct": True}
    columns = {"user_id": "who", "item_id": "ISBN", "event": "what", "timestamp": "when"}
    return Tables.model_validate({"items": items, "events": {"path": "clicks.csv", "columns": columns}, **tables})


def test_a_mapping_reads_files_of_other_names(tmp_path: Path) -> None:
    names = {"buy": "purchase", "look": "view"}
    events = {**mapped().events.model_dump(), "event_names": names, "only_named": True}
    data = read_dataset(write(tmp_path, **FOREIGN), items=ITEMS, tables=mapped(events=events))
    assert data.items["item_id"].to_list() == ["1", "2"]
    assert data.events.select("user_id", "item_id", "event", "value", "timestamp").rows() == [
        ("u", "1", "purchase", None, DAY),
        ("u", "2", "view", None, DAY),
    ]
    assert data.notes == (
        "books.csv: read as semicolon-separated",
        "clicks.csv: read as semicolon-separated",
        "clicks.csv: when read as seconds since 1970",
        "events: 1 that event_names does not name are left out (page 1)",
    )


def test_a_default_stands_in_for_a_column_that_the_file_has_not(tmp_path: Path) -> None:
    events = {"path": "clicks.csv", "columns": {"user_id": "who", "item_id": "ISBN"}, "defaults": {"event": "read"}}
    data = read_dataset(write(tmp_path, **FOREIGN), items=ITEMS, tables=mapped(events=events))
    assert data.events["event"].to_list() == ["read"] * 3
    assert data.events["timestamp"].null_count() == 3


def test_every_table_that_cannot_be_read_is_told_with_its_settings(tmp_path: Path) -> None:
    tables = mapped(items={"columns": {"itme_id": "ISBN"}}, events={"path": "click.csv"}, users={"path": "u.csv"})
    with pytest.raises(DataError) as error:
        read_dataset(write(tmp_path, **FOREIGN, items="item_id\n1\n"), items=ITEMS, tables=tables)
    items, events, users = str(error.value).splitlines()
    assert (
        items
        == "columns.itme_id: the table has no such column. Did you mean 'item_id'? It has item_id, kind, tags. (domain_config.tables.items)"
    )
    assert "click.csv: there is no such file." in events
    assert events.endswith("Did you mean 'clicks.csv'? (domain_config.tables.events)")
    assert users.endswith("(domain_config.tables.users)")


def test_a_name_of_no_event_is_refused(tmp_path: Path) -> None:
    events = {**mapped().events.model_dump(), "event_names": {"bye": "purchase"}}
    with pytest.raises(
        DataError,
        match=r"event_names: no event is called 'bye'; they are called 'buy', 'look', 'page'\. Did you mean 'buy'",
    ):
        read_dataset(write(tmp_path, **FOREIGN), items=ITEMS, tables=mapped(events=events))


def test_a_position_stays_and_one_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    events = "user_id,item_id,event,position\nu,a,click,1\nu,b,click,first\n"
    data = read_dataset(write(tmp_path, items=SMALL["items"], events=events), items=ITEMS)
    assert data.events.select("item_id", "position", "timestamp").rows() == [("a", 1, None)]
    assert data.quarantine["value"].to_list() == ["first"]


@pytest.mark.parametrize(
    ("scale", "values", "stars", "bad"),
    [
        (None, [5.0, 0.0, 6.0], [5.0, 0.0], ["6.0"]),
        ((1, 5), [5.0, 1.0, 0.0], [5.0, 1.0], ["0.0"]),
        ((1, 10), [10.0, 1.0, 7.0, 11.0], [5.0, 0.5, 3.5], ["11.0"]),
        ((-10, 10), [10.0, -10.0, 0.0], [5.0, 0.0, 2.5], []),
        ((0, 1), [1.0, 0.0], [5.0, 0.0], []),
    ],
)
def test_ratings_of_another_scale_become_stars(
    scale: tuple[float, float] | None, values: list[float], stars: list[float], bad: list[str]
) -> None:
    events = pl.DataFrame({"event": ["rating"] * len(values) + ["play"], "value": [*values, 900.0]})
    data = rescale_ratings(Dataset(items=pl.DataFrame({"item_id": ["a"]}), events=events), scale)
    assert data.events["value"].to_list() == pytest.approx([*stars, 900.0])
    assert data.quarantine["value"].to_list() == bad


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(loading).failed == 0
