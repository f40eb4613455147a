"""Not worse, better, or neither: lists whose worth is reckoned by hand, and recipes over other catalogues."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from town import DOMAIN, ITEMS, day, events

from recsat import Catalogue, Dataset, RunConfig
from recsat.builtin.arms import RECOMMENDERS
from recsat.config.settings import MeasureSettings, PromoteSettings
from recsat.data.split import Split
from recsat.lists.filters import SEEN
from recsat.measure.across_runs import JudgedLists
from recsat.plugins import load_plugins
from recsat.stages.promotion.evidence import NAME, Recipe, lists_of_recipe, of_both, weigh
from recsat.stages.promotion.record import Evidence
from recsat.stages.trial.inputs import RunInputs

SETTINGS = MeasureSettings(n_bootstrap=500)
N = 200


def judged_with(hit_ranks: list[int | None], n_users: int = N) -> JudgedLists:
    """Lists of two; user u has the one item that it goes on to like at ``hit_ranks[u % len]`` (None: not at all)."""
    rows = []
    for u in range(n_users):
        rank = hit_ranks[u % len(hit_ranks)]
        for place in (1, 2):
            rows.append((f"u{u:03d}", "good" if place == rank else f"bad{place}", place, NAME))
    lists = pl.DataFrame(rows, schema=["user_id", "item_id", "rank", "arm"], orient="row")
    relevant = pl.DataFrame({"user_id": [f"u{u:03d}" for u in range(n_users)], "item_id": ["good"] * n_users})
    nothing = relevant.clear()
    return JudgedLists(lists, relevant, nothing, pl.Series("item_id", ["good", "bad1", "bad2"]))


def outcome(before: JudgedLists, now: JudgedLists, policy: str = "not-worse", **rule: object) -> Evidence:
    settings = PromoteSettings.model_validate({"policy": policy, **rule})
    return weigh([(before, now)], "served model", settings, SETTINGS, k=2, seed=0)[0]


HALF = judged_with([1, None])
"""nDCG@2 of .5"""


def test_equal_lists_are_not_worse_and_not_better() -> None:
    same = outcome(HALF, HALF)
    assert (same.mean_before, same.mean_now, same.difference) == (0.5, 0.5, 0.0)
    assert same.reserve == pytest.approx(0.025)
    assert same.reserve_low is not None
    assert 0 < same.reserve_low < 0.025
    assert same.holds
    assert not outcome(HALF, HALF, policy="better").holds
    assert not outcome(HALF, HALF, margin=0.0, policy="better").holds


def test_a_loss_within_the_margin_holds_and_one_beyond_does_not() -> None:
    one_in_twenty = judged_with([1, None] * 19 + [None, None])  # 5 % of the hits are gone
    assert outcome(HALF, one_in_twenty, margin=0.2).holds
    lost = outcome(HALF, one_in_twenty, margin=0.05)
    assert lost.difference == pytest.approx(-0.025)
    assert lost.reserve == pytest.approx(0)
    assert not lost.holds


def test_places_count() -> None:
    second = outcome(HALF, judged_with([2, None]))
    assert second.mean_now == pytest.approx(0.5 / math.log2(3))
    assert not second.holds


@pytest.mark.parametrize(("margin", "holds"), [(0.051, True), (0.049, False)])
def test_within_the_margin_is_a_matter_of_the_mean_and_not_of_its_interval(margin: float, holds: bool) -> None:
    one_in_twenty = judged_with([1, None] * 19 + [None, None])
    for policy, expected in (("within-margin", holds), ("not-worse", False)):
        evidence = outcome(HALF, one_in_twenty, policy, margin=margin)
        assert evidence.reserve == pytest.approx(0.5 * margin - 0.025)
        assert evidence.reserve_low is not None
        assert evidence.reserve_high is not None
        assert evidence.reserve_low < 0 < evidence.reserve_high
        assert evidence.holds == expected


def test_a_mean_without_an_interval_is_within_no_margin() -> None:
    nothing_listed = judged_with([None])
    unknown = outcome(nothing_listed, nothing_listed, "within-margin")
    assert (unknown.reserve, unknown.reserve_low, unknown.holds) == (0.0, None, False)


def test_too_few_users_to_tell_is_not_shown() -> None:
    rng = np.random.default_rng(1)
    ranks = [int(r) if r else None for r in rng.integers(0, 3, size=20)]
    other = [ranks[i] for i in rng.permutation(20)]
    unsure = outcome(judged_with(ranks, 20), judged_with(other, 20))
    assert unsure.mean_before == pytest.approx(unsure.mean_now)
    assert not unsure.holds
    assert outcome(judged_with(ranks, 20), judged_with(other, 20), "within-margin").holds
    assert unsure.reserve_high is not None
    assert unsure.reserve_high > 0


def test_better_is_shown_by_an_interval_above_nothing() -> None:
    ranks: list[int | None] = [1, None, 1, None, 1, None, 1, 1]
    better = outcome(HALF, judged_with(ranks), policy="better")
    assert better.holds
    assert better.margin == 0
    assert better.low == better.reserve_low


def test_guards_have_margins_of_their_own() -> None:
    second = judged_with([2, None])
    rule = PromoteSettings(measure="hit", guards={"ndcg": 0.5, "mrr": 0.1})
    rows = weigh([(HALF, second)], "served model", rule, SETTINGS, k=2, seed=0)
    assert [(one.measure, one.margin, one.holds) for one in rows] == [
        ("hit@2", 0.05, True),
        ("ndcg@2", 0.5, True),
        ("mrr@2", 0.1, False),
    ]


def test_nobody_in_common_is_nothing_shown() -> None:
    others = replace(HALF, relevant=HALF.relevant.with_columns(user_id=pl.col("user_id") + "x"))
    rows = weigh([(HALF, others)], "served model", PromoteSettings(), SETTINGS, k=2, seed=0)
    assert [(one.n_users, one.holds, one.difference) for one in rows] == [(0, False, None)]


def town(items: pl.DataFrame, scale: float) -> RunInputs:
    rows = [(user, item, n) for n, (user, item) in enumerate(zip("uvwuvwuvw", "abcbcacab", strict=True))]
    vectors = np.eye(len(items), dtype=np.float32) * np.float32(scale)
    known = events(*rows)
    return RunInputs(
        dataset=Dataset(items=items, events=known),
        catalogue=Catalogue(items),
        domain=DOMAIN,
        filters={"seen": SEEN},
        vectors={"text": vectors},
        item_texts=items["title"].to_list(),
        encoder=f"{scale:g}",
    )


def split_of(inputs: RunInputs) -> Split:
    """The first six events are known, two for validation, the last is judged."""
    table = inputs.dataset.events
    parts = [
        table.filter(pl.col("timestamp").is_between(day(a), day(b), closed="left")) for a, b in ((0, 5), (5, 6), (6, 9))
    ]
    return Split(name="timeline", protocol="timeline", description="", draw=1, train=parts[0], validation=parts[1], test=parts[2], validation_items=None, test_items=None)  # fmt: skip


def test_a_recipe_keeps_its_own_vectors_and_leaves_out_items_that_it_did_not_have() -> None:
    today, before = town(ITEMS, 1.0), town(ITEMS.filter(pl.col("item_id") != "b"), 5.0)
    spec = next(one for one in RECOMMENDERS if one.name == "popularity")
    recipe = Recipe(arm="popularity", spec=spec, parameters={}, config=RunConfig(), inputs=before)
    inputs, split = of_both(recipe, today, split_of(today))
    assert inputs.catalogue.ids == list("acdef")
    assert inputs.item_texts == ["Apple", "Cheese", "Dates", "Eggs", "Figs"]
    assert inputs.vectors["text"].max() == 5.0
    assert inputs.encoder == "5"
    assert inputs.vectors["text"].shape == (5, 5)
    for table in (split.train, split.validation, split.test, inputs.dataset.events):
        assert "b" not in table["item_id"].to_list()
    judged = lists_of_recipe(recipe, today, split_of(today), load_plugins([]))
    assert judged.items.to_list() == list("acdef")
    assert set(judged.lists["arm"]) == {NAME}
    assert "b" not in judged.lists["item_id"].to_list()
    seen = judged.lists.join(judged.known, on=["user_id", "item_id"], how="semi")
    assert seen.is_empty()
