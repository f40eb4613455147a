"""A small run of each domain says how far its predictions are from what happened, on the page and in the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import execute
from recsat.stages import PIPELINE

TIMELINE = [{"name": "timeline", "protocol": "timeline"}]
EVERYTHING = {"min_user_events": 0, "min_item_events": 0}
CASES: dict[str, dict[str, Any]] = {
    "ecommerce": {"domain_config": {"layout": "open-bandit"}, "data": EVERYTHING, "splits": TIMELINE},
    "game": {"domain_config": {"sample_users": 60, "sample_games": 40, "sample_items": 20}, "splits": TIMELINE},
    "social": {"domain_config": {"sample_users": 80, "sample_posts": 50}, "splits": TIMELINE},
}
REWARDS = {"ecommerce": ["click"], "game": ["click", "value"], "social": ["click"]}
"""What an exposure is known to have earned; the simulated players buy what was shown to them."""
EVENTS = {"ecommerce": {"click"}, "game": {"click", "purchase"}, "social": {"click"}}


def run(config: RunConfig) -> tuple[Result, str]:
    folder = execute(config, load_plugins([config.domain]), stages=PIPELINE)
    return Result.model_validate_json((folder / "result.json").read_text()), (folder / "report.html").read_text()


def small(config: RunConfig, **changes: Any) -> RunConfig:
    quick = {"curves": False, "controls": [], "n_bootstrap": 100}
    return RunConfig.model_validate(config.model_dump() | {"arms": ["popularity"], "measure": quick, **changes})


@pytest.mark.parametrize("domain", CASES)
def test_where_something_was_shown_clicks_are_predicted(
    domain: str, small_run_config: RunConfig, tmp_path: Path
) -> None:
    changes = {"domain": domain, "store": {"directory": str(tmp_path)}, "parameters": {}, "data": {}, **CASES[domain]}
    result, page = run(small(small_run_config, **changes))
    errors = [error for error in result.predictions if error.part == "test"]
    assert {error.event for error in errors} >= EVENTS[domain]
    assert all(error.arm is None and error.reliability for error in errors)
    assert page.count('id="reliability-') == 2 * len(errors)
    assert "rating-error" in {absent.name for absent in result.not_measured}
    assert [log.reward for log in result.counterfactuals] == REWARDS[domain]
    assert page.count('id="counterfactual"') == 1
    for log in result.counterfactuals:
        assert {value.arm for value in log.arms} == {arm.name for arm in result.arms}
        # Everybody to whom something was shown has a list, whoever liked something: else their weights would be 0.
        assert log.n_users == log.n_users_shown >= result.splits[0].n_users
        assert all(0.5 < value.mean_weight < 1.5 for value in log.arms)


def test_where_ratings_are_every_one_held_out_is_predicted(small_run_config: RunConfig, tmp_path: Path) -> None:
    config = small(small_run_config, arms=["popularity", "mf"], store={"directory": str(tmp_path)})
    config = config.model_copy(update={"parameters": {"mf": {"bias_l2": 5.0, "l2": 15.0}}})
    result, page = run(config)
    predictors = ["global mean", "user and item biases", "mf"]
    assert [(row.split, row.predictor) for row in result.ratings] == [
        (split, predictor) for split in ("warm", "cold") for predictor in predictors
    ]
    assert result.ratings[2].rmse.value < result.ratings[0].rmse.value
    assert 'id="ratings"' in page
    reasons = {absent.name: absent.reason for absent in result.not_measured}
    assert "nobody recorded what was shown" in reasons["outcome-error"]
    assert "rating-error" not in reasons
    # It ranks too, where items were rated before.
    assert {arm.split for arm in result.arms if arm.name == "mf"} == {"warm"}
