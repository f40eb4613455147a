"""iALS with a text prior: every step against the objective it claims to minimise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.ials_text import (
    EVENT_BUDGET,
    IalsText,
    _solved_by_events,
    _solved_by_factors,
)
from recsat.arms.linear.padded import blocks_of_like_length
from recsat.contract.interactions import TrainingData, UserBatch


def arm(iterations: int = 3) -> IalsText:
    return IalsText(factors=4, regularisation=0.7, alpha=3.0, map_l2=2.0, iterations=iterations)


def objective(P: Tensor, E: Tensor, X: Tensor, Y: Tensor, B: Tensor) -> Tensor:
    c = 1 + 2.0 * P
    error = (c * (P - X @ Y.T) ** 2).sum()
    return error + 0.7 * ((X**2).sum() + ((Y - E @ B) ** 2).sum()) + 2.0 * (B**2).sum()


def test_each_step_is_where_the_gradient_of_the_objective_is_zero(blocks: TrainingData) -> None:
    history = blocks.users.history
    P = torch.from_numpy(history.toarray()).double()
    E = torch.from_numpy(blocks.vectors["text"]).double()
    Y = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
    ours = arm()
    X = ours._solved(history, Y)
    B = torch.cholesky_solve(E.float().T @ Y, ours._factor_of_texts(E.float()))
    Y_next = ours._solved(csr_array(history.T.tocsr()), X, E.float() @ B)
    for kind, x, y, b in (("X", X, Y, B), ("B", X, Y, B), ("Y", X, Y_next, B)):
        parts = {name: value.double().requires_grad_() for name, value in (("X", x), ("Y", y), ("B", b))}
        objective(P, E, parts["X"], parts["Y"], parts["B"]).backward()
        gradient = parts[kind].grad
        assert gradient is not None
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=2e-3, rtol=0)


def test_more_sweeps_never_raise_the_objective(blocks: TrainingData) -> None:
    P = torch.from_numpy(blocks.users.history.toarray())
    E = torch.from_numpy(blocks.vectors["text"])
    values = []
    for iterations in (1, 2, 4, 8):
        fitted = arm(iterations).fit(blocks)
        X, Y = (torch.from_numpy(a) for a in (fitted.query_vectors(blocks.users), fitted.item_factors))
        values.append(float(objective(P, E, X, Y, fitted.text_map)))
    assert values == sorted(values, reverse=True)


def test_an_item_without_events_has_the_factor_that_its_text_predicts(blocks: TrainingData) -> None:
    history = blocks.users.history.toarray()
    history[:, :3] = 0
    data = dataclasses.replace(blocks, users=dataclasses.replace(blocks.users, history=csr_array(history)))
    fitted = arm().fit(data)
    expected = blocks.vectors["text"][:3] @ fitted.text_map.numpy()
    np.testing.assert_allclose(fitted.item_factors[:3], expected, rtol=1e-4, atol=1e-6)
    assert (fitted.score(data.users)[:, :3].argmax(dim=1).numpy() == np.arange(60) % 3).mean() > 0.9


def test_a_user_is_solved_by_the_factors_of_what_was_liked_alone(
    blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue of a hundred thousand items is not read for each block of users."""
    ours = arm().fit(blocks)
    n_read = []

    def solved(self: IalsText, events: csr_array, other: Tensor, **options: Tensor) -> Tensor:
        n_read.append(len(other))
        return solve(self, events, other, **options)

    solve = IalsText._solved
    monkeypatch.setattr(IalsText, "_solved", solved)
    likes = np.zeros((3, 30), dtype=np.float32)
    likes[0, [5, 29]] = likes[1, 7] = 1
    users = UserBatch(["u", "v", "new"], csr_array(likes))
    Y, gram = ours.item_factors.astype(float), ours.warm_gram.numpy()
    for row, of_user in zip(ours.query_vectors(users), likes > 0, strict=True):
        system = gram + 0.7 * np.eye(4) + 2.0 * Y[of_user].T @ Y[of_user]
        np.testing.assert_allclose(row, np.linalg.solve(system, 3.0 * Y[of_user].sum(axis=0)), rtol=1e-4, atol=1e-6)
    assert ours.query_vectors(users.take(slice(2, 3))).tolist() == [[0.0] * 4]
    assert n_read == [3, 0]


def test_every_row_is_solved_in_one_block_within_the_budget() -> None:
    lengths = np.array([0, 3, EVENT_BUDGET + 5, 1, 200, 0] + [40] * 900)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = np.concatenate([np.arange(n) for n in lengths])
    events = csr_array((np.ones(len(indices)), indices, indptr), shape=(len(lengths), EVENT_BUDGET + 5))
    row_blocks = list(blocks_of_like_length(events, EVENT_BUDGET))
    assert sorted(np.concatenate(row_blocks).tolist()) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= EVENT_BUDGET for rows in row_blocks)


@pytest.mark.parametrize("parameters", [{"alpha": 0.5}, {"map_l2": 0.0}, {"factors": 0}, {"regularisation": -1.0}])
def test_settings_without_a_solution_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(parameters))):
        IalsText(**parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [1, 7, 40])
def test_both_ways_of_solving_a_row_agree_with_the_plain_inverse(width: int) -> None:
    generator = torch.Generator().manual_seed(width)
    of_rows = torch.randn(5, width, 24, generator=generator)
    of_rows[0, 1:] = 0  # padding
    right = torch.randn(5, 24, generator=generator)
    system = torch.eye(24) + 4 * of_rows.mT @ of_rows
    expected = torch.linalg.solve(system.double(), right.double()[:, :, None])[:, :, 0].float()
    for solve in (_solved_by_factors, _solved_by_events):
        torch.testing.assert_close(solve(4.0, of_rows, right), expected, rtol=1e-3, atol=1e-4)
