"""A run with a reranker, end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from kept_models import kept_model

from recsat import RunConfig
from recsat.errors import ConfigError
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import execute, new_run
from recsat.run.check import check_config
from recsat.run.progress import LogProgress
from recsat.run.stage import StageContext
from recsat.stages import PIPELINE


def reranking(config: RunConfig, name: str, **parameters: object) -> RunConfig:
    rank = config.rank.model_copy(update={"reranker": name, "reranker_parameters": parameters})
    measure = config.measure.model_copy(update={"curves": False})
    return config.model_copy(update={"rank": rank, "measure": measure, "splits": config.splits[:1]})


def ild(folder: Path) -> dict[str, float]:
    result = Result.model_validate_json((folder / "result.json").read_text())
    means = {arm.name: arm.measures["ild@10"].mean for arm in result.arms if (arm.split, arm.slice) == ("warm", "all")}
    return {name: mean for name, mean in means.items() if mean is not None}


def test_a_run_that_names_a_reranker_has_more_diverse_lists_of_every_arm(
    finished_run: Path, small_run_config: RunConfig, tmp_path: Path
) -> None:
    plain = ild(finished_run)
    config = reranking(small_run_config, "msd", trade_off=0.5)
    folder = execute(config, load_plugins(["content"]), stages=PIPELINE)
    assert all(diversity > plain[arm] for arm, diversity in ild(folder).items())
    assert set(ild(folder)) == set(plain)
    user = pl.read_parquet(folder / "lists" / "warm.parquet")["user_id"][0]
    plugins = load_plugins(["content"])
    served, unranked = (
        kept_model(run, "ease", plugins, tmp_path / run.name).recommend([user]) for run in (folder, finished_run)
    )
    assert served["score"].is_sorted(descending=True)
    assert served["item_id"].to_list() != unranked["item_id"].to_list()


def test_without_a_trade_off_a_reranker_changes_no_list(finished_run: Path, small_run_config: RunConfig) -> None:
    folder = execute(
        reranking(small_run_config, "calibrated", trade_off=0.0), load_plugins(["content"]), stages=PIPELINE
    )
    columns = ["arm", "user_id", "rank", "item_id"]
    mine, plain = (pl.read_parquet(run / "lists" / "warm.parquet").select(columns) for run in (folder, finished_run))
    assert mine.equals(plain)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("mrr", {}, "rank.reranker: No reranker is called 'mrr'. Did you mean 'mmr'"),
        ("mmr", {"lambda": 0.3}, "reranker 'mmr' has no parameter 'lambda'. It has: trade_off, depth, order"),
        ("dpp", {"trade_off": 2}, "reranker 'dpp': trade_off must be from 0"),
        ("value", {}, "'value' needs to know what events are worth, and domain 'content' does not say"),
    ],
)
def test_a_reranker_that_cannot_be_made_is_refused_before_the_run(
    small_run_config: RunConfig, name: str, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_config(reranking(small_run_config, name, **parameters), load_plugins(["content"]))


def test_a_run_by_expected_value_says_how_well_it_predicts(small_run_config: RunConfig) -> None:
    plugins = load_plugins(["content"])
    worthy = replace(plugins.domain("content"), worth={"rating": 1.0})
    config = reranking(small_run_config, "value", then="msd", trade_off=0.2)
    folder = new_run(config)
    for stage in PIPELINE:
        stage.work(StageContext(folder, config, plugins, worthy, LogProgress()))
    result = Result.model_validate_json((folder.path / "result.json").read_text())
    by_part = {(row.part, row.arm, row.event): row for row in result.predictions}
    arms = ("popularity", "text", "ease", "text-words")
    assert set(by_part) == {(part, arm, "rating") for part in ("validation", "test") for arm in arms}
    assert all(0 < row.rate < 0.5 and 0 < row.predicted < 0.5 for row in result.predictions)
    for arm in arms:  # fitted there, so what is said of the validation part comes true on average
        validation, test = (by_part[part, arm, "rating"] for part in ("validation", "test"))
        assert validation.predicted == pytest.approx(validation.rate, rel=0.15)
        assert abs(test.predicted - validation.predicted) < abs(test.rate - validation.rate)


def test_a_reranker_that_nobody_can_teach_is_left_out_and_the_run_goes_on(
    small_run_config: RunConfig, caplog: pytest.LogCaptureFixture
) -> None:
    # Held-out users have no history, and nobody else is in the validation part.
    cold_users = small_run_config.splits[0].model_copy(update={"name": "new", "protocol": "cold-users"})
    config = reranking(small_run_config, "budget").model_copy(update={"splits": [cold_users]})
    with caplog.at_level("WARNING"):
        folder = execute(config, load_plugins(["content"]), stages=PIPELINE)
    assert "no user of the validation part has a history" in caplog.text
    assert pl.read_parquet(folder / "lists" / "new.parquet").height > 0


def test_a_budget_makes_lists_of_every_arm_more_diverse(finished_run: Path, small_run_config: RunConfig) -> None:
    plain = ild(finished_run)
    diversities = ild(
        execute(reranking(small_run_config, "budget", loss=0.05), load_plugins(["content"]), stages=PIPELINE)
    )
    assert diversities["ease"] > plain["ease"]
    assert diversities["text"] > plain["text"]
