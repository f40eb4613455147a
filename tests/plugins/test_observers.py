from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recsat import RunConfig
from recsat.plugins import load_plugins

Install = Callable[..., Path]


def test_observers_are_told_of_each_moment_with_the_arguments_that_they_take(install: Install) -> None:
    install("watcher")
    observers = load_plugins(["watcher"]).observers
    config = RunConfig()
    observers.recsat_before_stage(stage="embed", folder=Path("runs/a"), config=config)
    observers.recsat_after_stage(stage="embed", folder=Path("runs/a"), config=config, seconds=1.25)
    observers.recsat_on_run_error(stage="index", folder=Path("runs/a"), config=config, error=ValueError("full"))
    assert sys.modules["recsat_watcher"].calls == [
        ("before", "embed"),
        ("after", "embed", "1.2", "a"),
        ("error", "index", "ValueError('full')"),
    ]


def test_an_observer_that_raises_is_logged_with_its_owner_and_the_next_is_still_told(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("watcher", "observer_raises")
    observers = load_plugins(["watcher", "observer_raises"]).observers
    with caplog.at_level(logging.ERROR, logger="recsat.plugins"):
        observers.recsat_before_stage(stage="embed", folder=Path("runs/a"), config=RunConfig())
    [log_record] = caplog.records
    for piece in ("recsat-observer-raises 0.8.0", "recsat_before_stage", ".py:4", "no tracking server for embed"):
        assert piece in log_record.getMessage()
    assert log_record.exc_info is not None
    assert isinstance(log_record.exc_info[1], ConnectionError)
    assert sys.modules["recsat_watcher"].calls == [("before", "embed")]


def test_a_failed_plugin_is_not_told_of_anything(install: Install) -> None:
    install("watcher", "name_clash", "tiny")
    plugins = load_plugins()
    assert [r.status for r in plugins.records if r.name in ("tiny", "watcher")] == ["failed", "failed", "ok"]
    plugins.observers.recsat_before_stage(stage="embed", folder=Path("runs/a"), config=RunConfig())
    assert sys.modules["recsat_watcher"].calls == [("before", "embed")]
