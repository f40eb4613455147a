"""Users of whom nothing is known but where they are, from the user table to their lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.run.folder import open_run
from recsat.run.stage import StageContext
from recsat.stages import PIPELINE
from recsat.stages.model.loaded import Model
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import validation_fold
from recsat.stages.trial.inputs import embedded_inputs

NOWHERE = "a bestseller; nothing is known of your taste yet"
MALTA = "a bestseller in Malta; nothing is known of your taste yet"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a shop: 30 customers of no known market buy mugs, 10 in Malta lamps, of 6 each four."""
    place = tmp_path_factory.mktemp("shop")
    goods = [f"{kind}{i}" for kind in ("mug", "lamp") for i in range(6)]
    bought = [(f"u{u}", f"{'mug' if u < 30 else 'lamp'}{(u + i) % 6}") for u in range(40) for i in range(4)]
    times = [(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=i)).isoformat() for i in range(len(bought))]
    pl.DataFrame({"item_id": goods, "title": [f"Red {item}" for item in goods]}).write_csv(place / "items.csv")
    pl.DataFrame(bought, schema=["user_id", "item_id"], orient="row").with_columns(
        event=pl.lit("purchase"), value=1.0, timestamp=pl.Series(times)
    ).write_csv(place / "events.csv")
    pl.DataFrame(
        {
            "user_id": ["u0", *(f"u{u}" for u in range(30, 40)), "new", "fresh", "silent"],
            "market": ["Italy", *["Malta"] * 10, " Malta ", "Iceland", None],
        }
    ).write_csv(place / "users.csv")
    config = RunConfig.model_validate(
        {
            "domain": "ecommerce",
            "domain_config": {"layout": "tables", "folder": str(place)},
            "splits": [{"name": "new", "protocol": "cold-users", "test_share": 0.3, "validation_share": 0.3}],
            "arms": ["popularity"],
            "data": {"min_user_events": 1, "min_item_events": 1},
            "measure": {"n_bootstrap": 100, "curves": False},
            "home": str(place),
        }
    )
    return execute(config, load_plugins(["ecommerce"]), stages=PIPELINE)


def lists(run: Path, user: str) -> pl.DataFrame:
    return Model.load(run, load_plugins(["ecommerce"])).recommend([user], k=4)


def test_a_newcomer_is_served_by_what_is_bought_in_their_market_and_told_so(run: Path) -> None:
    table = lists(run, "new")
    assert table["fallback"].all()
    assert table["item_id"].str.starts_with("lamp").all()
    assert set(table["reason"]) == {MALTA}


@pytest.mark.parametrize("user", ["nobody", "silent", "fresh"])
def test_without_a_known_market_it_is_what_everybody_buys(run: Path, user: str) -> None:
    table = lists(run, user)
    assert table["item_id"].str.starts_with("mug").all()
    assert set(table["reason"]) == {NOWHERE}


def test_held_out_users_are_served_by_the_market_too(run: Path) -> None:
    table = pl.read_parquet(run / "lists" / "new.parquet")
    in_malta = pl.col("user_id").is_in([f"u{u}" for u in range(30, 40)])
    assert table.filter(in_malta).height > 0
    assert table.filter(in_malta & (pl.col("rank") == 1))["item_id"].str.starts_with("lamp").all()
    assert table.filter(~in_malta & (pl.col("rank") == 1))["item_id"].str.starts_with("mug").all()


def test_markets_come_from_the_user_table_and_whoever_has_no_row_has_none(run: Path) -> None:
    folder = open_run(run)
    context = StageContext.open(folder, load_plugins(["ecommerce"]))
    fold = validation_fold(embedded_inputs(context), read_split(folder, "new"))
    for users in (fold.train.users, fold.users):
        assert users.markets is not None
        expected = ["Malta" if int(user[1:]) >= 30 else ("Italy" if user == "u0" else "") for user in users.ids]
        np.testing.assert_array_equal(users.markets, expected)
