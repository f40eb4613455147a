"""The sequence arm: order, windows, causality, the sampled loss, unseen items and reasons."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.arms.sequence.sampled_softmax import popularity_draws, sampled_softmax_loss
from recsat.arms.sequence.sasrec import Items, SequenceTransformer, of_step
from recsat.arms.sequence.transformer import CausalTransformer
from recsat.arms.sequence.windows import in_order, latest, trimmed, windows
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.errors import RunError

SMALL = {"width": 16, "n_layers": 1, "length": 8, "epochs": 60, "device": "cpu"}


def in_time(users: UserBatch, when: np.ndarray) -> UserBatch:
    """The same users with ``when`` (n_users, n_items) as times."""
    history = users.history
    rows = np.repeat(np.arange(len(users)), np.diff(history.indptr))
    times = csr_array((when[rows, history.indices], history.indices, history.indptr), shape=history.shape)
    return dataclasses.replace(users, times=times)


def only(history: list[int], n_items: int, times: list[float] | None = None) -> UserBatch:
    """One user who liked these items, at these times."""
    row = np.zeros(len(history), dtype=np.int64)
    matrix = csr_array((np.ones(len(history), dtype=np.float32), (row, history)), shape=(1, n_items))
    batch = UserBatch(["x"], matrix)
    if times is None:
        return batch
    when = np.zeros((1, n_items))
    when[0, history] = times
    return in_time(batch, when)


@pytest.fixture(scope="module")
def cycle() -> TrainingData:
    """30 users who like 6 items each of a ring of 12, in order around it; item 11 has a text like item 0's and no event."""
    n_users, n_items = 33, 12
    start = np.arange(n_users) % 11
    steps = (start[:, None] + np.arange(6)) % 11
    matrix, when = np.zeros((n_users, n_items), dtype=np.float32), np.zeros((n_users, n_items))
    np.put_along_axis(matrix, steps, 1.0, axis=1)
    np.put_along_axis(when, steps, np.arange(6) + 1e9, axis=1)
    vectors = np.eye(11, dtype=np.float32)[[*range(11), 0]]
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(n_items)], "kind": ["thing"] * n_items})
    users = in_time(UserBatch([f"u{u}" for u in range(n_users)], csr_array(matrix)), when)
    return TrainingData(Catalogue(items), users, {"text": vectors}, seed=3)


@pytest.fixture(scope="module")
def fitted(cycle: TrainingData) -> SequenceTransformer:
    return SequenceTransformer(**SMALL).fit(cycle)


def test_what_comes_next_depends_on_the_order_of_the_history(fitted: SequenceTransformer) -> None:
    forward = only([3, 4, 5], 12, [1.0, 2.0, 3.0])
    assert int(fitted.score(forward)[0, :11].argmax()) == 6
    turned = only([3, 4, 5], 12, [3.0, 1.0, 2.0])
    assert not torch.allclose(fitted.score(forward), fitted.score(turned))


def test_an_item_that_nobody_used_is_scored_by_its_text(fitted: SequenceTransformer) -> None:
    before_zero = only([8, 9, 10], 12, [1.0, 2.0, 3.0])
    assert fitted.score(before_zero)[0].topk(2).indices.sort().values.tolist() == [0, 11]


def test_only_the_latest_items_are_read(fitted: SequenceTransformer) -> None:
    everything = only(list(range(11)), 12, [float(t) for t in range(11)])
    recent = only(list(range(3, 11)), 12, [float(t) for t in range(3, 11)])
    torch.testing.assert_close(fitted.score(everything), fitted.score(recent))


def test_reasons_hold_where_the_history_is_longer_than_what_is_read(fitted: SequenceTransformer) -> None:
    times = [float(t) for t in range(11)]
    user, listed = only(list(range(11)), 12, times), np.arange(12)[None, :]
    because = fitted.explain(user, listed).item[0]
    before = fitted.score(user)[0]
    assert (because >= 3).sum() > 4
    assert not ((because >= 0) & (because < 3)).any(), "items that are not read are no reasons"
    for item in np.flatnonzero(because >= 0):
        left = [i for i in range(11) if i != because[item]]
        lowered = [
            fitted.score(only([i for i in range(11) if i != out], 12, [times[i] for i in range(11) if i != out]))[
                0, item
            ]
            for out in range(3, 11)
        ]
        after = fitted.score(only(left, 12, [times[i] for i in left]))[0, item]
        assert after < before[item]
        assert after <= min(lowered) + 1e-4


def test_a_state_does_not_see_what_comes_later() -> None:
    torch.manual_seed(0)
    model = CausalTransformer(width=8, n_layers=2, n_heads=2, length=6, dropout=0.0).eval()
    items = torch.randn(1, 6, 8)
    changed = items.clone()
    changed[:, 3:] = torch.randn(1, 3, 8)
    torch.testing.assert_close(model(items)[:, :4], model(changed)[:, :4])
    assert not torch.allclose(model(items)[:, 4:], model(changed)[:, 4:])
    torch.testing.assert_close(model(items[:, :3])[:, 3], model(items)[:, 3])


def test_the_full_softmax_is_cross_entropy() -> None:
    torch.manual_seed(1)
    states, vectors, targets = torch.randn(7, 4), torch.randn(9, 4), torch.arange(7)
    expected = torch.nn.functional.cross_entropy(states @ vectors.T, targets)
    torch.testing.assert_close(sampled_softmax_loss(states, targets, vectors, torch.zeros(9), None), expected)


