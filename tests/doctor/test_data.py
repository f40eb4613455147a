"""The doctor looks at a run's data, and says what is read, what is faulty, what is left and what can be answered."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from readers import events_frame, items_frame

from recsat import RunConfig
from recsat.doctor.data import diagnose_data
from recsat.doctor.machine import Check
from recsat.plugins import load_plugins


def checks(folder: Path, **settings: object) -> dict[str, Check]:
    config = {"domain_config": {"folder": str(folder), "layout": "tables"}, "data": {"min_item_events": 2}, **settings}
    return {check.name: check for check in diagnose_data(RunConfig.model_validate(config), load_plugins())}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    items_frame().write_csv(tmp_path / "items.csv")
    events_frame().write_csv(tmp_path / "events.csv")
    return tmp_path


def test_good_data_are_counted_and_every_split_is_looked_at(folder: Path) -> None:
    lines = checks(folder, splits=[{"name": "warm", "protocol": "random"}])
    assert list(lines) == ["data", "core", "split warm"]
    assert lines["data"].status == "ok"
    assert "24 items, 200 events of 20 users" in lines["data"].message
    assert "20 of 20 users" in lines["core"].message
    assert "train" in lines["split warm"].message


def test_faulty_rows_fail_or_warn_as_the_run_would_take_them(folder: Path) -> None:
    bad = pl.concat([events_frame().head(1).with_columns(item_id=pl.lit(f"x{i}")) for i in range(5)])
    pl.concat([events_frame(), bad]).write_csv(folder / "events.csv")
    data = checks(folder)["data"]
    assert data.status == "fail"
    assert "5 faults: events.csv, row 202: item_id 'x0' is not among the items." in data.message
    assert "x3" not in data.message
    assert "on_bad_rows" in data.advice
    assert checks(folder, data={"on_bad_rows": "quarantine", "min_item_events": 2})["data"].status == "warn"


def test_what_cannot_be_read_ends_the_diagnosis(tmp_path: Path) -> None:
    lines = checks(tmp_path / "absent")
    assert list(lines) == ["data"]
    assert "there is no such folder" in lines["data"].message


def test_a_core_that_leaves_nothing_fails_and_one_that_leaves_few_warns(folder: Path) -> None:
    assert checks(folder, data={"min_user_events": 99})["core"].status == "fail"
    one = events_frame().filter((pl.col("user_id") == "u1") | (pl.int_range(pl.len()).over("user_id") == 0))
    one.write_csv(folder / "events.csv")
    assert checks(folder, data={"min_user_events": 5, "min_item_events": 0})["core"].status == "warn"


def test_a_split_that_cannot_be_made_fails(folder: Path) -> None:
    events_frame().with_columns(timestamp=pl.lit("2024-01-01")).write_csv(folder / "events.csv")
    split = checks(folder, splits=[{"name": "timeline"}])["split timeline"]
    assert split.status == "fail"
