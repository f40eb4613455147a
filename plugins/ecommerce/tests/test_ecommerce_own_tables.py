"""A shop of which ratings alone are known."""

from __future__ import annotations

from pathlib import Path

from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE


def test_ratings_count_as_liked_where_it_is_said_from_which_one_on(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\na\nb\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text("user_id,item_id,event,value\nu,a,rating,5\nu,b,rating,2\n", encoding="utf-8")
    for settings, liked in ({}, []), ({"liked_from": 4.0}, ["a"]), ({"liked_from": 2.0}, ["a", "b"]):
        config = EcommerceConfig.model_validate({"layout": "tables", "folder": str(tmp_path), **settings})
        data = ECOMMERCE.load(config)
        assert data.events.filter(ECOMMERCE.configured(config).positive)["item_id"].to_list() == liked
        assert ECOMMERCE.describe_item(data.items).to_list() == ["", ""]


def test_quantity_order_and_session_are_kept_and_so_is_where_something_was_shown(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,event,value,quantity,order_id,session_id\nu,a,purchase,5,2,o1,s1\n", encoding="utf-8"
    )
    (tmp_path / "exposures.csv").write_text(
        "user_id,item_id,position,timestamp,policy,propensity,click,surface\nu,a,1,2024-01-01,p,0.5,yes,home\n",
        encoding="utf-8",
    )
    data = ECOMMERCE.load(EcommerceConfig(layout="tables", folder=str(tmp_path)))
    assert data.events.select("quantity", "order_id", "session_id").rows() == [(2.0, "o1", "s1")]
    assert data.exposures is not None
    assert data.exposures["surface"].to_list() == ["home"]
