"""The default arm on timelines: what is liked of late leads where likes move on, and is left out where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import csr_array

from recsat.arms.hybrid.hybrid import Hybrid
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import training_data

DAY = 86_400.0


def moving(*, moves: bool, seed: int = 0) -> TrainingData:
    """Users like ten items over 100 days; where likes move, an item is liked in ten days of its own alone."""
    rng = np.random.default_rng(seed)
    n_users, n_items, n_likes = 240, 60, 12
    days = np.sort(rng.uniform(0, 100, (n_users, n_likes)), axis=1)
    histories, times = np.zeros((2, n_users, n_items))
    for user in range(n_users):
        for day in days[user]:
            item = (
                int((day / 100 * n_items + rng.normal(0, 3)) % n_items)
                if moves
                else int(rng.integers(n_items) * rng.random())
            )
            histories[user, item], times[user, item] = 1, day * DAY + 1
    vectors = rng.standard_normal((n_items, 8)).astype(np.float32)
    world = training_data(histories.astype(np.float32), vectors, seed)
    history = world.users.history
    seconds = csr_array((times[histories > 0], history.indices, history.indptr), shape=history.shape)
    now = 100 * DAY + 1
    return replace(world, users=replace(world.users, times=seconds, now=now), protocol="timeline", now=now)


def follows_time(arm: Hybrid) -> bool:
    return "recent popularity" in arm.selection.warm.weights or any(
        name != "popularity" for name in arm.selection.warm.powers
    )


def test_where_likes_move_on_the_list_has_what_is_liked_now() -> None:
    train = moving(moves=True)
    arm = Hybrid().fit(train)
    assert follows_time(arm)
    top = (
        arm.score(train.users)
        .masked_fill(torch.from_numpy(train.users.history.toarray() > 0), float("-inf"))
        .topk(5)
        .indices
    )
    circle = torch.minimum(top, 60 - top).float().mean()
    assert circle < 10, "at day 100 the items around place 0 (and 60) are liked"


def test_where_they_do_not_a_gain_by_recency_is_left_out() -> None:
    with_gain = [
        any(name != "popularity" for name in Hybrid().fit(moving(moves=False, seed=seed)).selection.warm.powers)
        for seed in range(4)
    ]
    assert sum(with_gain) <= 1


def test_a_later_moment_moves_what_is_counted_and_nothing_that_was_learnt() -> None:
    train = moving(moves=True)
    arm = Hybrid().fit(train)
    same = arm.recounted(train)
    torch.testing.assert_close(same.score(train.users), arm.score(train.users))
    assert train.users.times is not None
    early = train.users.times.copy()
    early.data[:] = early.data.max() - early.data + 1  # what was liked first is liked last
    turned = replace(train, users=replace(train.users, times=early))
    moved = arm.recounted(turned)
    assert not torch.allclose(moved.score(train.users), arm.score(train.users))
    assert moved.selection.warm == arm.selection.warm
    torch.testing.assert_close(arm.score(train.users), same.score(train.users))
