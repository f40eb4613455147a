"""Accuracy kind by kind, on invented lists: by hand, with few users, over draws."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

import numpy as np
import polars as pl
import pytest

from recsat.config.settings import MeasureSettings
from recsat.measure.behaviour import mostly
from recsat.measure.evidence import Evidence
from recsat.measure.kinds import KindsOfDraw, kind_accuracy
from recsat.measure.significance import false_discovery
from recsat.result.model import KindAccuracy

SETTINGS = MeasureSettings(baseline="random", n_bootstrap=200)
KINDS = ["friend", "post", "film"]
ITEMS = pl.DataFrame({"item_id": [f"{kind}-{i}" for kind in ("friend", "post") for i in range(12)]}).with_columns(
    kind=pl.col("item_id").str.split("-").list.first()
)


def invented(
    seed: int, n_friend: int = 40, n_post: int = 60
) -> tuple[KindsOfDraw, dict[tuple[str, str], pl.DataFrame]]:
    """Users u0, u1, … like two friends, p0, p1, … three posts, and u0 to u9 a post as well; the arm ``reader`` lists liked items more often than ``random``."""
    dice = np.random.default_rng(seed)
    likes = [(f"u{i}", f"friend-{j}") for i in range(n_friend) for j in dice.permutation(12)[:2]]
    likes += [(f"p{i}", f"post-{j}") for i in range(n_post) for j in dice.permutation(12)[:3]]
    likes += [(f"u{i}", f"post-{dice.integers(12)}") for i in range(min(10, n_friend))]
    relevant = pl.DataFrame(likes, schema=["user_id", "item_id"], orient="row")
    lists = {}
    for kind in ("friend", "post"):
        for arm, push in (("random", 0.0), ("reader", 0.3), ("copy", 0.3)):
            of_arm = np.random.default_rng(
                [seed, ord(kind[0]), ord(arm[0]) if arm != "copy" else ord("r"), int(push * 10)]
            )
            rows = []
            for user in relevant["user_id"].unique().sort():
                liked = set(relevant.filter(pl.col("user_id") == user)["item_id"])
                scores = {f"{kind}-{i}": of_arm.random() + push * (f"{kind}-{i}" in liked) for i in range(12)}
                best = sorted(scores, key=scores.__getitem__, reverse=True)[:4]
                rows += [(user, item, rank) for rank, item in enumerate(best, 1)]
            lists[kind, arm] = pl.DataFrame(rows, schema=["user_id", "item_id", "rank"], orient="row")
    return KindsOfDraw(lambda kind, arm: lists[kind, arm], relevant, ITEMS), lists


def by_hand(lists: pl.DataFrame, relevant: pl.DataFrame, kind: str) -> Mapping[str, float]:
    values = {}
    for (user,), rows in (
        relevant.filter(pl.col("item_id").str.starts_with(kind)).partition_by("user_id", as_dict=True).items()
    ):
        liked = set(rows["item_id"])
        listed = lists.filter(pl.col("user_id") == user).sort("rank")["item_id"].to_list()
        dcg = sum(1 / log2(at + 2) for at, item in enumerate(listed) if item in liked)
        values[str(user)] = dcg / sum(1 / log2(at + 2) for at in range(min(4, len(liked))))
    return values


def measured(draws: list[KindsOfDraw], pair: tuple[str, str] | None = ("reader", "random")) -> dict[str, KindAccuracy]:
    arms = ["random", "reader", "copy"]
    of_kinds = kind_accuracy("warm", KINDS, arms, draws, pair=pair, settings=SETTINGS, k=4, seed=0)
    assert [one.kind for one in of_kinds] == KINDS
    return {one.kind: one for one in of_kinds}


@pytest.mark.parametrize(("kind", "n"), [("friend", 40), ("post", 70)])
def test_each_kind_is_judged_on_its_own_users_lists_and_likes(kind: str, n: int) -> None:
    draw, lists = invented(1)
    one = measured([draw])[kind]
    expected = {arm: by_hand(lists[kind, arm], draw.relevant, kind) for arm in ("random", "reader", "copy")}
    assert (one.n_users, one.n_items, one.split, one.k) == (n, 12, "warm", 4)
    assert [arm.arm for arm in one.arms] == ["random", "reader", "copy"]
    for arm in one.arms:
        assert arm.ndcg.mean == pytest.approx(np.mean(list(expected[arm.arm].values())))
        assert arm.ndcg.n_users == n
    gain = np.mean([expected["reader"][user] - expected["random"][user] for user in expected["random"]])
    assert one.pair is not None
    assert (one.pair.mean, one.pair.n_users, one.pair.outcome) == (pytest.approx(gain), n, "better")
    reader = one.arms[1].difference
    assert reader is not None
    assert reader.mean == pytest.approx(gain)
    assert reader.significant
    assert one.arms[0].difference is None


def test_p_values_pay_for_every_arm_and_kind_and_those_of_the_pair_for_every_kind() -> None:
    draw, _ = invented(1)

    def raw(kind: str, arm: str) -> float:
        alone = kind_accuracy(
            "warm", [kind], ["random", arm], [draw], pair=(arm, "random"), settings=SETTINGS, k=4, seed=0
        )[0]
        assert alone.pair is not None
        return alone.pair.p_adjusted

    keys = [(kind, arm) for kind in ("friend", "post") for arm in ("reader", "copy")]
    of_arms = dict(zip(keys, false_discovery(np.array([raw(*key) for key in keys])), strict=True))
    of_pair = false_discovery(np.array([raw(kind, "reader") for kind in ("friend", "post")]))
    together = measured([draw])
    for kind, p in zip(("friend", "post"), of_pair, strict=True):
        pair = together[kind].pair
        assert pair is not None
        assert pair.p_adjusted == pytest.approx(p)
        for arm in together[kind].arms[1:]:
            assert arm.difference is not None
            assert arm.difference.p_adjusted == pytest.approx(of_arms[kind, arm.arm])


def test_fewer_than_thirty_users_get_no_number_and_a_kind_without_items_none_either() -> None:
    draw, _ = invented(2, n_friend=29)
    few = measured([draw])
    assert (few["friend"].n_users, few["friend"].arms, few["friend"].pair) == (29, [], None)
    assert (few["film"].n_users, few["film"].n_items, few["film"].arms) == (0, 0, [])
    assert few["post"].pair is not None
    enough, _ = invented(2, n_friend=30)
    assert measured([enough])["friend"].arms


def test_without_a_pair_arms_are_still_measured_and_of_the_same_lists_nothing_is_said() -> None:
    draw, _ = invented(1)
    assert measured([draw], pair=None)["friend"].pair is None
    assert len(measured([draw], pair=None)["friend"].arms) == 3
    same = measured([draw], pair=("reader", "copy"))["friend"].pair
    assert same is not None
    assert (same.mean, same.low, same.p_adjusted, same.detectable, same.outcome) == (0, None, 1, None, "not shown")


def test_draws_count_alike_and_a_user_once() -> None:
    (first, of_first), (second, of_second) = invented(3, n_friend=40), invented(4, n_friend=55)
    one = measured([first, second])["friend"]
    means = [
        np.mean(list(by_hand(lists["friend", "reader"], draw.relevant, "friend").values()))
        for draw, lists in ((first, of_first), (second, of_second))
    ]
    assert one.n_users == 55
    assert one.arms[1].ndcg.mean == pytest.approx(np.mean(means))


def test_users_are_of_the_kind_that_more_than_half_of_their_likes_are_of() -> None:
    likes = [("a", "friend-0"), ("a", "friend-1"), ("a", "post-0"), ("b", "friend-0"), ("b", "post-0")]
    likes += [("c", "post-1"), ("c", "post-1"), ("stranger", "post-1")]
    known = pl.DataFrame(likes, schema=["user_id", "item_id"], orient="row")
    nothing = known.clear()
    evidence = Evidence(
        split="warm",
        users=pl.Series(["c", "b", "a", "new"]),
        relevant=nothing,
        known_likes=known,
        history=nothing,
        outcomes=nothing,
        items=ITEMS,
    )
    slices = {name: ids.to_list() for name, ids in mostly(evidence, KINDS).items()}
    assert slices == {"mostly friend": ["a"], "mostly post": ["c"]}
