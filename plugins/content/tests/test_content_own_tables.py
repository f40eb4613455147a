"""What counts as liked under an operator's settings, from files that are not the domain's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat_content.config import ContentConfig
from recsat_content.domain import CONTENT

EVENTS = "user_id,item_id,event,value\nu,a,rating,8\nu,b,rating,7\nu,c,rating,3\nu,a,play,60\nu,b,complete,\n"


@pytest.mark.parametrize(
    ("settings", "liked"),
    [
        ({}, [("a", "rating"), ("b", "complete")]),
        ({"liked_from": 7}, [("a", "rating"), ("b", "rating"), ("b", "complete")]),
        ({"liked_events": ["play"]}, [("a", "rating"), ("a", "play")]),
        ({"liked_events": ["play"], "liked_from": 10}, [("a", "play")]),
    ],
)
def test_what_is_liked_is_set_in_the_numbers_of_the_files(
    tmp_path: Path, settings: dict[str, Any], liked: list[tuple[str, str]]
) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\nb,B\nc,C\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text(EVENTS, encoding="utf-8")
    config = ContentConfig.model_validate(
        {"layout": "tables", "folder": str(tmp_path), "rating_scale": [1, 10], **settings}
    )
    events = CONTENT.load(config).events
    domain = CONTENT.configured(config)
    assert events.filter(domain.positive).select("item_id", "event").rows() == liked
    marked = events.with_columns(
        liked=domain.positive, title=pl.col("item_id"), genres=pl.lit([], dtype=pl.List(pl.String))
    )
    (text,) = domain.describe_user(pl.DataFrame({"user_id": ["u"]}), marked)
    assert {*text.removeprefix("Recently: ").rstrip(".").split(", ")} == {item for item, _ in liked}


def test_a_scale_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match="rating_scale needs the smallest rating first"):
        ContentConfig(layout="tables", folder="/data", rating_scale=(10, 1))
