"""Serendipity, calibration, popularity lift and debiased nDCG against plain Python over each user's own list."""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.measure import accuracy, list_measures

ITEMS = pl.Series("item_id", [f"i{i}" for i in range(12)])
TOPICS = [["a"], ["a", "b"], ["b"], ["c"], ["a", "c", "d"], [], None, ["d"], ["b", "c"], ["a"], ["d", "d"], ["e"]]
CATALOGUE = pl.DataFrame(
    {"item_id": ITEMS, "genres": TOPICS}, schema={"item_id": pl.String, "genres": pl.List(pl.String)}
)
TOPICS_OF = {item: sorted(set(topics or [])) for item, topics in CATALOGUE.iter_rows()}
World = tuple[dict[str, list[str]], dict[str, set[str]], dict[str, set[str]]]


def pairs(by_user: dict[str, list[str]] | dict[str, set[str]]) -> pl.DataFrame:
    rows = [(user, item, place + 1) for user, items in by_user.items() for place, item in enumerate(items)]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}, orient="row")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Lists, held-out likes and known likes of five users; some have none."""
    users = [f"u{i}" for i in range(5)]
    lists = {
        user: draw(st.lists(st.sampled_from(ITEMS.to_list()), unique=True, min_size=1, max_size=7)) for user in users
    }
    known = {user: draw(st.sets(st.sampled_from(ITEMS.to_list()), max_size=9)) for user in users}
    relevant = {user: draw(st.sets(st.sampled_from(ITEMS.to_list()), max_size=6)) for user in users}
    return lists, relevant, known


def values(table: pl.DataFrame) -> dict[str, float | None]:
    return dict(table.iter_rows())


def agree(table: pl.DataFrame, oracle: Callable[[str], float | None], users: list[str]) -> None:
    expected = {user: oracle(user) for user in users}
    for user, value in values(table).items():
        assert value == (None if expected[user] is None else pytest.approx(expected[user], abs=1e-9)), user


def test_worked_examples_hold() -> None:
    counts = doctest.testmod(list_measures)
    assert counts.attempted > 0
    assert counts.failed == 0


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(1, 6))
def test_serendipity_is_the_share_of_hits_outside_what_is_popular(world: World, k: int) -> None:
    lists, relevant, known = world
    count = {item: sum(item in likes for likes in known.values()) for item in ITEMS}

    def oracle(user: str) -> float | None:
        if not relevant[user]:
            return None
        others = sorted((count[item] for item in ITEMS if item not in known[user]), reverse=True)
        least = others[k - 1] if len(others) >= k else 0
        expected = {item for item in ITEMS if item in known[user] or (count[item] > 0 and count[item] >= least)}
        return sum(item in relevant[user] and item not in expected for item in lists[user][:k]) / k

    agree(list_measures.serendipity(pairs(lists), pairs(relevant), pairs(known), ITEMS, k=k), oracle, list(lists))


def shares(items: list[str] | set[str]) -> dict[str, float]:
    mass: dict[str, float] = {}
    for item in items:
        for topic in TOPICS_OF[item]:
            mass[topic] = mass.get(topic, 0) + 1 / len(TOPICS_OF[item])
    return {topic: value / sum(mass.values()) for topic, value in mass.items()}


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_calibration_agrees_with_the_sums_over_topics(world: World) -> None:
    lists, _, known = world

    def divergence(user: str) -> float | None:
        p, q = shares(known[user]), shares(lists[user])
        if not p or not q:
            return None
        return sum(x * math.log(x / (0.99 * q.get(topic, 0) + 0.01 * x)) for topic, x in p.items())

    def hellinger(user: str) -> float | None:
        p, q = shares(known[user]), shares(lists[user])
        if not p or not q:
            return None
        return math.sqrt(sum((math.sqrt(p.get(t, 0)) - math.sqrt(q.get(t, 0))) ** 2 for t in p | q) / 2)

    agree(list_measures.topic_divergence(pairs(lists), pairs(known), CATALOGUE, "genres"), divergence, list(lists))
    distances = list_measures.topic_hellinger(pairs(lists), pairs(known), CATALOGUE, "genres")
    for user, value in values(distances).items():
        expected = hellinger(user)
        # A root of a rounding error: 1e-16 becomes 1e-8.
        assert value == (None if expected is None else pytest.approx(expected, abs=1e-7)), user


def test_a_list_of_the_history_is_calibrated_and_one_without_its_topics_is_as_far_as_can_be() -> None:
    known = pairs({"same": {"i1", "i3"}, "other": {"i0"}})
    lists = pairs({"same": ["i3", "i1"], "other": ["i11", "i7"]})
    divergence = values(list_measures.topic_divergence(lists, known, CATALOGUE, "genres"))
    distance = values(list_measures.topic_hellinger(lists, known, CATALOGUE, "genres"))
    assert divergence == pytest.approx({"same": 0.0, "other": math.log(100)}, abs=1e-9)
    assert distance == pytest.approx({"same": 0.0, "other": 1.0}, abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_popularity_lift_counts_the_other_users(world: World) -> None:
    lists, _, known = world

    def oracle(user: str) -> float | None:
        if not known[user]:
            return None

        def mean(items: list[str] | set[str]) -> float:
            others = [sum(item in likes for name, likes in known.items() if name != user) for item in items]
            return sum(math.log2(n + 1) for n in others) / len(others)

        return mean(lists[user]) - mean(known[user])

    agree(list_measures.popularity_lift(pairs(lists), pairs(known), ITEMS), oracle, list(lists))


def test_a_list_of_the_users_own_history_has_no_popularity_lift() -> None:
    known = pairs({"u": {"i0", "i1"}, "v": {"i1"}, "w": {"i1", "i2"}})
    lift = values(list_measures.popularity_lift(pairs({"u": ["i1", "i0"]}), known, ITEMS))
    assert lift == pytest.approx({"u": 0.0}, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(worlds(), st.integers(1, 8), st.sampled_from([0.0, 0.5, 1.5]))
def test_debiased_ndcg_is_the_weighted_sum_over_that_of_the_best_order(world: World, k: int, power: float) -> None:
    lists, relevant, known = world
    weight = {item: (sum(item in likes for likes in known.values()) + 1) ** -power for item in ITEMS}

    def dcg(items: list[str]) -> float:
        return sum(weight[item] / math.log2(place + 2) for place, item in enumerate(items[:k]) if item)

    def oracle(user: str) -> float | None:
        if not relevant[user]:
            return None
        hits = [item if item in relevant[user] else "" for item in lists[user]]
        return dcg(hits) / dcg(sorted(relevant[user], key=lambda item: -weight[item]))

    table = list_measures.debiased_ndcg(pairs(lists), pairs(relevant), pairs(known), ITEMS, k=k, power=power)
    agree(table, oracle, list(lists))
    judged = pl.Series([user for user in lists if relevant[user]], dtype=pl.String)
    if power == 0 and len(judged):
        raw = values(accuracy.ndcg(pairs(lists), pairs(relevant), judged, k=k))
        assert {user: value for user, value in values(table).items() if user in raw} == pytest.approx(raw, abs=1e-12)


def test_a_hit_on_what_few_know_counts_for_more() -> None:
    known = pairs({f"x{i}": {"i0"} for i in range(8)})
    relevant = pairs({"popular": {"i0", "i1"}, "rare": {"i0", "i1"}})
    lists = pairs({"popular": ["i0", "i5"], "rare": ["i1", "i5"]})
    table = values(list_measures.debiased_ndcg(lists, relevant, known, ITEMS, k=2))
    ideal = 1 + (1 / 3) / math.log2(3)
    assert table == pytest.approx({"popular": (1 / 3) / ideal, "rare": 1 / ideal})


def test_debiasing_moves_the_difference_of_two_arms_towards_the_truth_and_does_not_reach_it() -> None:
    """Rare items are liked more, popular ones observed nine times as often; weights within users undo a part of that alone."""
    rng = np.random.default_rng(0)
    n_users, items = 4000, [f"p{i}" for i in range(5)] + [f"r{i}" for i in range(5)]
    liked = rng.random((n_users, 10)) < np.r_[np.full(5, 0.5), np.full(5, 0.6)]
    observed = liked & (rng.random((n_users, 10)) < np.r_[np.full(5, 0.9), np.full(5, 0.1)])
    # Training popularity with the same bias, 80 to none: the root of 81 is the ratio of 9.
    known = pairs({f"k{i}": set(items[:5]) for i in range(80)})

    def gap(likes: np.ndarray, power: float) -> float:
        """Mean of the arm that lists the rare items, less that of the arm that lists the popular ones."""
        users, places = np.nonzero(likes)
        relevant = pl.DataFrame({"user_id": [f"u{u}" for u in users], "item_id": [items[i] for i in places]})
        names = relevant["user_id"].unique(maintain_order=True)
        popular, rare = (
            list_measures.debiased_ndcg(
                pairs(dict.fromkeys(names, arm)), relevant, known, pl.Series(items), k=5, power=power
            )["value"].to_numpy()
            for arm in (items[:5], items[5:])
        )
        return float((rare - popular).mean())

    truth, raw, debiased = gap(liked, 0.0), gap(observed, 0.0), gap(observed, 0.5)
    assert truth > 0.05
    assert raw < debiased - 0.1 < debiased < truth
