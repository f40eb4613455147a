"""Hours from which a game counts as liked."""

from __future__ import annotations

from pathlib import Path

from recsat_game.config import GameConfig
from recsat_game.domain import GAMES


def test_hours_and_events_that_count_as_liked_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id;title;price\na;A;4,99\nb;B;0\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,event,value\nu,a,play,1\nu,b,play,3\nu,b,purchase,5\n", encoding="utf-8"
    )
    for settings, liked in ({}, ["b"]), ({"liked_from": 1.0}, ["a", "b"]), ({"liked_events": ["purchase"]}, ["b", "b"]):
        config = GameConfig.model_validate({"layout": "tables", "folder": str(tmp_path), **settings})
        data = GAMES.load(config)
        assert data.events.filter(GAMES.configured(config).positive)["item_id"].to_list() == liked
        assert data.items["price"].to_list() == [4.99, 0.0]
