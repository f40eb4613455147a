"""Data from a folder and from frames are read by the same rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from readers import events_frame, items_frame

import recsat
from recsat.config.tables import Tables
from recsat.data.faults import without_origins
from recsat.plugins import load_plugins


def test_frames_and_files_give_the_same_tables(tmp_path: Path) -> None:
    items_frame().write_csv(tmp_path / "items.csv")
    events_frame().write_csv(tmp_path / "events.csv")
    files = without_origins(recsat.load("content", folder=tmp_path))
    frames = without_origins(recsat.Dataset.from_frames(items_frame(), events_frame()))
    pandas = without_origins(recsat.Dataset.from_frames(items_frame().to_pandas(), events_frame().to_pandas()))
    for name in ("items", "events", "users"):
        assert_frame_equal(getattr(files, name), getattr(frames, name), check_column_order=False)
        assert_frame_equal(getattr(files, name), getattr(pandas, name), check_column_order=False)
    assert files.domain_config == {"folder": str(tmp_path), "layout": "tables"}


@pytest.mark.parametrize("domain", ["content", "ecommerce", "game", "social"])
def test_every_domain_takes_frames(domain: str) -> None:
    items = items_frame().with_columns(price=pl.lit(3.0), topics=pl.col("genres"))
    data = recsat.Dataset.from_frames(items, events_frame(), domain=domain)
    assert data.domain == domain
    assert data.events.height == 200
    assert load_plugins().domain(domain).config.model_validate(data.domain_config)


def test_a_fault_is_named_by_its_frame_and_row() -> None:
    events = events_frame().with_columns(pl.col("timestamp").dt.to_string("iso"))
    bad = pl.DataFrame({**events.row(0, named=True), "timestamp": "yesterday"})
    data = recsat.Dataset.from_frames(items_frame(), pl.concat([events, bad]))
    assert data.quarantine.select("file", "row", "column", "value").rows() == [
        ("events", 201, "timestamp", "yesterday")
    ]
    assert "1 faults in rows set aside" in repr(data)


def test_a_missing_column_is_named_by_its_frame() -> None:
    with pytest.raises(recsat.DataError, match="events, row 1: there is no column 'event'") as refusal:
        recsat.Dataset.from_frames(items_frame(), events_frame().drop("event"))
    assert ".parquet" not in str(refusal.value)


def test_without_a_folder_the_sample_is_loaded() -> None:
    data = recsat.load("content")
    assert data.items.height == 9742
    assert data.domain_config == {}


def test_settings_of_the_domain_are_checked() -> None:
    with pytest.raises(recsat.ConfigError, match=r"domain content: timestmap_format is no setting.*timestamp_format"):
        recsat.load("content", timestmap_format="unix")
    with pytest.raises(recsat.ConfigError, match=r"no plugin gives a domain 'kontent'\. Did you mean 'content'"):
        recsat.load("kontent")


def test_settings_of_the_domain_are_used() -> None:
    seconds = events_frame().with_columns(pl.col("timestamp").dt.epoch("s"))
    data = recsat.Dataset.from_frames(items_frame(), seconds, timestamp_format="unix")
    assert data.events["timestamp"][0] == events_frame()["timestamp"].dt.replace_time_zone("UTC")[0]
    assert data.domain_config["timestamp_format"] == "unix"


def test_ids_of_a_pandas_category_are_texts() -> None:
    items = items_frame().to_pandas()
    items["item_id"] = pd.Categorical(items["item_id"])
    data = recsat.Dataset.from_frames(items, events_frame())
    assert data.items.schema["item_id"] == pl.String
    assert set(data.items["item_id"]) == set(items_frame()["item_id"])


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"folder": "/data"}, "folder: "),
        ({"layout": "movielens"}, "layout: "),
        (
            {"tables": {"items": {"path": "a.csv"}, "events": {"path": "b.csv", "separator": ";"}}},
            "tables.items.path and tables.events.path: ",
        ),
        (
            {"folder": "/data", "tables": Tables.model_validate({"users": {"path": "u.csv"}})},
            "folder and tables.users.path: ",
        ),
    ],
)
def test_files_named_beside_frames_are_refused(settings: dict[str, Any], names: str) -> None:
    with pytest.raises(recsat.ConfigError) as refusal:
        recsat.Dataset.from_frames(items_frame(), events_frame(), **settings)
    assert str(refusal.value).startswith(names + "the tables are given as frames, and files beside them are not read.")


def test_what_says_how_frames_are_written_is_taken() -> None:
    frame = items_frame().rename({"title": "name"})
    data = recsat.Dataset.from_frames(
        frame, events_frame(), layout="tables", tables={"items": {"columns": {"title": "name"}}}
    )
    assert data.items["title"].null_count() == 0


@pytest.mark.parametrize("domain", ["content", "ecommerce", "game"])
def test_ties_for_a_domain_without_them_are_refused(domain: str) -> None:
    ties = pl.DataFrame({"user_id": ["u1"], "other_id": ["u2"]})
    with pytest.raises(recsat.DataError, match=f"^ties: domain {domain} has no such table"):
        recsat.Dataset.from_frames(items_frame(), events_frame(), ties=ties, domain=domain)


def test_notes_on_frames_name_the_frames() -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "title": ["A", "B"], "price": ["1.234,50", "1.234"]})
    events = pl.DataFrame(
        {"user_id": ["u", "v"], "item_id": ["a", "b"], "event": ["purchase"] * 2, "timestamp": ["2024-01-02"] * 2}
    )
    data = recsat.Dataset.from_frames(items, events, domain="ecommerce")
    assert data.items["price"].to_list() == [1234.5, 1234.0]
    assert data.notes == ("items: price read with a decimal comma",)
