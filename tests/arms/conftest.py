"""Small worlds for the arms."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from recsat.contract.interactions import Catalogue, TrainingData, UserBatch


def training_data(matrix: np.ndarray, vectors: np.ndarray | None = None, seed: int = 0) -> TrainingData:
    """Training data of a dense 0/1 matrix (users × items)."""
    n_users, n_items = matrix.shape
    items = pl.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(n_items)],
            "kind": ["thing"] * n_items,
            "title": [f"Item {i}" for i in range(n_items)],
        }
    )
    users = UserBatch(ids=[f"u{u}" for u in range(n_users)], history=csr_array(matrix.astype(np.float32)))
    named = {} if vectors is None else {"raw": vectors, "text": vectors}
    return TrainingData(Catalogue(items), users, named, seed=seed)


@pytest.fixture
def checkerboard() -> TrainingData:
    """20 users × 20 items: even users like even items, odd users odd ones; user u has not met item u."""
    matrix = np.fromfunction(lambda u, i: (u % 2) == (i % 2), (20, 20)).astype(np.float32)
    np.fill_diagonal(matrix, 0)
    parity = np.arange(20) % 2
    vectors = np.stack([parity == 0, parity == 1], axis=1).astype(np.float32)
    return training_data(matrix, vectors)


@pytest.fixture
def blocks() -> TrainingData:
    """60 users in three taste groups over 30 items, with noise; seeded."""
    rng = np.random.default_rng(7)
    group_u, group_i = np.arange(60) % 3, np.arange(30) % 3
    matrix = rng.random((60, 30)) < np.where(group_u[:, None] == group_i, 0.6, 0.05)
    vectors = np.eye(3, 8, dtype=np.float32)[group_i] + 0.1 * rng.standard_normal((30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return training_data(matrix.astype(np.float32), vectors, seed=7)
