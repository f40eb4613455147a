"""The stage report tells observers a run's measures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recsat.plugins import load_plugins
from recsat.run import open_run
from recsat.run.stage import StageContext
from recsat.stages.report import report


def test_observers_are_told_every_mean_of_all_users(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    plugins = load_plugins(["content"])
    calls: list[dict[str, object]] = []
    monkeypatch.setattr(plugins.observers, "recsat_on_metrics", lambda **arguments: calls.append(arguments))
    context = StageContext.open(open_run(tmp_path / "run"), plugins)
    report(context)
    [call] = calls
    assert call["stage"] == "report"
    values = call["values"]
    assert isinstance(values, dict)
    result = context.folder.read_json("result.json")
    [ease] = [arm for arm in result["arms"] if (arm["name"], arm["split"], arm["slice"]) == ("ease", "warm", "all")]
    means = {name: one["mean"] for name, one in ease["measures"].items() if one["mean"] is not None}
    assert {name: values[f"warm/ease/{name}"] for name in means} == means
    assert not any(value is None for value in values.values())
