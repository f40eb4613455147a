"""A run that is killed in any stage goes on under its key, and finds what an undisturbed one finds."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from children import exit_of, run_killed_at
from findings import findings

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, execute
from recsat.stages import PIPELINE

KEY = "nightly.2026-11-26"


def config_in(place: Path, small: RunConfig) -> RunConfig:
    """``small`` with one split and no curves, in a home of its own."""
    measure = small.measure.model_copy(update={"n_bootstrap": 100, "curves": False})
    return small.model_copy(update={"home": str(place), "splits": small.splits[:1], "measure": measure})


@pytest.fixture(scope="module")
def undisturbed(small_run_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    config = config_in(tmp_path_factory.mktemp("undisturbed"), small_run_config)
    return findings(execute(config, load_plugins(["content"]), stages=PIPELINE))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize(
    ("stage", "event", "n"),
    [
        ("prepare", "file", 5),
        ("embed", "step", 2),
        ("embed", "file", 3),
        ("index", "file", 1),
        ("recommend", "step", 3),
        ("recommend", "file", 3),
        ("evaluate", "file", 2),
        ("model", "file", 1),
        ("model", "file", 6),
        ("report", "file", 2),
        ("report", "file", 4),
        ("report", "file", 5),
    ],
)
def test_a_run_killed_in_a_stage_goes_on_by_its_key_to_the_same_result(
    small_run_config: RunConfig, undisturbed: dict[str, Any], tmp_path: Path, stage: str, event: str, n: int
) -> None:
    config = config_in(tmp_path, small_run_config)
    assert exit_of(run_killed_at, config.model_dump_json(), KEY, stage, event, n) == (-signal.SIGKILL, "")
    finished = [cost.name for cost in RunFolder(tmp_path / "runs" / KEY).costs()]
    assert finished == [one.name for one in PIPELINE][: len(finished)]
    assert stage not in finished

    folder = execute(config, load_plugins(["content"]), stages=PIPELINE, key=KEY)
    assert folder == tmp_path / "runs" / KEY
    assert [cost.name for cost in RunFolder(folder).costs()] == [one.name for one in PIPELINE]
    assert findings(folder) == undisturbed
    assert (tmp_path / "runs" / "latest").resolve() == folder
