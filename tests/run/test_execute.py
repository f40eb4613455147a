"""A whole small run, and what its folder says."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import polars as pl
import pytest
import torch

from recsat import RunConfig
from recsat.measure.accuracy import ndcg
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import execute
from recsat.run.meter import MIB, Meter
from recsat.run.stage import Stage, StageContext, StageCounts
from recsat.stages import PIPELINE


def result_of(folder: Path) -> Result:
    return Result.model_validate_json((folder / "result.json").read_text())


def test_every_stage_leaves_its_cost_and_the_report_its_files(finished_run: Path) -> None:
    stages = json.loads((finished_run / "stages.json").read_text())
    assert [cost["name"] for cost in stages] == [stage.name for stage in PIPELINE]
    assert all(cost["seconds"] > 0 and cost["peak_mib"] > 0 for cost in stages)
    assert {"report.html", "report.md", "result.json"} <= {path.name for path in finished_run.iterdir()}


def test_the_result_is_what_the_lists_and_the_held_out_events_give(finished_run: Path) -> None:
    result = result_of(finished_run)
    lists = pl.read_parquet(finished_run / "lists" / "warm.parquet")
    test = pl.read_parquet(finished_run / "splits" / "warm" / "test.parquet")
    relevant = test.filter(pl.col("value") >= 4).select("user_id", "item_id").unique()
    users = relevant["user_id"].unique().sort()
    for arm in ("popularity", "text", "ease"):
        expected = ndcg(lists.filter(pl.col("arm") == arm), relevant, users, k=10)["value"].mean()
        (arm_result,) = [a for a in result.arms if (a.name, a.split, a.slice) == (arm, "warm", "all")]
        assert arm_result.measures["ndcg@10"].mean == pytest.approx(expected)
        assert arm_result.measures["ndcg@10"].n_users == len(users)


def test_no_list_holds_what_its_user_already_knew(finished_run: Path) -> None:
    for split in ("warm", "cold"):
        lists = pl.read_parquet(finished_run / "lists" / f"{split}.parquet")
        for part in ("train", "validation"):
            known = pl.read_parquet(finished_run / "splits" / split / f"{part}.parquet")
            assert lists.join(known, on=["user_id", "item_id"], how="semi").is_empty()


def test_on_cold_items_only_unseen_items_are_listed_and_only_arms_that_can_rank_them(finished_run: Path) -> None:
    lists = pl.read_parquet(finished_run / "lists" / "cold.parquet")
    cold = json.loads((finished_run / "splits" / "cold" / "split.json").read_text())["test_items"]
    assert set(lists["item_id"]) <= set(cold)
    assert set(lists["arm"]) == {"popularity", "text", "text-words"}


def test_the_text_arm_came_from_the_store_and_lost_nothing(finished_run: Path) -> None:
    retrieval = {(r.arm, r.split): r for r in result_of(finished_run).retrieval}
    assert retrieval["text", "warm"].source == "qdrant:text"
    assert retrieval["text", "warm"].candidate_recall == 1.0
    assert retrieval["ease", "warm"].candidate_recall is None


def test_a_second_run_embeds_and_publishes_nothing_and_finds_the_same(
    finished_run: Path, small_run_config: RunConfig
) -> None:
    again = execute(small_run_config, load_plugins(["content"]), stages=PIPELINE)
    first, second = result_of(finished_run), result_of(again)
    assert {cost.name: cost.n_new for cost in second.stages if cost.name in ("embed", "index")} == {
        "embed": 0,
        "index": 0,
    }
    assert second.arms == first.arms
    assert second.data_fingerprint == first.data_fingerprint


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(
    finished_run: Path, small_run_config: RunConfig, tmp_path: Path
) -> None:
    cut = tmp_path / finished_run.name
    shutil.copytree(finished_run, cut)
    stages = json.loads((cut / "stages.json").read_text())
    (cut / "stages.json").write_text(json.dumps(stages[:4]))
    lists = (cut / "lists" / "warm.parquet").stat().st_mtime_ns
    for name in ("evaluated.json", "result.json", "report.html"):
        (cut / name).unlink()

    execute(small_run_config, load_plugins(["content"]), resume=cut, stages=PIPELINE)
    assert (cut / "lists" / "warm.parquet").stat().st_mtime_ns == lists
    assert result_of(cut).arms == result_of(finished_run).arms


def test_the_meter_sees_memory_that_is_given_back_before_the_end() -> None:
    with Meter() as meter:
        before = Meter()
        with before:
            pass
        block = bytearray(200 * MIB)
        time.sleep(0.2)
        del block
    assert meter.peak_mib > before.peak_mib + 150


def test_a_stage_computes_with_the_threads_of_its_run(small_run_config: RunConfig) -> None:
    n_threads: list[int] = []

    def work(context: StageContext) -> StageCounts:
        n_threads.append(torch.get_num_threads())
        return StageCounts()

    before = torch.get_num_threads()
    for threads in (1, 2):
        config = small_run_config.model_copy(update={"threads": threads})
        execute(config, load_plugins(["content"]), stages=[Stage("counting", work)])
    assert n_threads == [1, 2]
    assert torch.get_num_threads() == before
