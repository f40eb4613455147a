"""The simulated player: its truth, its tables, and what its demo must show."""

from __future__ import annotations

import polars as pl
import pytest

import recsat
from recsat_content.config import ContentConfig
from recsat_content.domain import CONTENT, load
from recsat_content.simulated import simulate

KEYS = ["user_id", "item_id", "timestamp"]


def test_the_player_says_that_it_is_simulated_and_every_measure_but_stars_has_its_events() -> None:
    data = load(ContentConfig(layout="simulated", simulated_users=60, simulated_items=60, simulated_seed=9))
    assert data.simulated
    assert data.source.startswith("Simulated")
    assert "seed 9" in data.source
    there = {*data.events["event"].unique(), "exposures"}
    assert {metric.name for metric in CONTENT.metrics if not metric.needs <= there} == {"mean_rating"}


def test_another_seed_is_another_player_and_the_same_seed_the_same() -> None:
    one, again, other = (simulate(50, 60, seed).data for seed in (1, 1, 2))
    assert one.events.equals(again.events)
    assert not one.events.equals(other.events)


def test_each_page_shows_one_kind_with_propensities_within_it() -> None:
    data = simulate(80, 60, 3).data
    assert data.exposures is not None
    assert not {"satisfaction", "examined"} & set(data.exposures.columns)
    log = data.exposures.join(data.items.select("item_id", "kind"), on="item_id")
    kinds = log.group_by("surface").agg(pl.col("kind").unique(), pl.struct("item_id", "propensity").unique())
    assert kinds["kind"].list.len().max() == 1
    assert kinds.height == 3
    for pairs in kinds["item_id"]:
        assert len(pairs) == pairs.struct.field("item_id").n_unique() == 20
        assert pairs.struct.field("propensity").sum() == pytest.approx(1)


def test_people_come_back_to_what_they_completed_and_no_row_is_there_twice() -> None:
    data = simulate(80, 60, 4).data
    plays = data.events.filter(pl.col("event") == "play")
    assert plays.group_by("user_id", "item_id").len().filter(pl.col("len") > 1).height > 50
    assert data.events.is_duplicated().sum() == 0
    complete = data.events.filter(pl.col("event") == "complete")
    assert 0 < complete.height < plays.height
    assert complete.join(plays, on=KEYS, how="anti").is_empty()


def test_clicks_are_views_and_what_is_skipped_was_not_clicked() -> None:
    data = simulate(60, 60, 5).data
    assert data.exposures is not None
    views = data.events.filter(pl.col("event") == "view").select(KEYS).sort(KEYS)
    assert views.equals(data.exposures.filter("click").select(KEYS).sort(KEYS))
    skips = data.events.filter(pl.col("event") == "skip")
    assert skips.height > 0
    assert skips.join(data.exposures.filter(~pl.col("click")), on=KEYS, how="anti").is_empty()


def test_a_folder_beside_the_simulated_layout_is_refused(tmp_path: object) -> None:
    with pytest.raises(recsat.ConfigError, match="layout 'simulated' reads no files"):
        recsat.load("content", folder=str(tmp_path), layout="simulated")
