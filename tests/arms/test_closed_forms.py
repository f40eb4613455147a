"""Closed forms against brute force, and matrix factorisation against its library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from recsat.arms.ease import Ease
from recsat.arms.ials import ImplicitALS
from recsat.arms.item_knn import ItemNeighbours
from recsat.contract.interactions import TrainingData


def test_ease_is_the_least_squares_solution_of_each_column_without_its_own_item(blocks: TrainingData) -> None:
    l2 = 5.0
    X = blocks.users.history.toarray().astype(np.float64)
    expected = np.zeros((30, 30))
    for item in range(30):
        others = np.arange(30) != item
        Z = X[:, others]
        expected[others, item] = np.linalg.solve(Z.T @ Z + l2 * np.eye(29), Z.T @ X[:, item])
    np.testing.assert_allclose(Ease(l2=l2).fit(blocks).weights.numpy(), expected, atol=1e-5)


def test_item_neighbours_are_shrunk_cosines_of_the_nearest(blocks: TrainingData) -> None:
    X = blocks.users.history.toarray().astype(np.float64)
    norms = np.linalg.norm(X, axis=0)
    full = (X.T @ X) / (np.outer(norms, norms) + 3.0)
    np.fill_diagonal(full, 0)
    weights = ItemNeighbours(n_neighbours=4, shrinkage=3.0).fit(blocks).weights.numpy()
    for item in range(30):
        nearest = np.sort(full[:, item])[-4:]
        np.testing.assert_allclose(np.sort(weights[:, item])[-4:], nearest, rtol=1e-5)
        assert (weights[:, item] > 0).sum() <= 4


def test_ials_user_factors_solve_the_weighted_normal_equations(blocks: TrainingData) -> None:
    arm = ImplicitALS(factors=6, regularisation=0.7, alpha=3.0).fit(blocks)
    Y = arm.item_factors.astype(np.float64)
    for user, liked in enumerate(blocks.users.history.toarray()):
        confidence = np.where(liked > 0, 3.0, 1.0)
        A = (Y * confidence[:, None]).T @ Y + 0.7 * np.eye(6)
        expected = np.linalg.solve(A, Y.T @ (confidence * liked))
        np.testing.assert_allclose(arm.user_factors(blocks.users)[user], expected, rtol=2e-3, atol=2e-4)


def test_ials_item_factors_are_those_of_the_library_with_the_same_seed(blocks: TrainingData) -> None:
    library = AlternatingLeastSquares(factors=6, regularization=0.7, alpha=3.0, iterations=5, random_state=7)
    library.fit(csr_matrix(blocks.users.history), show_progress=False)
    ours = ImplicitALS(factors=6, regularisation=0.7, alpha=3.0, iterations=5).fit(blocks)
    np.testing.assert_allclose(ours.item_factors, library.item_factors, rtol=1e-4)


def test_the_reasons_of_ials_sum_to_the_score(blocks: TrainingData) -> None:
    arm = ImplicitALS(factors=6, regularisation=0.7, alpha=3.0).fit(blocks)
    Y = torch.from_numpy(arm.item_factors)
    history = torch.from_numpy(blocks.users.history.toarray())[0]
    system = Y.T @ Y + 0.7 * torch.eye(6) + 2.0 * (Y * history[:, None]).T @ Y
    shares = 3.0 * (Y * history[:, None]) @ torch.linalg.solve(system, Y[11])
    assert shares.sum().item() == pytest.approx(arm.score(blocks.users)[0, 11].item(), rel=1e-3, abs=1e-4)
    assert arm.explain(blocks.users, np.array([[11]] * 60)).item[0, 0] == int(shares.argmax())


@pytest.mark.parametrize("l2", [0.0, -1.0])
def test_ease_refuses_a_penalty_that_is_not_positive(l2: float) -> None:
    with pytest.raises(ValueError, match="l2 must be above 0"):
        Ease(l2=l2)
