"""What lists are judged on, and that what recommend wrote is what evaluate reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from town import ITEMS, events, inputs

from recsat import Dataset
from recsat.data.split import Split
from recsat.errors import RunError
from recsat.measure.accuracy import ndcg
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.leaders import Leaders
from recsat.measure.score import EvaluationCache
from recsat.measure.slices import user_slices
from recsat.plugins import load_plugins
from recsat.result.model import Attribution, Outcome, Result
from recsat.run import RunFolder, run_stage
from recsat.stages import EVALUATE, evaluate
from recsat.stages.split_lists import read_split_lists
from recsat.stages.trial.evidence import evidence_of

TRAIN = events(("u", "a", 1), ("v", "a", 1), ("v", "b", 2))
VALIDATION = events(("w", "a", 3))
TEST = events(*((user, "f", 9) for user in "uvwxyz"))
SPLIT = Split(name="s", protocol="random", description="", train=TRAIN, validation=VALIDATION, test=TEST)


def test_popularity_and_slices_are_told_from_what_was_known() -> None:
    """f is the most liked item of the held-out part and unseen before it; x, y and z are new, whatever they then do."""
    dataset = Dataset(items=ITEMS, events=pl.concat([TRAIN, VALIDATION, TEST]))
    users = TEST["user_id"].unique().sort()
    relevant = TEST.select("user_id", "item_id")
    evidence = evidence_of(inputs(dataset), SPLIT, users, relevant)
    known = {("u", "a"), ("v", "a"), ("v", "b"), ("w", "a")}
    assert set(evidence.known_likes.iter_rows()) == known
    assert set(evidence.history.select("user_id", "item_id").iter_rows()) == known
    assert evidence.outcomes.equals(TEST)
    assert user_slices(evidence.n_likes["user_id"], users, cold_history=0)["cold users"].to_list() == ["x", "y", "z"]
    cache = EvaluationCache(evidence, 2)
    information = dict(zip(cache.catalogue, cache.information, strict=True))
    assert information["f"] == information["c"] > information["b"] > information["a"]


@pytest.fixture
def again(finished_run: Path, tmp_path: Path) -> RunFolder:
    """A copy of the run, to be evaluated once more."""
    shutil.copytree(finished_run, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def test_users_and_relevant_pairs_are_those_that_recommend_wrote(again: RunFolder) -> None:
    _, tables = read_split_lists(again, "warm")
    fewer = tables.relevant.filter(pl.col("user_id") != tables.users[0])
    assert fewer.height < tables.relevant.height
    again.write_table("lists/warm-relevant.parquet", fewer)
    run_stage(again, EVALUATE, load_plugins(["content"]))
    result = Result.model_validate({**again.read_json("evaluated.json")})
    counted = {arm.measures["ndcg@10"].n_users for arm in result.arms if (arm.split, arm.slice) == ("warm", "all")}
    assert counted == {fewer["user_id"].n_unique()}


def test_the_result_says_how_arms_did_on_validation_and_which_leads(finished_run: Path) -> None:
    result = Result.model_validate_json((finished_run / "result.json").read_text())
    for split in result.splits:
        record, _ = read_split_lists(RunFolder(finished_run), split.name)
        assert split.leader == record.leader
        arms = {arm.name: arm for arm in result.arms if (arm.split, arm.slice) == (split.name, "all")}
        assert {name: arm.validation_ndcg for name, arm in arms.items()} == {
            name: lists.validation_ndcg for name, lists in record.arms.items()
        }
        assert arms[record.leader].validation_ndcg == max(arm.validation_ndcg or 0 for arm in arms.values())
        assert arms[record.leader].parameters == record.arms[record.leader].parameters


def test_whose_the_gain_is_answers_by_the_verdict_on_accuracy(
    again: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: dict[str, str] = {}
    divide = evaluate.attribution

    def spied(evaluated: EvaluatedSplit, leaders: Leaders, accuracy: Outcome, **settings: Any) -> Attribution:
        outcomes[evaluated.split] = accuracy
        return divide(evaluated, leaders, accuracy, **settings)

    monkeypatch.setattr(evaluate, "attribution", spied)
    run_stage(again, EVALUATE, load_plugins(["content"]))
    verdicts = Result.model_validate({**again.read_json("evaluated.json")}).verdicts
    by_dimension = {
        dimension: {one.split: one.outcome for one in verdicts if one.dimension == dimension}
        for dimension in ("accuracy", "diversity")
    }
    assert by_dimension["accuracy"] != by_dimension["diversity"]
    assert outcomes == by_dimension["accuracy"]


def test_a_file_that_recommend_left_damaged_is_not_taken_for_a_whole_one(again: RunFolder) -> None:
    record = json.loads((again.path / "lists/warm.json").read_text())
    del record["leader"]
    again.write_json("lists/warm.json", record)
    with pytest.raises(RunError, match=r"lists/warm\.json cannot be read \(leader: Field required\)"):
        read_split_lists(again, "warm")


def test_means_of_a_split_that_is_drawn_again_are_over_its_draws(finished_run: Path) -> None:
    result = Result.model_validate_json((finished_run / "result.json").read_text())
    per_user = pl.read_parquet(finished_run / "measures/cold.parquet")
    assert {split.name: split.n_draws for split in result.splits} == {"warm": 1, "cold": 5}
    rows = per_user.filter(arm="text").select("draw", "user_id", value="ndcg@10").drop_nulls()
    by_draw = rows.group_by("draw").agg(pl.col("value").mean()).sort("draw")
    assert by_draw["draw"].to_list() == [1, 2, 3, 4, 5]
    (text,) = [arm for arm in result.arms if (arm.name, arm.split, arm.slice) == ("text", "cold", "all")]
    assert text.measures["ndcg@10"].mean == pytest.approx(by_draw["value"].mean())
    (cold,) = [one for one in result.attributions if one.split == "cold"]
    assert cold.gain is not None
    assert cold.gain.n_users == rows["user_id"].n_unique()


@pytest.mark.parametrize("draw", [2, 5])
def test_every_draw_is_judged_by_its_own_lists_on_its_own_events(finished_run: Path, draw: int) -> None:
    _, tables = read_split_lists(RunFolder(finished_run), "cold", draw)
    of_text = tables.lists.filter(arm="text")
    by_hand = ndcg(of_text, tables.relevant, tables.relevant["user_id"].unique(), k=10)
    per_user = pl.read_parquet(finished_run / "measures/cold.parquet")
    rows = per_user.filter(arm="text", draw=draw).select("user_id", value="ndcg@10").drop_nulls()
    assert rows.height == by_hand.height
    joined = rows.join(by_hand, on="user_id", suffix="_by_hand")
    assert joined["value"].to_list() == pytest.approx(joined["value_by_hand"].to_list())
