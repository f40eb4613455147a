"""Who has a store open, without opening it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recsat import RunConfig, StoreError
from recsat.run.execute import look_at_store
from recsat.run.progress import LogProgress
from recsat.store import EdgeStore
from recsat.store.in_use import process_that_has


class Notes(LogProgress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def config(home: Path, wait_s: float) -> RunConfig:
    return RunConfig.model_validate({"home": str(home), "store": {"wait_s": wait_s}})


def test_the_process_that_has_a_store_is_named_while_it_has_it(tmp_path: Path) -> None:
    assert process_that_has(tmp_path / "store") is None
    with EdgeStore(tmp_path / "store"):
        assert process_that_has(tmp_path / "store") == str(os.getpid())
    assert process_that_has(tmp_path / "store") is None


def test_a_run_says_at_its_start_that_the_store_is_in_use(tmp_path: Path) -> None:
    notes = Notes()
    look_at_store(config(tmp_path, 600), notes)
    assert notes.texts == []
    with EdgeStore(tmp_path / ".recsat" / "store"):
        look_at_store(config(tmp_path, 600), notes)
        with pytest.raises(StoreError, match=r"has the store open, and store\.wait_s is 0\. Wait") as refusal:
            look_at_store(config(tmp_path, 0), notes)
    assert refusal.value.transient
    assert len(notes.texts) == 1
    assert f"process {os.getpid()} has the store open; where this run needs it, it waits up to 600 s" in notes.texts[0]
