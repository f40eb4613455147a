"""Where publishers' files are on this machine, for the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("RECSAT_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.fixture
def publisher_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ``RECSAT_DATA`` names, or the one beside the repository."""
    if not DATA.is_dir():
        pytest.skip(f"the publishers' files are not here: set RECSAT_DATA to their folder ({DATA} does not exist)")
    monkeypatch.setenv("RECSAT_DATA", str(DATA))
    return DATA
