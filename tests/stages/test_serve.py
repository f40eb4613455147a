"""Lists from a finished run."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from recsat.errors import ConfigError, UnknownItem
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import RunFolder
from recsat.stages.serve import ServeConfig, serve


def ask(run: Path, **settings: object) -> pl.DataFrame:
    return serve(ServeConfig.model_validate({"run": str(run), "users": ["1"], **settings}), load_plugins(["content"]))


def test_lists_hold_new_items_with_titles_and_reasons(finished_run: Path) -> None:
    lists = ask(finished_run, users=["1", "2"], k=5)
    events = pl.read_parquet(finished_run / "data" / "events.parquet")
    assert lists["rank"].to_list() == [1, 2, 3, 4, 5] * 2
    assert lists.join(events, on=["user_id", "item_id"], how="semi").is_empty()
    assert lists.select(pl.col("title", "reason").is_null().any()).row(0) == (False, False)


def test_an_unknown_user_gets_the_fallback_and_is_told_so(finished_run: Path) -> None:
    lists = ask(finished_run, users=["nobody"])
    assert lists["fallback"].all()
    assert set(lists["reason"]) == {"popular now; nothing is known of your taste yet"}


def test_a_request_narrows_what_may_be_shown(finished_run: Path) -> None:
    everything = ask(finished_run, arm="text", k=10)["item_id"].to_list()
    assert ask(finished_run, arm="text", exclude=everything[:2], k=10)["item_id"].to_list()[:8] == everything[2:]
    assert ask(finished_run, arm="text", include=everything[3:5])["item_id"].to_list() == everything[3:5]


def test_the_arm_that_leads_on_validation_recommends_whatever_did_best_on_the_test_part(
    finished_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    result = Result.model_validate(folder.read_json("result.json"))
    assert set(ask(folder.path)["arm"]) == {result.splits[0].leader}
    on_test = {
        arm.name: arm.measures["ndcg@10"].mean or 0
        for arm in result.arms
        if (arm.split, arm.slice) == (result.splits[0].name, "all")
    }
    for leader in on_test:
        first = result.splits[0].model_copy(update={"leader": leader})
        changed = result.model_copy(update={"splits": [first, *result.splits[1:]]})
        folder.write_json("result.json", changed.model_dump(mode="json"))
        assert set(ask(folder.path)["arm"]) == {leader}
    without_leader = result.splits[0].model_copy(update={"leader": None})
    folder.write_json(
        "result.json",
        result.model_copy(update={"splits": [without_leader, *result.splits[1:]]}).model_dump(mode="json"),
    )
    with pytest.raises(ConfigError, match=r"does not say which arm leads on split 'warm'\. Name one of popularity"):
        ask(folder.path)


def test_unknown_arms_items_and_kinds_are_refused(finished_run: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no arm 'eas' on split 'warm'\. It has: popularity, text, ease"):
        ask(finished_run, arm="eas")
    with pytest.raises(UnknownItem, match="'zzz' is not in the catalogue"):
        ask(finished_run, exclude=["zzz"])
    with pytest.raises(UnknownItem, match="of kind 'track'"):
        ask(finished_run, kinds=["track"])
