"""Hold-outs inside fit look like the split that will judge: random, hidden items, windows in time, last likes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.arms.hybrid.holdout import (
    WINDOWS,
    chance_of_unseen,
    draws_of_items,
    hold_out,
    hold_outs,
    last_likes,
    latest,
    mostly_unseen,
    n_dead,
    p_dead,
)
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import training_data


@pytest.fixture
def data(blocks: TrainingData) -> TrainingData:
    history = blocks.users.history
    seconds = np.random.default_rng(0).permutation(history.nnz).astype(float) + 1
    times = csr_array((seconds, history.indices, history.indptr), shape=history.shape)
    return replace(blocks, users=replace(blocks.users, times=times))


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_what_is_held_out_and_what_is_left_make_the_history(data: TrainingData) -> None:
    split = hold_out(data, next(draws_of_items(data, 0.3, rng())), share=0.3, rng=rng())
    left, held_out = split.train.users.history.toarray(), split.hidden_likes.toarray()
    np.testing.assert_array_equal(left + held_out, data.users.history.toarray())
    assert split.hidden.sum() == round(0.3 * data.warm.sum())
    assert left[:, split.hidden].sum() == 0
    others = ~split.hidden
    n = (left + held_out)[:, others].sum(axis=1)
    assert (np.abs(held_out[:, others].sum(axis=1) - 0.3 * n) < 1).all()
    assert split.train.users.times is not None
    np.testing.assert_array_equal(split.train.users.times.indices, split.train.users.history.indices)
    np.testing.assert_array_equal((split.train.users.times.toarray() > 0), left > 0)


def test_a_window_has_what_came_in_it_and_nothing_later_is_known(data: TrainingData) -> None:
    assert data.users.times is not None
    split = latest(data, 0.3, 0.15)
    judged = split.hidden_likes.toarray() > 0
    times = data.users.times.toarray()
    assert split.train.users.times is not None
    opening = split.train.users.times.data.max()
    assert times[judged].min() > opening
    later = (times > times[judged].max()).sum()
    assert abs(later - 0.15 * data.users.history.nnz) <= 2
    assert abs(judged.sum() - 0.15 * data.users.history.nnz) <= 2
    assert (latest(data, 0.15, 0.0).hidden_likes.toarray() > 0)[times == times.max()].all()


@pytest.mark.parametrize("back", [0, 1])
def test_last_likes_are_one_of_each_user_and_what_follows_is_not_known(data: TrainingData, back: int) -> None:
    assert data.users.times is not None
    split = last_likes(data, back, rng())
    times, judged = data.users.times.toarray(), split.hidden_likes.toarray() > 0
    for user in range(60):
        in_order = np.sort(times[user][times[user] > 0])
        assert times[user][judged[user]].tolist() == [in_order[-1 - back]]
        known = split.train.users.history.toarray()[user] > 0
        assert (times[user][known] < in_order[-1 - back]).all()


def test_likes_of_one_moment_are_drawn_among(data: TrainingData) -> None:
    assert data.users.times is not None
    times = data.users.times.copy()
    times.data[:] = 5.0
    tied = replace(data, users=replace(data.users, times=times))
    judged = last_likes(tied, 0, rng()).hidden_likes
    place = [list(data.users.history[[user]].indices).index(judged[[user]].indices[0]) for user in range(60)]
    assert len(set(place)) > 3, "not always the first or the last by id"


@pytest.mark.parametrize(
    ("protocol", "lists_hidden", "hidden"),
    [("random", False, 3), ("mixed", True, 6), ("cold-items", True, 6), ("cold-users", True, 6), (None, True, 6)],
)
def test_hold_outs_by_protocol(data: TrainingData, protocol: str, lists_hidden: bool, hidden: int) -> None:
    for split in hold_outs(replace(data, protocol=protocol), share=0.2, rounds=2, rng=rng()):
        assert split.hidden.sum() == hidden
        assert split.listed[split.hidden].all() == lists_hidden
        assert split.listed[split.hidden].any() == lists_hidden


@pytest.mark.parametrize("protocol", ["mixed", "cold-items", None])
def test_no_item_is_hidden_twice_while_others_are_left(data: TrainingData, protocol: str | None) -> None:
    splits = hold_outs(replace(data, protocol=protocol), share=0.2, rounds=5, rng=rng())
    assert (sum(split.hidden.astype(int) for split in splits) == 1).all()


def test_when_all_items_had_their_turn_the_first_are_hidden_again() -> None:
    train = items_without_likes(4)
    draws = draws_of_items(train, 0.4, rng())
    hidden = [np.flatnonzero(next(draws)) for _ in range(5)]
    assert [len(one) for one in hidden] == [13] * 5  # of 32: 13, 13, 6 and 7 of the first, …
    assert set(hidden[0]) | set(hidden[1]) | set(hidden[2]) == set(range(32))
    assert len(set(hidden[2]) & set(hidden[0])) == 7
    assert not set(hidden[3]) & set(hidden[2])
    others = [np.flatnonzero(next(draws_of_items(train, 0.4, np.random.default_rng(seed)))) for seed in range(200)]
    of_each = np.bincount(np.concatenate(others), minlength=36)
    assert of_each[:32].min() > 40, "every item that has likes is drawn, four times of ten"
    assert of_each[32:].max() == 0


@pytest.mark.parametrize("protocol", ["mixed", "cold-items", None])
@pytest.mark.parametrize(("n_unseen", "dead"), [(0, 0), (7, 0), (8, 0), (9, 1), (32, 24)])
def test_what_the_split_itself_hid_stands_in_no_list_and_what_nobody_chose_does(
    protocol: str | None, n_unseen: int, dead: int
) -> None:
    """A fifth of 40 items was hidden: of 32 that are left a fifth is 6 anew, and 8 of those without a like may be the split's."""
    train = replace(items_without_likes(n_unseen), protocol=protocol)
    np.testing.assert_allclose(
        p_dead(train, n_dead(train, 0.2)), [0] * 32 + [dead / max(1, n_unseen)] * n_unseen, rtol=1e-6
    )
    for split in hold_outs(train, share=0.2, rounds=3, rng=rng()):
        assert split.hidden.sum() == 6
        assert split.listed[~train.warm].sum() == dead
        np.testing.assert_array_equal(split.listed[:32], split.hidden[:32])
        np.testing.assert_allclose(split.p_dead, split.listed * dead / (6 + dead), rtol=1e-6)


