"""Lists of friends and of posts apart, and how well each finds what was held out."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.report.kinds import kind_in_words
from recsat.result.model import KindAccuracy, Result
from recsat.run import RunFolder, execute
from recsat.stages import PIPELINE
from recsat.stages.split_lists import read_split_lists
from recsat_social.domain import SOCIAL

KINDS = ("friend", "content")
ARMS = ["popularity", "text", "ease"]


def run(place: Path, kinds: tuple[str, ...]) -> RunFolder:
    config = RunConfig.model_validate(
        {
            "domain": "social",
            "domain_config": {"sample_users": 90, "sample_posts": 60},
            "splits": [
                {"name": "warm", "protocol": "random"},
                {"name": "cold", "protocol": "cold-items", "repeats": 2},
            ],
            "arms": ARMS,
            "parameters": {"ease": {"l2": 50.0}},
            "rank": {"kinds": list(kinds), "filters": ["social.not_yet_friends", "seen"], "k": 5},
            "measure": {"n_bootstrap": 200, "curves": False},
            "home": str(place),
        }
    )
    return RunFolder(execute(config, load_plugins(["social"]), stages=PIPELINE))


@pytest.fixture(scope="module")
def with_kinds(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run(tmp_path_factory.mktemp("kinds"), KINDS)


@pytest.fixture(scope="module")
def result(with_kinds: RunFolder) -> Result:
    return with_kinds.read_as("result.json", Result)


@pytest.fixture(scope="module")
def kind_of(with_kinds: RunFolder) -> Mapping[str, str]:
    items = with_kinds.read_table("data/items.parquet")
    return dict(items.select("item_id", "kind").iter_rows())


def brute_force(lists: pl.DataFrame, likes: Mapping[str, set[str]], k: int) -> dict[str, float]:
    listed: dict[str, dict[int, str]] = {}
    for user, item, rank in lists.select("user_id", "item_id", "rank").iter_rows():
        listed.setdefault(user, {})[rank] = item
    values = {}
    for user, liked in likes.items():
        dcg = sum(1 / log2(rank + 1) for rank, item in listed.get(user, {}).items() if rank <= k and item in liked)
        values[user] = dcg / sum(1 / log2(rank + 1) for rank in range(1, min(k, len(liked)) + 1))
    return values


def likes_of(folder: RunFolder, place: str, kind: str, kind_of: Mapping[str, str]) -> dict[str, set[str]]:
    likes: dict[str, set[str]] = {}
    for user, item in folder.read_table(f"lists/{place}-relevant.parquet").iter_rows():
        if kind_of[item] == kind:
            likes.setdefault(user, set()).add(item)
    return likes


def of(result: Result, split: str, kind: str) -> KindAccuracy:
    return next(one for one in result.kind_accuracy if (one.split, one.kind) == (split, kind))


def test_every_user_has_a_list_of_each_kind_and_of_nothing_else(
    with_kinds: RunFolder, kind_of: Mapping[str, str]
) -> None:
    lists = with_kinds.read_table("lists/warm-kinds.parquet")
    users = with_kinds.read_table("lists/warm-users.parquet")["user_id"]
    assert set(lists["arm"]) == {*ARMS, "text-words"}
    for (kind, _), of_arm in lists.partition_by("kind", "arm", as_dict=True).items():
        assert {kind_of[item] for item in of_arm["item_id"]} == {kind}
        assert set(of_arm["user_id"]) == set(users)
        assert of_arm.group_by("user_id").agg(pl.col("rank").sort())["rank"].to_list() == [[1, 2, 3, 4, 5]] * len(users)


def test_a_list_of_one_kind_is_the_order_of_the_list_of_all_without_the_others(
    with_kinds: RunFolder, kind_of: Mapping[str, str]
) -> None:
    """So an item of the kind in the one list of all kinds stands in its kind's list too, in the same order."""
    _, tables = read_split_lists(with_kinds, "warm")
    of_all = tables.lists.filter(pl.col("arm") == "text").with_columns(
        kind=pl.col("item_id").replace_strict(kind_of, return_dtype=pl.String)
    )
    apart = with_kinds.read_table("lists/warm-kinds.parquet").filter(pl.col("arm") == "text")
    n = 0
    for (user, kind), rows in of_all.sort("rank").partition_by("user_id", "kind", as_dict=True).items():
        of_kind = apart.filter(pl.col("user_id") == user, pl.col("kind") == kind).sort("rank")["item_id"].to_list()
        assert of_kind[: rows.height] == rows["item_id"].to_list()
        n += rows.height
    assert n > 300


