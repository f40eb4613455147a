"""Metrics in TensorBoard and Weights & Biases, where they are installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recsat.builtin import tracking
from recsat.plugins import load_plugins


def test_tensorboard_gets_every_number_through_the_hook(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard: pip install 'recsat[finetune]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    observers = load_plugins([]).observers
    for step, loss in ((10, 2.5), (20, 1.5)):
        observers.recsat_on_metrics(stage="finetune", folder=tmp_path, step=step, values={"loss": loss})
    written = EventAccumulator(str(tmp_path / "tensorboard" / "finetune")).Reload()
    assert [(event.step, event.value) for event in written.Scalars("loss")] == [(10, 2.5), (20, 1.5)]
    assert len(list((tmp_path / "tensorboard" / "finetune").iterdir())) == 1


def test_without_a_tracker_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    tracking.track("finetune", tmp_path, 1, {"loss": 1.0})
    assert list(tmp_path.iterdir()) == []


def test_weights_and_biases_is_never_used_unless_the_environment_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package sends data away: a stand-in shows that it is not even imported without a key or a mode."""
    records: list[dict[str, Any]] = []

    class Run:
        def log(self, values: dict[str, float], *, step: int) -> None:
            records.append({"step": step, **values})

    stand_in = ModuleType("wandb")
    stand_in.init = lambda **options: records.append(options) or Run()  # type: ignore[attr-defined,func-returns-value]
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    monkeypatch.setattr(tracking, "find_spec", lambda name: name == "wandb" or None)
    for name in tracking.WANDB_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    tracking.track("finetune", tmp_path, 1, {"loss": 1.0})
    assert records == []
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracking.track("finetune", tmp_path, 2, {"loss": 0.5})
    tracking.track("finetune", tmp_path, 3, {"loss": 0.25})
    assert records[0]["id"] == f"{tmp_path.name}-finetune"
    assert records[1:] == [{"step": 2, "loss": 0.5}, {"step": 3, "loss": 0.25}]
