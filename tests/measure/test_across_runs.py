"""Runs compared on common ground: what both judge, and neither on what the other could not have listed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from recsat.config.settings import MeasureSettings
from recsat.measure.across_runs import JudgedLists, compare_runs, on_common_ground
from recsat.result.model import RunComparison

SETTINGS = MeasureSettings(n_bootstrap=200)
K = 5


def pairs(text: str) -> pl.DataFrame:
    """``"ann: a b; bob: c"`` as (user_id, item_id)."""
    rows = [(user.strip(), item) for user, _, items in (part.partition(":") for part in text.split(";") if part.strip()) for item in items.split()]  # fmt: skip
    return pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")


def judged(
    lists: str, relevant: str, known: str = "", items: str = "a b c d e f g h", arm: str = "ease"
) -> JudgedLists:
    table = pairs(lists).with_columns(arm=pl.lit(arm), rank=pl.int_range(pl.len()).over("user_id") + 1)
    empty = pl.Schema({"user_id": pl.String, "item_id": pl.String})
    return JudgedLists(table, pairs(relevant), pairs(known).cast(empty) if known else pl.DataFrame(schema=empty), pl.Series("item_id", items.split()))  # fmt: skip


def compared(before: JudgedLists, now: JudgedLists, arms: tuple[str, ...] = ("ease",)) -> list[RunComparison]:
    return compare_runs([(before, now)], "warm", arms=arms, measures=["recall"], k=K, settings=SETTINGS, seed=0)


def test_runs_are_judged_on_what_both_held_out_and_could_have_listed() -> None:
    before = judged("ann: a b c d; bob: a b", "ann: a d f; bob: b", known="bob: c")
    now = judged("ann: d e b; bob: c b g", "ann: d f; bob: b h", known="ann: a", items="b c d e f g")
    relevant, first, second = on_common_ground(before, now)
    assert relevant.sort("user_id", "item_id").rows() == [("ann", "d"), ("ann", "f"), ("bob", "b")]
    # Of ann, a is known by now and no item of the later run; of bob, a is no item there.
    assert first.select("user_id", "item_id", "rank").sort("user_id", "rank").rows() == [
        ("ann", "b", 1), ("ann", "c", 2), ("ann", "d", 3), ("bob", "b", 1),
    ]  # fmt: skip
    assert second.select("user_id", "item_id", "rank").sort("user_id", "rank").rows() == [
        ("ann", "d", 1), ("ann", "e", 2), ("ann", "b", 3), ("bob", "b", 1),
    ]  # fmt: skip


def test_the_difference_is_paired_over_the_users_of_both() -> None:
    [one] = compared(
        judged("ann: a b; bob: c d; cyd: e", "ann: a; bob: a; cyd: e"),
        judged("ann: c d; bob: a d; dan: e", "ann: a; bob: a; dan: e"),
    )
    assert (one.measure, one.n_users, one.n_pairs) == ("recall@5", 2, 2)
    assert (one.mean_before, one.mean_now, one.mean) == (0.5, 0.5, 0.0)
    assert not one.significant


@pytest.mark.parametrize(
    ("relevant_before", "relevant_now", "known_now"),
    [
        ("ann: a; bob: b", "cyd: a; dan: b", ""),
        ("ann: a; bob: b", "ann: c; bob: d", ""),
        ("ann: a; bob: b", "ann: a; bob: c", ""),
        ("ann: a; bob: b", "ann: a; bob: b", "ann: a"),
    ],
)
def test_where_the_runs_share_no_two_users_with_a_held_out_item_nothing_is_compared(
    relevant_before: str, relevant_now: str, known_now: str
) -> None:
    lists = "ann: a b; bob: b a; cyd: a; dan: b"
    assert compared(judged(lists, relevant_before), judged(lists, relevant_now, known_now)) == []


N_USERS, N_ITEMS, WINDOW, PER_DAY = 150, 120, 8, 1
Scores = NDArray[np.float64]


def days(rng: np.random.Generator, noise: tuple[float, float]) -> tuple[JudgedLists, JudgedLists]:
    """A system today and yesterday: people like items by their taste, one a day; the window that is judged moves by a day.

    Lists are the K best items that are not known, by taste and ``noise`` of that day's fit.
    """
    taste = rng.normal(size=(N_USERS, N_ITEMS))
    likes = np.argsort(-(taste + rng.gumbel(size=taste.shape)), axis=1)[:, : 5 + WINDOW + PER_DAY]
    runs = []
    for day in (0, 1):
        cut = 5 + day * PER_DAY
        score = taste + noise[day] * rng.normal(size=taste.shape)
        np.put_along_axis(score, likes[:, :cut], -np.inf, axis=1)
        runs.append(
            JudgedLists(
                table_of(np.argsort(-score, axis=1)[:, :K]).with_columns(
                    arm=pl.lit("ease"), rank=pl.int_range(pl.len()).over("user_id") + 1
                ),
                table_of(likes[:, cut : cut + WINDOW]),
                table_of(likes[:, :cut]),
                pl.Series("item_id", [f"i{i}" for i in range(N_ITEMS)]),
            )
        )
    return runs[0], runs[1]


def table_of(items: NDArray[np.int64]) -> pl.DataFrame:
    users = np.repeat(np.arange(len(items)), items.shape[1])
    return pl.DataFrame({"user_id": [f"u{u}" for u in users], "item_id": [f"i{i}" for i in items.ravel()]})


def test_a_stable_system_is_not_worse_today_and_a_broken_one_is_at_once() -> None:
    rng = np.random.default_rng(0)
    stable = [compared(*days(rng, (0.5, 0.5)))[0] for _ in range(120)]
    n_alarms = sum(one.significant and one.mean < 0 for one in stable)
    assert n_alarms <= 8  # 2.5 % of 120 are expected, and more than 8 have a chance below 1 %
    drifts = np.array([one.mean for one in stable])
    assert abs(drifts.mean()) < 3 * drifts.std() / np.sqrt(len(drifts))  # no side is favoured because it knew more
    broken = [compared(*days(rng, (0.5, 50.0)))[0] for _ in range(5)]
    assert all(one.significant and one.mean < 0 for one in broken)