def test_the_sampled_softmax_nears_the_full_one_whatever_the_draws() -> None:
    torch.manual_seed(2)
    states, vectors, targets = torch.randn(5, 4), torch.randn(9, 4), torch.arange(5)
    draws = popularity_draws(torch.arange(1.0, 10.0), 1.0)
    n = 400_000
    sample = torch.multinomial(draws, n, replacement=True)
    expected = torch.nn.functional.cross_entropy(states @ vectors.T, targets)
    sampled = sampled_softmax_loss(states, targets, vectors, torch.log(draws * n), sample)
    torch.testing.assert_close(sampled, expected, rtol=0.01, atol=0.0)
    uncorrected = sampled_softmax_loss(states, targets, vectors, torch.full((9,), float(np.log(n / 9))), sample)
    assert abs(uncorrected - expected) > 0.05, "without the correction the draws would show"


def test_the_items_of_one_step_give_the_loss_and_gradients_of_all_items() -> None:
    torch.manual_seed(0)
    items = Items(torch.randn(40, 6), width=4, cold_share=0.0)
    torch.nn.init.normal_(items.residuals)
    log_draws = torch.randn(40)
    window, negatives = torch.randint(0, 20, (5, 3)), torch.tensor([39, 7, 7, 0])
    states = torch.randn(15, 4)
    everything = sampled_softmax_loss(states, window.flatten(), items(), log_draws, negatives)
    everything.backward()
    gradients = [parameter.grad.clone() for parameter in items.parameters()]
    items.zero_grad()

    met, place, sample = of_step(window, negatives)
    assert len(met) < 20
    loss = sampled_softmax_loss(states, place.flatten(), items(met), log_draws[met], sample)
    loss.backward()
    assert torch.allclose(loss, everything)
    assert all(map(torch.allclose, gradients, [parameter.grad for parameter in items.parameters()]))


def test_unseen_items_are_never_drawn_as_negatives() -> None:
    torch.testing.assert_close(popularity_draws(torch.tensor([4.0, 0.0, 1.0]), 0.5), torch.tensor([2 / 3, 0, 1 / 3]))


def test_the_sampled_loss_learns_the_same_ring(cycle: TrainingData) -> None:
    arm = SequenceTransformer(**(SMALL | {"n_negatives": 6})).fit(cycle)
    assert int(arm.score(only([3, 4, 5], 12, [1.0, 2.0, 3.0]))[0, :11].argmax()) == 6


@given(lengths=st.lists(st.integers(0, 23), min_size=1, max_size=8), length=st.integers(1, 9), seed=st.integers(0, 99))
def test_every_event_is_in_one_window_of_its_own_user(lengths: list[int], length: int, seed: int) -> None:
    rows = np.repeat(np.arange(len(lengths)), lengths)
    items = np.arange(len(rows))
    cut = windows(rows, items, len(lengths), length, np.random.default_rng(seed))
    assert cut.shape[1] <= max(length, 1)
    assert sorted(cut[cut >= 0]) == items.tolist()
    for window in cut:
        inside = window[window >= 0]
        assert len(set(rows[inside])) == 1
        assert (np.diff(inside) == 1).all(), "consecutive"
        assert (window[: len(inside)] >= 0).all(), "padded on the right"


def test_order_is_by_time_and_the_latest_come_last() -> None:
    batch = only([1, 4, 6], 8, [30.0, 10.0, 20.0])
    rows, items = in_order(batch)
    assert items.tolist() == [4, 6, 1]
    assert latest(rows, items, 1, 2).tolist() == [[6, 1]]
    assert latest(rows, items, 1, 5).tolist() == [[4, 6, 1]]
    assert in_order(dataclasses.replace(batch, times=None))[1].tolist() == [1, 4, 6]


def test_items_of_one_moment_are_in_no_order_of_their_ids() -> None:
    items = in_order(only(list(range(200)), 200, [5.0] * 200))[1]
    assert sorted(items.tolist()) == list(range(200))
    assert abs(np.corrcoef(items, np.arange(200))[0, 1]) < 0.3


def test_data_without_times_are_named(cycle: TrainingData, caplog: pytest.LogCaptureFixture) -> None:
    untimed = dataclasses.replace(cycle, users=dataclasses.replace(cycle.users, times=None))
    SequenceTransformer(**(SMALL | {"epochs": 1})).fit(untimed)
    assert "no times" in caplog.text


def test_the_global_random_state_is_left_as_it_was(cycle: TrainingData) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SequenceTransformer(**(SMALL | {"epochs": 1})).fit(cycle)
    torch.testing.assert_close(torch.rand(3), expected)


def test_what_cannot_be_fitted_is_named(cycle: TrainingData) -> None:
    with pytest.raises(RunError, match=r"sequence arm: .* no item vectors named 'text'"):
        SequenceTransformer(**SMALL).fit(dataclasses.replace(cycle, vectors={}))
    with pytest.raises(ValueError, match="width 15 cannot be shared by n_heads 2"):
        SequenceTransformer(width=15)
    with pytest.raises(ValueError, match="epochs and batch must be at least 1"):
        SequenceTransformer(epochs=0)


def test_columns_that_are_padding_alone_are_cut_off() -> None:
    window = np.array([[4, 2, -1, -1], [1, -1, -1, -1]])
    np.testing.assert_array_equal(trimmed(window), [[4, 2], [1, -1]])
    np.testing.assert_array_equal(trimmed(window[1:]), [[1]])