@pytest.mark.parametrize("protocol", ["random", "last-n", "timeline"])
def test_where_a_split_hides_no_items_every_item_without_a_like_had_its_chance(
    data: TrainingData, protocol: str
) -> None:
    train = replace(items_without_likes(9), protocol=protocol)
    assert n_dead(train, 0.2) is None
    assert (p_dead(train, None) == [0] * 32 + [1] * 9).all()
    for split in hold_outs(replace(data, protocol=protocol), share=0.2, rounds=2, rng=rng()):
        np.testing.assert_array_equal(split.p_dead, ~split.train.warm)


@given(n_liked=st.integers(10, 10_000), dead=st.integers(0, 10_000), tenths=st.integers(1, 5))
def test_dead_items_are_as_many_as_there_are_beside_those_that_a_split_hid(
    n_liked: int, dead: int, tenths: int
) -> None:
    n_hidden = round(tenths / 10 * n_liked)
    history = csr_array(np.ones((1, n_liked + dead)) * (np.arange(n_liked + dead) < n_liked - n_hidden))
    users = replace(items_without_likes(0).users.take(slice(0, 1)), history=history.astype(np.float32))
    train = replace(items_without_likes(0), users=users, protocol="mixed")
    counted = n_dead(train, tenths / 10)
    assert counted is not None
    assert abs(counted - dead) < 2
    assert float(p_dead(train, counted).sum()) == pytest.approx(counted, rel=1e-3)


def items_without_likes(n: int) -> TrainingData:
    """Of 50 users who like half of 32 items; ``n`` more have no like."""
    likes = np.zeros((50, 32 + n), dtype=np.float32)
    likes[:, :32] = np.random.default_rng(1).random((50, 32)) < 0.5
    return training_data(likes, np.eye(32 + n, dtype=np.float32), 0)


def few_likes_of_many_items(protocol: str) -> TrainingData:
    """Of 20 users five each of 200 items, of which most are liked once or never."""
    likes = np.zeros((20, 200), dtype=np.float32)
    places = np.random.default_rng(0).permuted(np.tile(np.arange(200), (20, 1)), axis=1)[:, :5]
    np.put_along_axis(likes, places, 1.0, axis=1)
    return replace(training_data(likes, np.eye(200, dtype=np.float32), 0), protocol=protocol)


def test_the_chance_of_an_unseen_item_is_the_share_of_likes_that_are_their_items_only_one() -> None:
    likes = np.array([[1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 1, 1]], dtype=np.float32)
    train = replace(training_data(likes, np.eye(6, dtype=np.float32), 0), protocol="random")
    assert chance_of_unseen(train) == pytest.approx(5 / 7)
    assert mostly_unseen(train)
    assert not mostly_unseen(replace(train, protocol="timeline"))
    likes[1, 1] = 1
    assert chance_of_unseen(training_data(likes, np.eye(6, dtype=np.float32), 0)) == pytest.approx(4 / 8)


def test_where_most_is_unseen_items_are_left_without_a_like_as_they_come_and_stand_in_the_lists() -> None:
    train = few_likes_of_many_items("random")
    for split in hold_outs(train, share=0.2, rounds=3, rng=rng()):
        assert split.listed[split.hidden].all()
        assert split.hidden_likes.nnz == 20, "one like of each user, and nothing besides"
        left = split.train.users.history.toarray().sum(axis=0)
        np.testing.assert_array_equal(split.hidden, train.warm & (left == 0))
        assert split.hidden.sum() > 5


def test_rolling_windows_for_a_timeline_and_random_ones_where_there_is_no_time(data: TrainingData) -> None:
    timeline = replace(data, protocol="timeline")
    splits = list(hold_outs(timeline, share=0.2, rounds=3, rng=rng()))
    n_known = [split.train.users.history.nnz / data.users.history.nnz for split in splits]
    np.testing.assert_allclose(n_known, [1 - share for share in WINDOWS], atol=0.02)
    without = replace(timeline, users=replace(timeline.users, times=None))
    assert all(not split.listed[split.hidden].any() for split in hold_outs(without, share=0.2, rounds=2, rng=rng()))
