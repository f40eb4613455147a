"""The simulated shop: its truth, its tables, and what a shop's demo must show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import recsat
from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import execute
from recsat.stages import PIPELINE
from recsat.testing.simulate import dense_ids, visit_rate
from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE, load, simulate_exposures
from recsat_ecommerce.simulated import Simulation, simulate

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


def listed(shop: Simulation, policy: np.ndarray, n: int) -> pl.DataFrame:
    """Lists of the ``n`` likeliest products of each customer."""
    best = np.argsort(-policy, axis=1, kind="stable")[:, :n]
    users = np.repeat(np.arange(len(best)), n)
    return pl.DataFrame(
        {"user_id": dense_ids("u", users), "item_id": dense_ids("p", best.ravel())},
    )


CONFIG = EcommerceConfig(layout="simulated", simulated_users=300, simulated_items=40, simulated_seed=6)


@pytest.fixture(scope="module")
def shop() -> Simulation:
    return simulate(CONFIG.simulated_users, CONFIG.simulated_items, CONFIG.simulated_seed)


def test_customers_react_to_lists_by_the_truth_that_made_the_shop(shop: Simulation) -> None:
    """Clicks per exposure of good and of bad lists are those that the world says."""
    satisfaction = shop.world.satisfaction
    for quality in (satisfaction, -satisfaction):
        lists = listed(shop, quality, 5)
        best = np.argsort(-quality, axis=1, kind="stable")[:, :5]
        policy = np.zeros_like(satisfaction)
        np.put_along_axis(policy, best, 0.2, axis=1)
        visits = visit_rate(shop.world, policy)
        rate = np.take_along_axis(satisfaction, best, axis=1).mean(axis=1) * shop.world.examination.mean()
        exposures = simulate_exposures(lists, CONFIG, 3)
        truth = float(visits @ rate / visits.sum())
        assert exposures["click"].mean() == pytest.approx(truth, rel=0.05)
        assert exposures.join(lists, on=PAIR, how="anti").is_empty()


def test_nobody_without_a_list_is_shown_anything_and_the_seed_decides_the_rest(shop: Simulation) -> None:
    lists = listed(shop, shop.world.satisfaction, 3).filter(pl.col("user_id") < "u00040")
    one, again, other = (simulate_exposures(lists, CONFIG, seed) for seed in (1, 1, 2))
    assert set(one["user_id"]) <= set(lists["user_id"])
    assert one.equals(again)
    assert not one.equals(other)


def test_money_is_of_clicks_and_a_topic_is_new_once(shop: Simulation) -> None:
    exposures = simulate_exposures(listed(shop, shop.world.satisfaction, 10), CONFIG, 1)
    assert (exposures.filter(~pl.col("click"))["spent"] == 0).all()
    bought = exposures.filter(pl.col("spent") > 0)
    clicks = exposures.filter("click").height
    assert bought.height / clicks == pytest.approx(0.56, abs=0.03)
    prices = bought.join(shop.data.items.select("item_id", "price"), on="item_id")
    assert (prices["spent"] / prices["price"]).round(6).is_in([1.0, 2.0, 3.0]).all()
    topic = shop.world.item_topics.argmax(axis=1)
    new = exposures.filter("new_topic")
    assert (
        not new.select("user_id", topic=topic[new["item_id"].str.slice(1).cast(int).to_numpy()]).is_duplicated().any()
    )
    clicked = exposures.filter("click")
    pairs = clicked.select("user_id", topic=topic[clicked["item_id"].str.slice(1).cast(int).to_numpy()]).n_unique()
    assert new.height == pairs


def test_the_table_of_all_evidence_is_full_where_the_simulator_shows_the_verdicts_two_arms(tmp_path: Path) -> None:
    sample = ECOMMERCE.samples["shop"]
    config = RunConfig.model_validate(
        {
            **sample,
            "domain": "ecommerce",
            "domain_config": {"layout": "simulated", "simulated_users": 100, "simulated_items": 40},
            "splits": sample["splits"][:1],
            "arms": ["popularity", "text", "ease"],
            "parameters": {"ease": {"l2": 50.0}},
            "measure": {**sample["measure"], "n_bootstrap": 100, "curves": False, "controls": []},
            "home": str(tmp_path),
        }
    )
    folder = execute(config, load_plugins(["ecommerce"]), stages=PIPELINE)
    result = Result.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))
    (table,) = result.causal
    assert result.experiment is not None
    assert (result.experiment.control, list(result.experiment.n_users)) == (table.other, [table.other, table.arm])
    assert result.experiment.split == "timeline"
    lacks = {row.dimension: [cell.lack for cell in row.cells] for row in table.rows}
    assert lacks["behaviour"] == [None, None, None]
    assert (lacks["diversity"][2], lacks["business"][2]) == (None, None)
    assert all(cell.simulated for row in table.rows for cell in row.cells if cell.lack is None)
