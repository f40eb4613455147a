"""What an operator calls liked must be among the events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat import ConfigError, DataError
from recsat.data.liked import refuse_unliked
from recsat.plugins import load_plugins

VALUED = {"content": "rating", "ecommerce": "rating", "social": "play", "game": "play"}


def refusal(domain: str, events: list[tuple[str, float | None]], **settings: Any) -> str:
    spec = load_plugins([domain]).domain(domain)
    config = spec.config.model_validate({"layout": "tables", "folder": "/data", **settings})
    table = pl.DataFrame(events, schema={"event": pl.String, "value": pl.Float64}, orient="row")
    try:
        refuse_unliked(spec, config, table)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("domain", VALUED)
def test_a_value_that_no_event_reaches_is_named_with_those_that_there_are(domain: str) -> None:
    event = VALUED[domain]
    events = [(event, 1.0), (event, 5.0), ("like", 9.0), ("like", None)]
    assert refusal(domain, events, liked_from=5) == ""
    ranges = ", ".join(sorted(["'like' 9 to 9", f"'{event}' 1 to 5"]))
    assert refusal(domain, events, liked_from=5.5) == (
        f"domain_config.liked_from: no event counts as liked by a value of at least 5.5. Values are: {ranges}."
    )
    assert refusal(domain, [("like", None)], liked_from=1).endswith("Values are: none.")


@pytest.mark.parametrize("domain", ["content", "ecommerce"])
def test_ratings_are_told_in_the_numbers_of_the_files(domain: str) -> None:
    in_stars = [("rating", 0.5), ("rating", 4.0)]
    assert refusal(domain, in_stars, rating_scale=(1, 10), liked_from=8) == ""
    assert "'rating' 1 to 8." in refusal(domain, in_stars, rating_scale=(1, 10), liked_from=9)
    assert "'rating' -8 to 6." in refusal(domain, in_stars, rating_scale=(-10, 10), liked_from=9)


@pytest.mark.parametrize("domain", VALUED)
def test_a_name_that_no_event_has_is_named_with_the_likely_one(domain: str) -> None:
    events = [("play", 1.0), ("view", None)]
    assert refusal(domain, events, liked_events=["plai", "view"]) == (
        "domain_config.liked_events: no event is called 'plai'. Did you mean 'play'? They are called 'play', 'view'."
    )
    assert refusal(domain, events, liked_events=["view"]) == ""


def test_a_value_that_is_not_reached_beside_liked_events_may_be_meant_and_is_noted() -> None:
    spec = load_plugins(["game"]).domain("game")
    config = spec.config.model_validate(
        {"layout": "tables", "folder": "/data", "liked_events": ["spend"], "liked_from": 99}
    )
    table = pl.DataFrame({"event": ["spend", "play"], "value": [None, 7.0]})
    assert refuse_unliked(spec, config, table) == (
        "events: none counts as liked by a value of at least 99 (liked_from); values are 'play' 7 to 7. Those of liked_events do",
    )
    reached = config.model_copy(update={"liked_from": 7})
    assert refuse_unliked(spec, reached, table) == ()


def test_an_event_of_the_domain_may_be_missing_beside_one_that_is_there() -> None:
    events = [("purchase", 1.0)]
    assert refusal("ecommerce", events, liked_events=["purchase", "wishlist"]) == ""
    assert "no event is called 'wishlist'" in refusal("ecommerce", events, liked_events=["wishlist"])


def test_a_run_refuses_it(small_run_config: Any, tmp_path: Path) -> None:
    from recsat.run import new_run, run_stage
    from recsat.stages import PREPARE

    settings = {**small_run_config.domain_config, "liked_from": 9}
    config = small_run_config.model_copy(update={"domain_config": settings, "runs_dir": str(tmp_path)})
    with pytest.raises(DataError) as error:  # with what is left of the data
        run_stage(new_run(config), PREPARE, load_plugins(["content"]))
    assert "liked_from: no event counts as liked by a value of at least 9. Values are: 'rating' 0.5 to 5." in str(
        error.value
    )
