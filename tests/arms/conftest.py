"""Small worlds for the arms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsat.contract.interactions import TrainingData
from recsat.testing import worlds


@pytest.fixture
def checkerboard() -> TrainingData:
    return worlds.checkerboard()


@pytest.fixture
def blocks() -> TrainingData:
    return worlds.taste_groups()


@pytest.fixture
def timed_blocks(blocks: TrainingData) -> TrainingData:
    """The same histories with times, some of them shared, and some within a session of ten minutes."""
    history = blocks.users.history
    seconds = 300.0 * np.random.default_rng(0).integers(0, 6, history.nnz)
    times = csr_array((seconds, history.indices, history.indptr), shape=history.shape)
    return replace(blocks, users=replace(blocks.users, times=times))
