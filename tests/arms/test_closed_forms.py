"""Closed forms against brute force, and matrix factorisation against its library."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix

from recsat.arms import ease, item_knn
from recsat.arms.ease import Ease
from recsat.arms.ials import ImplicitALS
from recsat.arms.item_knn import ItemNeighbours
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch


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
    weights = ItemNeighbours(n_neighbours=4, shrinkage=3.0).fit(blocks).weights.toarray()
    for item in range(30):
        nearest = np.sort(full[:, item])[-4:]
        np.testing.assert_allclose(np.sort(weights[:, item])[-4:], nearest, rtol=1e-5)
        assert (weights[:, item] > 0).sum() <= 4


def test_item_neighbours_are_the_same_whatever_the_block(blocks: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ItemNeighbours(n_neighbours=4).fit(blocks).weights
    monkeypatch.setattr(item_knn, "BLOCK", 7 * 30)
    in_parts = ItemNeighbours(n_neighbours=4).fit(blocks).weights
    assert whole.nnz <= 4 * 30
    np.testing.assert_array_equal(whole.toarray(), in_parts.toarray())


@pytest.fixture
def zipf() -> TrainingData:
    """400 users of some 12 items each out of 150, a few of which most of them like."""
    dice = np.random.default_rng(4)
    popularity = 1 / np.arange(1, 151)
    items = dice.choice(150, 400 * 12, p=popularity / popularity.sum())
    liked = np.zeros((400, 150), dtype=np.float32)
    liked[np.repeat(np.arange(400), 12), items] = 1
    catalogue = Catalogue(pl.DataFrame({"item_id": [f"i{i}" for i in range(150)]}))
    return TrainingData(catalogue, UserBatch([f"u{u}" for u in range(400)], csr_array(liked)))


@pytest.mark.parametrize("l2", [200.0, 1.0, 0.001])
def test_lists_of_ease_are_those_of_float64(zipf: TrainingData, l2: float) -> None:
    X = torch.from_numpy(zipf.users.history.toarray()).double()
    P = torch.linalg.inv(X.T @ X + l2 * torch.eye(150, dtype=torch.float64))
    W = (-P / P.diagonal()).fill_diagonal_(0)
    scores = Ease(l2=l2).fit(zipf).score(zipf.users)
    torch.testing.assert_close(scores, (X @ W).float(), rtol=1e-4, atol=1e-5)
    best = [of.masked_fill(X > 0, -torch.inf).topk(10).indices for of in (scores.double(), X @ W)]
    torch.testing.assert_close(*best, rtol=0, atol=0)


def test_ease_takes_float64_where_float32_would_not_do(zipf: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(ease, "invert_in_place", lambda A: calls.append(len(A)) or np.linalg.inv(A))
    Ease(l2=200.0).fit(zipf)
    assert calls == [150]
    Ease(l2=1e-4).fit(zipf)
    assert calls == [150]


def test_ials_user_factors_solve_the_weighted_normal_equations(blocks: TrainingData) -> None:
    arm = ImplicitALS(factors=6, regularisation=0.7, alpha=3.0).fit(blocks)
    Y = arm.item_factors.astype(np.float64)
    for user, liked in enumerate(blocks.users.history.toarray()):
        confidence = np.where(liked > 0, 3.0, 1.0)
        A = (Y * confidence[:, None]).T @ Y + 0.7 * np.eye(6)
        expected = np.linalg.solve(A, Y.T @ (confidence * liked))
        np.testing.assert_allclose(arm.query_vectors(blocks.users)[user], expected, rtol=2e-3, atol=2e-4)


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
