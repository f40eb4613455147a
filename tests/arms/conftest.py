"""Small worlds for the arms."""

from __future__ import annotations

import pytest

from recsat.contract.interactions import TrainingData
from recsat.testing import worlds


@pytest.fixture
def checkerboard() -> TrainingData:
    return worlds.checkerboard()


@pytest.fixture
def blocks() -> TrainingData:
    return worlds.taste_groups()
