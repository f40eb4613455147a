"""Order in closed form: the normal equations, order learnt and used, reasons with times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.ease_text import text_weights
from recsat.arms.linear.order import before_and_after, moments_of
from recsat.arms.linear_order import LinearOrder, LinearOrderText
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch


@pytest.mark.parametrize("prior", [0.0, 7.0])
def test_the_weights_solve_the_normal_equations(timed_blocks: TrainingData, prior: float) -> None:
    train = timed_blocks
    X = train.users.history.toarray().astype(np.float64)
    S, T = (
        one.toarray().astype(np.float64)
        for one in before_and_after(train.users.history, moments_of(train.users.history, train.users.times), 1.5)
    )
    A = 0.7 * S.T @ S + 0.3 * X.T @ X + (5.0 + prior) * np.eye(30)
    C = 0.7 * S.T @ T + 0.3 * X.T @ X + prior * text_weights(train.vectors["text"], 1.0).numpy()
    weights = LinearOrder(l2=5.0, together=0.3, step_decay=1.5, prior=prior).fit(train).weights.numpy()
    np.testing.assert_allclose(weights, np.linalg.solve(A, C), atol=1e-4)


def cycle(n_users: int = 40, n_items: int = 8) -> TrainingData:
    """Everybody likes items in one order round a circle, each starting elsewhere, and stops before the last."""
    catalogue = Catalogue(pl.DataFrame({"item_id": [f"i{i}" for i in range(n_items)]}))
    rows = np.repeat(np.arange(n_users), n_items - 1)
    step = np.tile(np.arange(n_items - 1), n_users)
    columns = (rows + step) % n_items
    shape = n_users, n_items
    history = csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    times = csr_array((step + 1.0, (rows, columns)), shape=shape)
    return TrainingData(catalogue, UserBatch([f"u{u}" for u in range(n_users)], history, times))


def test_what_comes_next_is_learnt_from_the_order_alone() -> None:
    train = cycle()
    arm = LinearOrder(l2=0.1, together=0.0, history_decay=0.5).fit(train)
    prefix = train.users.take(slice(0, 8))
    keep = prefix.times.data <= 3 if prefix.times is not None else None  # the first three of each
    assert prefix.times is not None
    history = csr_array(
        (prefix.history.data * keep, prefix.history.indices, prefix.history.indptr), shape=prefix.history.shape
    )
    times = csr_array((prefix.times.data * keep, prefix.times.indices, prefix.times.indptr), shape=prefix.times.shape)
    for matrix in (history, times):
        matrix.eliminate_zeros()
    users = replace(prefix, history=history, times=times)
    scores = arm.score(users).masked_fill(torch.from_numpy(history.toarray() > 0), float("-inf"))
    assert scores.argmax(dim=1).tolist() == [(user + 3) % 8 for user in range(8)]
    forgetful = LinearOrder(l2=0.1, together=1.0).fit(train)
    untimed = forgetful.score(replace(users, times=None))
    assert not torch.equal(untimed.argmax(dim=1), scores.argmax(dim=1))


def test_the_latest_of_a_history_counts_most() -> None:
    train = cycle()
    arm = LinearOrder(history_decay=1.0).fit(train)
    one = train.users.take(slice(0, 1))
    assert one.times is not None
    reversed_times = csr_array((8 - one.times.data, one.times.indices, one.times.indptr), shape=one.times.shape)
    assert not torch.allclose(arm.score(one), arm.score(replace(one, times=reversed_times)))
    endless = LinearOrder(history_decay=None).fit(train)
    torch.testing.assert_close(endless.score(one), endless.score(replace(one, times=reversed_times)))
    torch.testing.assert_close(arm.score(replace(one, times=None)), endless.score(one))


@pytest.mark.parametrize("decay", [1.0, 4.0, None])
def test_a_loss_is_what_the_score_loses_without_the_item(timed_blocks: TrainingData, decay: float) -> None:
    train = timed_blocks
    arm = LinearOrderText(history_decay=decay).fit(train)
    items = np.tile(np.arange(6), (4, 1))
    users = train.users.take(slice(0, 4))
    losses = arm.losses(users, items)
    assert users.times is not None
    for user in range(4):
        row = users.take(slice(user, user + 1))
        assert row.times is not None
        for place, item in enumerate(row.history.indices):
            others = row.history.indices != item
            parts = [
                csr_array(
                    (matrix.data[others], matrix.indices[others], np.array([0, others.sum()])), shape=matrix.shape
                )
                for matrix in (row.history, row.times)
            ]
            without = arm.score(replace(row, history=parts[0], times=parts[1]))
            gap = (arm.score(row) - without)[0, items[user]]
            torch.testing.assert_close(losses[user, place], gap, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"together": 1.1}, "together must lie in"),
        ({"step_decay": 0.0}, "step_decay must be above 0 and finite"),
        ({"step_decay": float("inf")}, "step_decay must be above 0 and finite"),
        ({"history_decay": -1.0}, "history_decay must be above 0"),
        ({"text_l2": 0.0}, "text_l2 must be above 0"),
        ({"l2": 0.0}, "l2 and prior must not be negative"),
        ({"prior": -1.0}, "l2 and prior must not be negative"),
        ({"representation": "letters"}, "representation must be one of"),
    ],
)
def test_settings_out_of_bounds_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearOrder(**setting)  # type: ignore[arg-type]
