"""The observer of docs/how-to/track.md is told a run's measures and hands all of them on."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import open_run
from recsat.run.stage import StageContext
from recsat.stages.report import means_of

PAGE = (Path(__file__).parents[2] / "docs/how-to/track.md").read_text(encoding="utf-8")


class Records(ModuleType):
    """Takes what MLflow's functions of these names take; MLflow itself brings a hundred packages."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.metrics: dict[str, float] = {}
        self.names: list[str] = []

    def set_experiment(self, name: str) -> None:
        self.names.append(name)

    @contextmanager
    def start_run(self, *, run_name: str) -> Iterator[None]:
        self.names.append(run_name)
        yield

    def log_params(self, params: dict[str, Any]) -> None:
        self.names.append(params["run"])

    def log_metrics(self, metrics: dict[str, float], *, step: int) -> None:
        assert all(re.fullmatch(r"[\w./ -]+", name) for name in metrics)  # what MLflow allows in a name
        self.metrics |= metrics


def test_a_run_tells_mlflow_its_measures(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [source] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "recsat_mlflow.py").write_text(source, encoding="utf-8")
    info = tmp_path / "recsat_mlflow-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recsat-mlflow\nVersion: 1.0\n", encoding="utf-8")
    [entry] = re.findall(r"```toml\n\[project.entry-points.recsat\]\n(.*?)```", PAGE, flags=re.DOTALL)
    (info / "entry_points.txt").write_text("[recsat]\n" + entry.replace('"', ""), encoding="utf-8")
    records = Records()
    monkeypatch.setitem(sys.modules, "mlflow", records)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    plugins = load_plugins(["content", "mlflow_runs"])
    context = StageContext.open(open_run(finished_run), plugins)
    values = means_of(Result.model_validate(context.folder.read_json("result.json")))
    plugins.observers.recsat_on_metrics(stage="finetune", folder=finished_run, step=3, values={"loss": 1.0})
    assert records.names == []
    plugins.observers.recsat_on_metrics(stage="report", folder=finished_run, step=0, values=values)
    assert records.names == ["recsat", finished_run.name, finished_run.name]
    assert len(records.metrics) == len(values)
    assert 0 < records.metrics["warm/ease/ndcg_at_10"] < 1
