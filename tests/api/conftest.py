"""One run of a small town of readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from readers import events_frame, items_frame

from recsat import Dataset, RunResult
from recsat.api.runs import run

SETTINGS = {"measure": {"n_bootstrap": 100, "controls": [], "curves": False}, "data": {"min_item_events": 2}}


@pytest.fixture
def readers() -> Dataset:
    return Dataset.from_frames(items_frame(), events_frame())


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run of the frames; read it, do not write to its folder."""
    home: Path = tmp_path_factory.mktemp("readers")
    data = Dataset.from_frames(items_frame(), events_frame())
    return run(data, arms=["ease", "text"], splits="random", home=home, settings=SETTINGS)
