"""Popularity of late, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.popularity import Popularity
from recsat.arms.recency import DAY
from recsat.arms.recent_popularity import RecentPopularity
from recsat.arms.saved import ArmItems, load_arm, save_arm
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import fashions, training_data

DAYS = np.array([[1.0, 100.0, 0, 0], [2.0, 90.0, 0, 0], [3.0, 0, 98.0, 0], [4.0, 0, 0, 0]])
"""The day on which a user liked an item, 0 for none; the cut is day 100."""


def trained(days: np.ndarray = DAYS) -> TrainingData:
    train = training_data((days > 0).astype(np.float32))
    return replace(train, users=replace(train.users, times=csr_array(days * DAY)), now=100 * DAY)


def scores_of(arm: RecentPopularity | MarketPopularity | Popularity, train: TrainingData) -> list[float]:
    return list(arm.score(train.users.take(slice(0, 1)))[0].tolist())


def test_a_like_counts_half_for_every_half_life() -> None:
    train = trained()
    arm = RecentPopularity(half_life=10).fit(train)
    expected = [2**-9.9 + 2**-9.8 + 2**-9.7 + 2**-9.6, 1 + 0.5, 2**-0.2, 0]
    np.testing.assert_allclose(scores_of(arm, train), expected, atol=1e-5)
    assert scores_of(RecentPopularity(half_life=1000).fit(train), train)[0] > 2 * max(expected)


def test_the_reason_counts_who_liked_the_item_within_a_half_life() -> None:
    train = trained()
    reasons = RecentPopularity(half_life=10).fit(train).explain(train.users.take(slice(0, 1)), np.array([[0, 1, 2, 3]]))
    assert reasons.code.tolist() == [["popular", "recent", "recent", "new"]]
    assert reasons.n is not None
    assert reasons.days is not None
    assert reasons.n.tolist() == [[0, 2, 1, 0]]
    assert reasons.days.tolist() == [[0, 10, 10, 0]]


@pytest.mark.parametrize("kind", ["no times", "no moment", "one moment", "none"])
def test_without_times_it_is_popularity_and_says_so(kind: str) -> None:
    train = trained()
    train = {
        "no times": replace(train, users=replace(train.users, times=None)),
        "no moment": replace(train, now=None),
        "one moment": trained(np.where(DAYS > 0, 7.0, 0)),
        "none": train,
    }[kind]
    arm = RecentPopularity(half_life=None) if kind == "none" else RecentPopularity()
    arm.fit(train)
    assert scores_of(arm, train) == scores_of(Popularity().fit(train), train) == [4, 2, 1, 0]
    items = np.array([[0, 1, 2, 3]])
    assert arm.explain(train.users.take(slice(0, 1)), items).code.tolist() == [["popular", "popular", "popular", "new"]]


def test_where_nothing_was_liked_for_long_popularity_decides() -> None:
    train = trained(np.where(DAYS > 10, DAYS, DAYS / 10))
    arm = RecentPopularity(half_life=0.01).fit(replace(train, now=1e6 * DAY))
    assert scores_of(arm, train)[0] > scores_of(arm, train)[1] > scores_of(arm, train)[2] > scores_of(arm, train)[3]


def test_later_events_move_the_counts_and_not_the_half_life(tmp_path: Path) -> None:
    train = fashions()
    times = train.users.times
    assert times is not None
    early = replace(train.users, times=csr_array((times.data * 0.5, times.indices, times.indptr), shape=times.shape))
    items = ArmItems(train.catalogue)
    arm = RecentPopularity().fit(train)
    assert arm.seconds is not None
    before = scores_of(arm, train)
    save_arm(arm, tmp_path / "arm", name="popularity-recent", items=items)
    loaded = load_arm(RecentPopularity(), tmp_path / "arm", name="popularity-recent", items=items)
    moved = loaded.recounted(replace(train, users=early, now=50 * DAY))
    expected = RecentPopularity(half_life=arm.seconds / DAY).fit(replace(train, users=early, now=50 * DAY))
    torch.testing.assert_close(moved.scores, expected.scores)
    assert scores_of(loaded, train) == before != scores_of(moved, train), "the arm that was asked stays"


def test_the_fallback_counts_alike_in_a_market_and_everywhere() -> None:
    train = trained()
    markets = np.array(["GB", "GB", "MT", "MT"])
    train = replace(train, users=replace(train.users, markets=markets))
    arm = MarketPopularity(prior_users=1.0, half_life=10).fit(train)
    plain = scores_of(RecentPopularity(half_life=10).fit(train), train)
    new = replace(train.users, history=csr_array((4, 4), dtype=np.float32), times=None)
    in_gb, in_mt = (arm.score(new.take(slice(row, row + 1)))[0].numpy() for row in (0, 2))
    of_gb = [2**-9.9 + 2**-9.8, 1.5, 0, 0]
    np.testing.assert_allclose(in_gb, [(n + p / 4) / 3 for n, p in zip(of_gb, plain, strict=True)], atol=1e-5)
    assert int(in_mt.argmax()) == 2
    reasons = arm.explain(new.take(slice(2, 3)), np.array([[0, 1, 2, 3]]))
    assert reasons.code.tolist() == [["no-history-market", "recent", "recent", "new"]]


def test_the_fallback_s_half_life_is_chosen_for_users_without_a_history() -> None:
    """Regulars like the same few items at all times, newcomers what is in fashion."""
    newcomers, rng = fashions(), np.random.default_rng(0)
    assert newcomers.users.times is not None
    weights = 1 / np.arange(1, 41)
    days = np.zeros((900, 40))
    for user in range(900):
        items = rng.choice(40, 8, replace=False, p=weights / weights.sum())
        days[user, items] = [rng.uniform(1, 20), *rng.uniform(1, 100, 7)]
    train = trained(np.concatenate([newcomers.users.times.toarray() / DAY, days]))
    arm, fallback = RecentPopularity().fit(train), MarketPopularity().fit(train)
    assert fallback.seconds is not None
    assert fallback.seconds < 30 * DAY
    assert arm.seconds is None or arm.seconds > fallback.seconds


@pytest.mark.parametrize("half_life", [0, -1.0, "soon"])
def test_a_half_life_of_nothing_is_refused(half_life: float) -> None:
    for arm in (RecentPopularity, MarketPopularity):
        with pytest.raises(ValueError, match="half_life must be a number of days above 0"):
            arm(half_life=half_life)
