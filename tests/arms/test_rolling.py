"""Windows before a cut, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.rolling import ndcg_of_order, ndcg_of_scores, simplest, surest, windows
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import fashions, training_data


def liked_at(first: list[list[float]], last: list[list[float]] | None = None) -> TrainingData:
    """Users × items with the time of the likes, 0 for none; the cut is 100."""
    matrix = np.array(first)
    train = training_data((matrix > 0).astype(np.float32))
    times = csr_array(matrix if last is None else np.array(last))
    users = replace(train.users, times=times, first_times=None if last is None else csr_array(matrix))
    return replace(train, users=users, now=100.0)


def test_a_window_knows_what_was_before_it_and_judges_by_what_came_later() -> None:
    train = liked_at([[1, 2, 0, 9], [3, 0, 8, 0], [0, 0, 7, 0]])
    [window] = windows(train, origins=[0.5])  # of 1 2 3 7 8 9 the higher median is 7
    assert window.train.now == 7.0
    assert window.train.users.history.toarray().tolist() == [[1, 1, 0, 0], [1, 0, 0, 0]]
    assert window.train.users.ids == ["u0", "u1"]  # whoever had liked nothing is nobody to learn from
    assert window.users.ids == ["u0", "u1", "u2"]
    assert window.liked.toarray().tolist() == [[False, False, False, True], [False, False, True, False], [False, False, True, False]]  # fmt: skip
    assert window.users.now == 7.0
    [of_known] = windows(train, "with history", origins=[0.5])
    assert of_known.users.ids == ["u0", "u1"]
    assert of_known.liked.toarray().tolist() == window.liked.toarray()[:2].tolist()
    [of_new] = windows(train, "new", origins=[0.5])
    assert of_new.users.ids == ["u2"]


def test_what_was_liked_before_and_again_later_is_known_since_the_first_time() -> None:
    train = liked_at([[1, 2, 7], [3, 8, 0]], [[9, 2, 7], [4, 8, 0]])
    [window] = windows(train, origins=[0.6])
    times = window.train.users.times
    assert times is not None
    assert (window.train.now, times.toarray().tolist()) == (7.0, [[1, 2, 0], [4, 0, 0]])
    assert window.liked.toarray().tolist() == [[False, False, True], [False, True, False]]


def test_first_times_of_more_likes_than_are_left_are_read_at_those_that_are() -> None:
    whole = fashions()
    times, history = whole.users.times, whole.users.history
    assert times is not None
    mask = np.random.default_rng(0).random(times.nnz) < 0.5
    indptr = np.concatenate([[0], np.cumsum(mask)])[times.indptr]

    def some(matrix: csr_array) -> csr_array:
        return csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)

    part = replace(whole.users, history=some(history), times=some(times))
    assert whole.users.first_times is not None
    exact = replace(part, first_times=some(whole.users.first_times))
    pairs = zip(windows(replace(whole, users=part)), windows(replace(whole, users=exact)), strict=True)
    for one, other in pairs:
        assert one.train.now == other.train.now
        assert np.array_equal(one.liked.toarray(), other.liked.toarray())
        assert np.array_equal(one.train.users.history.toarray(), other.train.users.history.toarray())


def test_there_are_no_windows_without_times_without_a_moment_and_in_one_moment() -> None:
    train = liked_at([[1, 2], [3, 4]])
    assert not list(windows(replace(train, users=replace(train.users, times=None))))
    assert not list(windows(replace(train, now=None)))
    assert not list(windows(liked_at([[5, 5], [5, 0]])))
    assert not list(windows(replace(train, users=train.users.take(slice(0, 0)))))


def test_windows_begin_later_and_later_and_the_same_users_are_drawn_each_time() -> None:
    train = fashions(n_users=1500)
    one, other = list(windows(train)), list(windows(train))
    assert [window.users.ids for window in one] == [window.users.ids for window in other]
    assert len(one[0].users) == 1000
    moments = [window.train.now for window in one]
    assert moments == sorted(set(moments))
    assert [window.users.ids for window in windows(replace(train, seed=9))] != [window.users.ids for window in one]


def test_scores_and_an_order_are_judged_alike_and_as_by_hand() -> None:
    [window] = windows(liked_at([[1, 9, 0, 0], [0, 8, 2, 9]]), origins=[0.5])
    scores = torch.tensor([[9.0, 1.0, 3.0, 2.0]])
    by_hand = [1 / np.log2(4), (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))]  # items 2, 3, 1 and 0, 3, 1
    np.testing.assert_allclose(ndcg_of_scores(scores.expand(2, -1), window.users, window.liked), by_hand)
    np.testing.assert_allclose(ndcg_of_order(np.array([0, 2, 3, 1]), window.users, window.liked), by_hand)


def test_an_order_is_judged_as_its_scores_on_a_whole_world() -> None:
    rng = np.random.default_rng(1)
    for window in windows(fashions()):
        values = rng.permutation(40).astype(np.float32)
        by_scores = ndcg_of_scores(torch.from_numpy(values).expand(len(window.users), -1), window.users, window.liked)
        np.testing.assert_allclose(ndcg_of_order(np.argsort(-values), window.users, window.liked), by_scores)


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]], 1),
        ([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [0.2, 0.2, 0.2]], 1),  # of equals the simpler one
        ([[0.1, 0.1, 0.1], [0.5, 0.1, 0.0]], 0),  # better by chance
        ([[0.1, 0.1, 0.1], [0.5, 0.1, 0.0], [0.12, 0.11, 0.12]], 2),
        ([[0.1, 0.1, 0.1], [0.2, 0.11, 0.11]], 0),  # above one error, not above two
        ([[0.1, 0.1, 0.1], [0.3, 0.2, 0.2], [0.5, 0.2, 0.2]], 1),
        ([[0.1, 0.1], [0.2, 0.2]], 0),  # two windows have no error
    ],
)
def test_the_first_setting_stays_unless_another_is_surely_better(values: list[list[float]], setting: int) -> None:
    assert surest(np.array(values)) == setting


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]], 1),
        ([[0.2, 0.2, 0.2], [0.2, 0.2, 0.2]], 0),  # of equals the simpler one
        ([[0.1, 0.1, 0.1], [0.5, 0.1, 0.0]], 0),  # better by chance
        ([[0.1, 0.1, 0.1], [0.2, 0.2, 0.3], [0.3, 0.3, 0.2]], 1),  # the best is no better than a simpler one
        ([[0.1, 0.1], [0.2, 0.2]], 0),  # two windows have no error
    ],
)
def test_the_simplest_setting_that_is_as_good_as_the_best_is_taken(values: list[list[float]], setting: int) -> None:
    assert simplest(np.array(values)) == setting