@pytest.mark.parametrize("kind", KINDS)
def test_accuracy_is_that_of_the_kinds_list_by_the_kinds_likes(
    with_kinds: RunFolder, result: Result, kind_of: Mapping[str, str], kind: str
) -> None:
    likes = likes_of(with_kinds, "warm", kind, kind_of)
    lists = with_kinds.read_table("lists/warm-kinds.parquet").filter(pl.col("kind") == kind)
    expected = {arm: brute_force(lists.filter(pl.col("arm") == arm), likes, 5) for arm in ARMS}
    one = of(result, "warm", kind)
    assert (one.k, one.n_users) == (5, len(likes))
    assert one.n_items == sum(value == kind for value in kind_of.values())
    by_arm = {arm.arm: arm for arm in one.arms}
    baseline = expected["popularity"]
    for arm, values in expected.items():
        assert by_arm[arm].ndcg.mean == pytest.approx(np.mean(list(values.values())))
        assert by_arm[arm].ndcg.n_users == len(likes)
        difference = by_arm[arm].difference
        if arm == "popularity":
            assert difference is None
        else:
            assert difference is not None
            assert difference.mean is not None
            assert difference.mean == pytest.approx(np.mean([values[user] - baseline[user] for user in likes]))
            assert difference.low is not None
            assert difference.high is not None
            assert difference.low < difference.mean < difference.high


def test_the_pair_is_the_verdicts_over_the_users_of_the_kind(result: Result) -> None:
    verdict = next(one for one in result.verdicts if (one.split, one.dimension) == ("warm", "accuracy"))
    assert verdict.primary is not None
    for kind in KINDS:
        one = of(result, "warm", kind)
        assert one.pair is not None
        assert (one.pair.arm, one.pair.other) == (verdict.primary.arm, verdict.primary.other)
        means = {arm.arm: arm.ndcg.mean or 0.0 for arm in one.arms}
        assert one.pair.mean_arm == pytest.approx(means[one.pair.arm])
        assert one.pair.mean == pytest.approx(means[one.pair.arm] - means[one.pair.other])
        assert one.pair.n_users == one.n_users < verdict.primary.n_users
        assert f"; {one.n_users:,} users)" in kind_in_words(result, one)


def test_of_several_draws_it_is_the_mean_of_the_draws(
    with_kinds: RunFolder, result: Result, kind_of: Mapping[str, str]
) -> None:
    means: list[float] = []
    users: set[str] = set()
    for place in ("cold", "cold/draw-2"):
        likes = likes_of(with_kinds, place, "content", kind_of)
        lists = with_kinds.read_table(f"lists/{place}-kinds.parquet")
        of_text = lists.filter(pl.col("kind") == "content", pl.col("arm") == "text")
        means.append(float(np.mean(list(brute_force(of_text, likes, 5).values()))))
        users |= likes.keys()
    one = of(result, "cold", "content")
    assert next(arm for arm in one.arms if arm.arm == "text").ndcg.mean == pytest.approx(np.mean(means))
    assert one.n_users == len(users)
    candidates = with_kinds.read_table("lists/cold-kinds.parquet")["item_id"].n_unique()
    assert one.n_items + of(result, "cold", "friend").n_items >= candidates
    assert one.n_items < of(result, "warm", "content").n_items


def test_sample_users_have_the_leading_arms_lists_of_each_kind(with_kinds: RunFolder, result: Result) -> None:
    lists = with_kinds.read_table("lists/warm-kinds.parquet")
    leader = next(split.leader for split in result.splits if split.name == "warm")
    user = next(one for one in result.sample_users if one.split == "warm")
    assert [(one.kind, one.arm) for one in user.of_kinds] == [(kind, leader) for kind in KINDS]
    for one in user.of_kinds:
        of_kind = lists.filter(
            pl.col("user_id") == user.user_id, pl.col("kind") == one.kind, pl.col("arm") == leader
        ).sort("rank")
        assert [item.item_id for item in one.items] == of_kind["item_id"].to_list()


def test_gains_are_told_by_the_kind_that_most_of_a_history_is_of(with_kinds: RunFolder, result: Result) -> None:
    within = next(one for one in result.who_gains if one.split == "warm")
    names = {one.slice for one in within.slices}
    assert names & {"mostly friend", "mostly content"}


def test_a_run_that_does_not_ask_is_as_it_was(with_kinds: RunFolder, result: Result, tmp_path: Path) -> None:
    plain = run(tmp_path, ())
    assert not plain.has("lists/warm-kinds.parquet")
    for place in ("lists/warm.parquet", "lists/cold.parquet", "lists/cold/draw-2.parquet", "measures/warm.parquet"):
        assert plain.read_table(place).equals(with_kinds.read_table(place)), place
    of_plain = plain.read_as("result.json", Result)
    assert of_plain.kind_accuracy == []
    assert of_plain.arms == result.arms
    assert of_plain.verdicts == result.verdicts
    assert of_plain.within_slices == result.within_slices
    assert not any(one.slice.startswith("mostly") for within in of_plain.who_gains for one in within.slices)


def test_the_demo_asks_for_both_kinds() -> None:
    rank: Mapping[str, Any] = SOCIAL.demo["rank"]
    assert sorted(rank["kinds"]) == sorted(SOCIAL.kinds)
