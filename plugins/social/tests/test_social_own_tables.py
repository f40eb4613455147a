"""Plays from which content counts as liked."""

from __future__ import annotations

from pathlib import Path

from recsat_social.config import SocialConfig
from recsat_social.domain import SOCIAL


def test_plays_and_events_that_count_as_liked_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\nb,B\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,event,value\nu,a,play,2\nu,b,like,\nu,a,comment,\n", encoding="utf-8"
    )
    for settings, liked in ({}, ["b"]), ({"liked_from": 2.0}, ["a", "b"]), ({"liked_events": ["comment"]}, ["a"]):
        config = SocialConfig.model_validate({"layout": "tables", "folder": str(tmp_path), **settings})
        events = SOCIAL.load(config).events
        assert events.filter(SOCIAL.configured(config).positive)["item_id"].to_list() == liked
