"""``recsat estimate``: what a run will take, without a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from recsat import RunConfig
from recsat.stages import prepare

Recsat = Callable[..., Result]


def settings(config: RunConfig, folder: Path) -> str:
    path = folder / "run.yaml"  # JSON is YAML
    path.write_text(json.dumps({**config.model_dump(mode="json"), "home": str(folder)}))
    return str(path)


def test_it_says_what_each_stage_and_each_arm_takes_and_leaves_no_run(
    recsat: Recsat, small_run_config: RunConfig, tmp_path: Path
) -> None:
    file = settings(small_run_config, tmp_path)
    done = recsat("estimate", "-c", file)
    assert done.exit_code == 0, done.stderr
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert rows[:8] == ["Stage", "prepare", "embed", "index", "recommend", "evaluate", "model", "report"]
    assert {"popularity", "text", "text-words", "ease"} <= set(rows)
    assert list((tmp_path / "runs").iterdir()) == []
    document = json.loads(recsat("estimate", "-c", file, "--json").stdout)
    assert document["stages"][0]["name"] == "prepare"
    assert document["stages"][0]["disk_mib"] > 0


def test_arms_that_cannot_fit_are_refused_with_the_remedy(
    recsat: Recsat, small_run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_run_config.model_copy(update={"arms": ["popularity", "ease", "hybrid"]})
    monkeypatch.setattr(prepare, "free_memory", lambda: 1_000)
    refused = recsat("estimate", "-c", settings(config, tmp_path))
    assert refused.exit_code == 2
    assert "Set arms to [popularity], set parameters.hybrid.dense_limit below " in refused.stderr
    assert list((tmp_path / "runs").iterdir()) == []
