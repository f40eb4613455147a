"""The log of a split: who is judged, with which probability an arm shows what was shown, and when nothing is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
import torch
from town import ITEMS, day, events, inputs

from recsat import Catalogue, Dataset, RerankInput
from recsat.arms.popularity import Popularity
from recsat.config.settings import MeasureSettings, SplitSettings, TargetSettings
from recsat.data.split import Split, split_events
from recsat.lists.request import Request
from recsat.offpolicy import diagnose, judged
from recsat.rerank.greedy import ByScore
from recsat.result.model import Counterfactual
from recsat.stages.trial import counterfactual as room
from recsat.stages.trial.counterfactual import (
    counterfactual,
    counterfactual_lack,
    plain_lists,
    rewards_of,
    without_likes,
)
from recsat.stages.trial.fold import test_fold as final_fold
from recsat.stages.trial.inputs import RunInputs
from recsat.testing.simulate import (
    SimulatorSettings,
    World,
    log_exposures,
    make_world,
    popularity_policy,
    uniform_policy,
)

SETTINGS = MeasureSettings()
LIKED = pl.col("event") == "like"


def town(exposures: pl.DataFrame | None) -> tuple[RunInputs, Split]:
    """Twenty likes over twenty days by five users; the last fifth is the test."""
    users = ["ann", "bob", "cem", "dee", "eva"]
    rows = [(users[i % 5], "abcdef"[i % 6], float(i)) for i in range(20)]
    data = Dataset(items=ITEMS, events=events(*rows), exposures=exposures)
    return inputs(data), split_events(data.events, LIKED, SplitSettings(), seed=0)


def exposures_of(*rows: tuple[str, str, float, float, bool]) -> pl.DataFrame:
    """(user, item, day, propensity, click)."""
    names = ["user_id", "item_id", "day", "propensity", "click"]
    table = pl.DataFrame(rows, schema=names, orient="row")
    times = pl.Series("timestamp", [day(row[2]) for row in rows], dtype=pl.Datetime("us", "UTC"))
    return table.drop("day").with_columns(times, position=pl.lit(1), policy=pl.lit("front"))


LOG = exposures_of(
    ("ann", "a", 1.0, 0.5, True),  # before the cut
    ("ann", "a", 18.0, 0.5, True),
    ("ann", "b", 18.5, 0.25, False),
    ("zoe", "c", 19.0, 0.125, False),  # liked nothing, and counts
    ("zoe", "a", 19.5, 0.5, True),
)
LISTS = pl.DataFrame(
    {
        "user_id": ["ann", "ann", "zoe", "zoe"],
        "item_id": ["a", "c", "c", "f"],
        "rank": [1, 2, 1, 2],
        "arm": ["ease"] * 4,
    }
)


def test_values_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "diagnose", lambda log, target: replace(diagnose(log, target), answer="limited"))
    log = counterfactual(*town(LOG), LISTS, SETTINGS)
    assert (log.n, log.n_clicks, log.n_users, log.n_users_shown) == (4, 2, 2, 2)
    assert (log.policies, log.evidence) == (["front"], "logged")
    assert log.logging.value == pytest.approx(0.5)
    (ease,) = log.arms
    # Weights 1, 0, 4, 0, of which the first was clicked.
    assert ease.mean_weight == pytest.approx(5 / 4)
    assert ease.effective_rounds == pytest.approx(25 / 17)
    assert ease.value is not None
    assert ease.value.value == pytest.approx(1 / 5)
    assert ease.against_logging is not None
    assert ease.against_logging.value == pytest.approx(1 / 5 - 1 / 2)


def test_where_the_log_cannot_answer_there_is_no_number() -> None:
    (ease,) = counterfactual(*town(LOG), LISTS, SETTINGS).arms
    assert (ease.answer, ease.value, ease.against_logging) == ("refused", None, None)
    assert "no clicks" in ease.causes
    assert ease.reasons[-1] == "The estimate would rest on 1.0 effective clicks."


def test_a_place_of_one_kind_shows_the_items_of_that_kind_alone() -> None:
    run_inputs, split = town(LOG)
    two_kinds = ITEMS.with_columns(kind=pl.Series(["shop"] * 3 + ["friend"] * 3))
    run_inputs = replace(run_inputs, catalogue=Catalogue(two_kinds))
    lists = pl.DataFrame({"user_id": ["ann"] * 3, "item_id": ["a", "d", "e"], "rank": [1, 2, 3], "arm": ["ease"] * 3})
    (ease,) = counterfactual(run_inputs, split, lists, SETTINGS).arms
    # Shop places of ann show a alone, which was shown once with propensity 1/2.
    assert ease.mean_weight == pytest.approx(2 / 4)


def test_the_target_of_the_settings_weighs_and_reaches_the_result() -> None:
    settings = MeasureSettings(target=TargetSettings(policy="softmax", temperature=2.0, epsilon=0.1))
    log = counterfactual(*town(LOG), LISTS, settings)
    (ease,) = log.arms
    first, second = (0.9 * np.exp([0.0, -0.5]) / np.exp([0.0, -0.5]).sum()) + 0.1 / 6
    # ann: a with 1/2, b (not listed) with 1/4; zoe: c, her first, with 1/8, a (not listed) with 1/2.
    assert ease.mean_weight == pytest.approx((first / 0.5 + (0.1 / 6) / 0.25 + first / 0.125 + (0.1 / 6) / 0.5) / 4)
    assert second < first
    assert log.target.model_dump() == {"policy": "softmax", "temperature": 2.0, "epsilon": 0.1}


def test_what_exposures_brought_in_is_valued_by_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "diagnose", lambda log, target: replace(diagnose(log, target), answer="limited"))
    valued = LOG.with_columns(value=pl.Series([100.0, 8.0, None, 3.0, 0.0]))
    run_inputs, split = town(valued)
    assert rewards_of(valued, split) == ["click", "value"]
    log = counterfactual(run_inputs, split, LISTS, SETTINGS, reward="value")
    assert (log.reward, log.n, log.n_clicks) == ("value", 4, 2)
    assert log.logging.value == pytest.approx(11 / 4)
    (ease,) = log.arms
    # Weights 1, 0, 4, 0, and amounts 8, nothing known, 3, 0.
    assert ease.value is not None
    assert ease.value.value == pytest.approx((8 + 4 * 3) / 5)
    assert ease.effective_clicks == pytest.approx(20**2 / (8**2 + 12**2))
    assert ease.value.high is not None
    assert ease.value.high <= 8


def test_a_rare_amount_is_refused_in_its_words() -> None:
    valued = LOG.with_columns(value=pl.Series([0.0, 8.0, 0.0, 0.0, 0.0]))
    (ease,) = counterfactual(*town(valued), LISTS, SETTINGS, reward="value").arms
    assert (ease.answer, ease.value) == ("refused", None)
    assert ease.reasons[-1] == "The estimate would rest on as much as 1.0 exposures that brought something in."


def test_amounts_that_are_known_of_nothing_after_the_cut_are_no_log_of_amounts() -> None:
    _, split = town(LOG)
    assert rewards_of(LOG, split) == ["click"]
    before = LOG.with_columns(value=pl.Series([100.0, None, None, None, None]))
    assert rewards_of(before, split) == ["click"]


def test_assumed_propensities_reach_the_result() -> None:
    settings = MeasureSettings(propensity_model="share of the item in the log")
    log = counterfactual(*town(LOG), LISTS, settings)
    assert (log.evidence, log.propensity_model) == ("assumed", "share of the item in the log")


def test_who_liked_nothing_is_served_too() -> None:
    run_inputs, split = town(pl.concat([LOG, exposures_of(("bob", "a", 19.6, 0.5, False))]))
    served = final_fold(run_inputs, split).users.id_series
    others = without_likes(run_inputs, split, served)
    assert others is not None
    assert "bob" in served.to_list()
    assert others.users.ids == ["ann", "zoe"]
    of_test = final_fold(run_inputs, split).train
    known = ("protocol", "test_share", "now")
    assert [getattr(others.train, name) for name in known] == [getattr(of_test, name) for name in known]
    everybody = pl.concat([served, pl.Series(["ann", "zoe"])])
    assert without_likes(run_inputs, split, everybody) is None


@dataclass(frozen=True)
class Reading:
    """A reranker that notes whose texts it knows when it reranks."""

    notes: list[set[str]]
    known: frozenset[str] = frozenset()

    def with_texts(self, item_texts: Sequence[str], user_texts: Mapping[str, str]) -> Reading:
        return replace(self, known=frozenset(user_texts))

    def rerank(self, block: RerankInput, k: int) -> torch.Tensor:
        self.notes.append(set(self.known))
        return ByScore().rerank(block, k)


def test_a_reranker_that_reads_knows_the_texts_of_those_who_are_listed() -> None:
    run_inputs, split = town(LOG)
    judging = final_fold(run_inputs, split)
    others = without_likes(run_inputs, split, judging.users.id_series)
    assert others is not None
    notes: list[set[str]] = []
    request = Request(k=2, reranker=Reading(notes, frozenset(judging.users.ids)))
    lists = plain_lists(run_inputs, others, "popularity", Popularity().fit(judging.train), request, None)
    assert lists.columns == ["user_id", "item_id", "rank", "arm"]
    assert lists["user_id"].unique().sort().to_list() == ["ann", "zoe"]
    assert notes == [{"ann"}]


def test_an_interval_of_a_rate_stays_between_0_and_1_and_no_click_says_nothing_of_its_ends() -> None:
    unequal = pl.concat([LOG, exposures_of(("zoe", "b", 19.7, 0.5, True))])
    log = counterfactual(*town(unequal), LISTS, SETTINGS)
    assert (log.logging.low, log.logging.high) == (0.0, 1.0)
    clickless = counterfactual(*town(LOG.with_columns(click=pl.lit(value=False))), LISTS, SETTINGS)
    assert (clickless.logging.value, clickless.logging.low, clickless.logging.high) == (0.0, None, None)


def test_of_many_users_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_USERS", 1)
    log = counterfactual(*town(LOG), LISTS, SETTINGS)
    assert (log.n_users, log.n_users_shown) == (1, 2)


@pytest.mark.parametrize(
    ("exposures", "reason"),
    [
        (None, "nobody recorded what was shown"),
        (LOG.drop("click"), "no column click"),
        (LOG.filter(pl.col("timestamp") < day(5)), "Nothing was shown after the cut of timeline"),
        (LOG.with_columns(propensity=pl.lit(None, pl.Float64)), "with which probability it was"),
    ],
)
def test_why_the_log_says_nothing(exposures: pl.DataFrame | None, reason: str) -> None:
    run_inputs, split = town(exposures)
    assert reason in (counterfactual_lack(run_inputs, split) or "")
    assert without_likes(run_inputs, split, pl.Series([], dtype=pl.String)) is None


def test_a_split_that_does_not_cut_by_time_says_nothing() -> None:
    run_inputs, split = town(LOG)
    assert counterfactual_lack(run_inputs, split) is None
    assert "does not cut by time" in (counterfactual_lack(run_inputs, replace(split, protocol="random")) or "")


def simulated(seed: int) -> tuple[World, Counterfactual]:
    """A world under its popularity policy; the list of everybody is all items, so that its policy is the uniform one."""
    settings = SimulatorSettings(n_users=80, n_items=12, n_days=60, n_slots=2, seed=seed)
    world = make_world(("a", "b", "c"), settings)
    table = log_exposures(world, popularity_policy(world)).drop("examined", "satisfaction")
    clicked = table.filter("click").select("user_id", "item_id", "timestamp", event=pl.lit("like"), value=pl.lit(1.0))
    items = pl.DataFrame({"item_id": [f"i{i:05d}" for i in range(12)]}).with_columns(
        kind=pl.lit("shop"), title="item_id"
    )
    data = Dataset(
        items=items, events=clicked.select("user_id", "item_id", "event", "value", "timestamp"), exposures=table
    )
    split = split_events(data.events, LIKED, SplitSettings(), seed=0)
    everything = items.select("item_id", rank=pl.int_range(1, pl.len() + 1))
    lists = table.select("user_id").unique().join(everything, how="cross").with_columns(arm=pl.lit("all"))
    return world, counterfactual(inputs(data), split, lists, SETTINGS)


def test_in_simulated_worlds_the_value_is_that_of_the_policy() -> None:
    errors, reaches = [], []
    for seed in range(12):
        world, log = simulated(seed)
        (value,) = log.arms
        assert value.value is not None
        assert value.value.high is not None
        visits = 1 + (popularity_policy(world) * world.satisfaction).sum(axis=1)
        rates = (uniform_policy(world) * world.satisfaction).sum(axis=1) * world.examination.mean()
        errors.append(value.value.value - visits @ rates / visits.sum())
        reaches.append(value.value.high - value.value.value)
    assert abs(np.mean(errors)) < np.mean(reaches) / 2
    assert np.mean(np.abs(errors) <= reaches) >= 0.8


def test_a_pair_of_arms_is_compared_on_the_same_places() -> None:
    both = pl.concat([LISTS, LISTS.with_columns(arm=pl.lit("text"))])
    log = counterfactual(*town(pl.concat([LOG] * 40)), both, SETTINGS, ("text", "ease"))
    assert log.pair is not None
    assert log.pair.difference is not None
    assert (log.pair.difference.value, log.pair.difference.low, log.pair.difference.high) == (0, 0, 0)
    assert log.pair.answer == "answers"
    shorter = pl.concat([LISTS, LISTS.head(1).with_columns(arm=pl.lit("text"))])
    other = counterfactual(*town(pl.concat([LOG] * 40)), shorter, SETTINGS, ("text", "ease"))
    assert other.pair is not None
    by_arm = {value.arm: value for value in other.arms}
    assert other.pair.difference is not None
    assert by_arm["text"].value is not None
    assert by_arm["ease"].value is not None
    assert other.pair.difference.value == pytest.approx(by_arm["text"].value.value - by_arm["ease"].value.value)
    refused = counterfactual(*town(LOG), both, SETTINGS, ("text", "ease"))
    assert refused.pair is not None
    assert (refused.pair.answer, refused.pair.difference) == ("refused", None)


def test_one_known_date_far_after_the_others_hides_nothing_of_what_was_shown() -> None:
    _, split = town(LOG)
    many = events(*(("ann", "a", day / 10) for day in range(30)))
    slip = events(("ann", "a", 4000.0))
    known = replace(split, train=pl.concat([split.train, many.select(split.train.columns)]))
    late = replace(known, train=pl.concat([known.train, slip.select(split.train.columns)]))
    assert room.shown_after(LOG, known).height == 4
    assert room.shown_after(LOG, late).equals(room.shown_after(LOG, known))
