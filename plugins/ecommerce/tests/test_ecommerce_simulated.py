"""The simulated shop: its truth, its tables, and what a shop's demo must show."""

from __future__ import annotations

import polars as pl
import pytest

import recsat
from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE, load
from recsat_ecommerce.simulated import simulate

PAIR = ["user_id", "item_id"]


def test_the_shop_says_that_it_is_simulated_and_every_measure_of_behaviour_and_business_but_stars_has_its_events() -> (
    None
):
    data = load(EcommerceConfig(layout="simulated", simulated_users=60, simulated_items=40, simulated_seed=9))
    assert data.simulated
    assert data.source.startswith("Simulated")
    assert "seed 9" in data.source
    there = {*data.events["event"].unique(), "exposures"}
    assert {metric.name for metric in ECOMMERCE.metrics if not metric.needs <= there} == {"mean_rating"}


def test_another_seed_is_another_shop_and_the_same_seed_the_same() -> None:
    one, again, other = (simulate(50, 40, seed).data for seed in (1, 1, 2))
    assert one.events.equals(again.events)
    assert not one.events.equals(other.events)


def test_exposures_have_exact_propensities_and_no_hidden_truth() -> None:
    data = simulate(50, 40, 3).data
    assert data.exposures is not None
    assert not {"satisfaction", "examined"} & set(data.exposures.columns)
    by_item = data.exposures.group_by("item_id").agg(pl.col("propensity").unique())
    assert by_item["propensity"].list.len().max() == 1
    everything = by_item.select(pl.col("propensity").list.first().sum()).item()
    assert everything == pytest.approx(1, abs=1e-9) or by_item.height < data.items.height


def test_money_is_price_times_quantity_in_orders_of_one_page() -> None:
    data = simulate(80, 60, 4).data
    bought = data.events.filter(pl.col("event") == "purchase").join(data.items.select("item_id", "price"), on="item_id")
    assert bought.height > 200
    assert (bought["value"] - bought["quantity"] * bought["price"]).abs().max() < 1e-9  # type: ignore[operator]
    assert bought["order_id"].null_count() == 0
    assert bought.group_by("order_id").agg(pl.col("user_id").n_unique())["user_id"].max() == 1
    assert bought.height > bought["order_id"].n_unique(), "some orders have several products"


def test_clicks_are_views_and_what_is_hidden_was_shown_and_not_clicked() -> None:
    data = simulate(60, 40, 5).data
    assert data.exposures is not None
    keys = [*PAIR, "timestamp"]
    clicks = data.exposures.filter("click").select(keys)
    assert data.events.filter(pl.col("event") == "view").select(keys).sort(keys).equals(clicks.sort(keys))
    hidden = data.events.filter(pl.col("event") == "hide").select(keys)
    assert hidden.height > 0
    assert hidden.join(data.exposures.filter(~pl.col("click")), on=keys, how="anti").is_empty()


def test_a_folder_beside_the_simulated_layout_is_refused(tmp_path: object) -> None:
    with pytest.raises(recsat.ConfigError, match="layout 'simulated' reads no files"):
        recsat.load("ecommerce", folder=str(tmp_path), layout="simulated")


def test_python_reads_it_too() -> None:
    data = recsat.load("ecommerce", layout="simulated", simulated_users=40, simulated_items=20)
    assert data.simulated
    assert data.items.height == 20
