"""Aligned text: the closed form against dense normal equations and against gradient descent."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from recsat.arms.aligned import AlignedText
from recsat.arms.hybrid.parts import AlignmentPath
from recsat.arms.linear.bilinear import fit_bilinear, length_weights
from recsat.contract.interactions import TrainingData
from recsat.errors import RunError


def problem(blocks: TrainingData) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    X = blocks.users.history.toarray().astype(np.float64)
    E = blocks.vectors["text"].astype(np.float64)
    w = length_weights(blocks.users.history, 1.0)
    v = X.sum(axis=0) ** -0.5
    return X, E, w, v


def closed_form(blocks: TrainingData, w: np.ndarray, v: np.ndarray, l2: float) -> np.ndarray:
    return fit_bilinear(blocks.users.history, blocks.vectors["text"], user_weights=w, item_weights=v, l2=l2)


def penalty(X: np.ndarray, E: np.ndarray, w: np.ndarray, v: np.ndarray, l2: float) -> float:
    H = X @ E
    return l2 * np.trace(H.T @ (w[:, None] * H)) / 8 * np.trace(E.T @ (v[:, None] * E)) / 8


def test_the_mapping_solves_the_dense_normal_equations(blocks: TrainingData) -> None:
    X, E, w, v = problem(blocks)
    H = X @ E
    A, C = H.T @ (w[:, None] * H), E.T @ (v[:, None] * E)
    R = H.T @ (w[:, None] * X * v) @ E
    system = np.kron(A, C.T) + penalty(X, E, w, v, 0.3) * np.eye(64)
    expected = np.linalg.solve(system, R.ravel()).reshape(8, 8)
    np.testing.assert_allclose(closed_form(blocks, w, v, 0.3), expected, rtol=1e-3, atol=1e-6)


def test_the_mapping_is_where_gradient_descent_arrives(blocks: TrainingData) -> None:
    X, E, w, v = (torch.from_numpy(a) for a in problem(blocks))
    l2 = penalty(*problem(blocks), 0.3)
    M = torch.zeros(8, 8, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([M], max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        error = ((w[:, None] * v) * (X - X @ E @ M @ E.T) ** 2).sum() + l2 * (M**2).sum()
        error.backward()
        return error

    optimiser.step(loss)
    mapping = closed_form(blocks, w.numpy(), v.numpy(), 0.3)
    np.testing.assert_allclose(mapping, M.detach().numpy(), rtol=1e-3, atol=1e-5)


def test_blocks_of_users_give_the_same_mapping(blocks: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, w, v = problem(blocks)
    whole = closed_form(blocks, w, v, 1.0)
    monkeypatch.setattr("recsat.arms.linear.bilinear.USER_BLOCK", 7)
    np.testing.assert_allclose(closed_form(blocks, w, v, 1.0), whole, rtol=1e-4)


def test_a_block_whose_sums_are_made_in_parts_gives_the_very_same_mapping(
    blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, w, v = problem(blocks)
    whole = closed_form(blocks, w, v, 1.0)
    monkeypatch.setattr("recsat.arms.linear.bilinear.ROW_BLOCK", 7)
    np.testing.assert_array_equal(closed_form(blocks, w, v, 1.0), whole)


def test_an_item_that_nobody_used_is_ranked_by_its_text(blocks: TrainingData) -> None:
    history = blocks.users.history.toarray()
    history[:, :3] = 0  # one item of each group is new
    users = dataclasses.replace(blocks.users, history=type(blocks.users.history)(history))
    arm = AlignedText().fit(dataclasses.replace(blocks, users=users))
    best = arm.score(users)[:, :3].argmax(dim=1).numpy()
    assert (best == np.arange(60) % 3).mean() > 0.9


def test_scores_are_inner_products_with_the_stored_text_vector(blocks: TrainingData) -> None:
    arm = AlignedText().fit(blocks)
    expected = arm.query_vectors(blocks.users) @ blocks.vectors["text"].T
    np.testing.assert_allclose(arm.score(blocks.users).numpy(), expected, rtol=1e-4, atol=1e-6)
    few = torch.tensor([[4, -1]] * 60)  # few enough that vectors are gathered
    np.testing.assert_allclose(arm.score(blocks.users, few)[:, 0].numpy(), expected[:, 4], rtol=1e-4, atol=1e-6)


def test_weights_by_length_leave_the_mean_event_at_one_and_skip_empty_histories(blocks: TrainingData) -> None:
    history = blocks.users.history.toarray()
    history[5] = 0
    weights = length_weights(type(blocks.users.history)(history), 0.5)
    n = history.sum(axis=1)
    assert weights[5] == 0
    assert (weights * n).sum() == pytest.approx(n.sum())
    assert weights[0] / weights[1] == pytest.approx((n[0] / n[1]) ** -0.5)


def test_missing_vectors_are_named(blocks: TrainingData) -> None:
    with pytest.raises(RunError, match=r"aligned arm: .* no item vectors named 'text'"):
        AlignedText().fit(dataclasses.replace(blocks, vectors={}))
    with pytest.raises(ValueError, match="l2 must be above 0"):
        AlignedText(l2=0.0)


def test_the_path_over_ridges_is_the_arm_fitted_with_each(blocks: TrainingData) -> None:
    path = AlignmentPath(blocks, "text")
    for l2 in (0.1, 10.0):
        alone = AlignedText(l2=l2).fit(blocks)
        np.testing.assert_allclose(path.mapping(l2), alone.mapping, rtol=1e-5, atol=1e-7)


def test_the_unit_of_the_ridge_is_the_mean_of_the_products_of_eigenvalues(blocks: TrainingData) -> None:
    moments = AlignedText().moments(blocks)
    products = np.outer(np.linalg.eigvalsh(moments.users), np.linalg.eigvalsh(moments.items))
    assert moments.unit == pytest.approx(products.mean())


def test_what_the_items_of_a_history_add_sums_to_the_score(blocks: TrainingData) -> None:
    arm = AlignedText().fit(blocks)
    arm.mapping = np.random.default_rng(0).standard_normal(arm.mapping.shape).astype(np.float32)  # not symmetric
    items = np.random.default_rng(1).integers(0, len(blocks.catalogue), (len(blocks.users), 4))
    scores = arm.score(blocks.users).gather(1, torch.from_numpy(items))
    torch.testing.assert_close(arm.losses(blocks.users, items).sum(dim=1), scores, rtol=1e-4, atol=1e-4)
