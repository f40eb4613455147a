"""A stage that has a limit of time is ended at it, whatever it does; else it is as in this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import current_process
from pathlib import Path
from typing import Any

import psutil
import pytest
from hanging_stages import DYING, REFUSED, SLEEPING, WAITING, WORKING, hang, pid_and
from prefect import flow

from recsat import RunConfig
from recsat.errors import ConfigError, RunError, StoreError
from recsat.result.model import StageCost
from recsat.run import RunFolder, new_run
from recsat.stages import PIPELINE
from recsat_flows.limited import StageTimeout, TaskTimeout, run_stage_within, run_within
from recsat_flows.pipeline import folder_of, run_stages
from recsat_flows.steps import TASKS

LONG_S = 120.0


class Words:
    """What a stage tells."""

    def __init__(self) -> None:
        self.words: list[tuple[Any, ...]] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.words.append(("stage", name))

    def expect(self, total: int) -> None:
        self.words.append(("expect", total))

    def advance(self, n: int = 1) -> None:
        self.words.append(("advance", n))

    def note(self, text: str) -> None:
        self.words.append(("note", text))

    def finish(self, cost: StageCost) -> None:
        self.words.append(("finish", cost.name, cost.n_new))


@pytest.fixture
def folder(small_run_config: RunConfig, tmp_path: Path) -> RunFolder:
    return new_run(small_run_config.model_copy(update={"home": str(tmp_path)}), "limited")


def test_what_hangs_in_native_code_or_in_a_thread_is_ended(folder: RunFolder) -> None:
    """All at once, since they wait side by side."""
    limit, other = 45.0, RunFolder(folder.path / "other")
    other.path.mkdir()
    (other.path / "config.json").write_text((folder.path / "config.json").read_text())
    with ThreadPoolExecutor() as threads:
        of_stages = {
            stage.name: threads.submit(run_stage_within, place.path, stage, limit, Words())
            for stage, place in ((SLEEPING, folder), (WAITING, other))
        }
        of_task = threads.submit(run_within, limit, "hang", hang, str(folder.path / "task.json"))
    for name, future in of_stages.items():
        with pytest.raises(StageTimeout, match=rf"stage {name} took longer than flows.stage_limit_s \(45 s\)"):
            future.result()
    with pytest.raises(TaskTimeout, match=r"task hang took longer than flows.task_limit_s \(45 s\)"):
        of_task.result()
    for place, file in ((folder, "pid.json"), (other, "pid.json"), (folder, "task.json")):
        assert not psutil.pid_exists(place.read_json(file))  # it had begun
        assert place.costs() == []


def test_work_within_its_limit_returns_from_a_process_and_without_a_limit_from_this_one() -> None:
    pid, value = run_within(LONG_S, "work", pid_and, 7)
    assert (pid != os.getpid(), value) == (True, 7)
    assert run_within(None, "work", pid_and, 7) == (os.getpid(), 7)


def test_a_worker_that_may_start_no_process_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(current_process())["_config"], "daemon", True)
    with pytest.raises(ConfigError, match=r"flows.task_limit_s: .* distributed.worker.daemon"):
        run_within(LONG_S, "work", pid_and, 7)


def test_a_stage_says_does_and_returns_what_it_does_in_this_process(folder: RunFolder) -> None:
    progress = Words()
    run_stage_within(folder.path, WORKING, LONG_S, progress)
    assert progress.words == [
        ("stage", "work"),
        ("expect", 3),
        ("advance", 3),
        ("note", "three are done"),
        ("finish", "work", 3),
    ]
    [cost] = folder.costs()
    assert (cost.name, cost.n_new) == ("work", 3)
    assert folder.read_json("pid.json") != os.getpid()


def test_what_a_stage_raises_comes_through_and_a_death_is_said(folder: RunFolder) -> None:
    with pytest.raises(StoreError, match="the store is busy") as refusal:
        run_stage_within(folder.path, REFUSED, LONG_S, Words())
    assert refusal.value.transient
    with pytest.raises(RunError, match="stage die: its process ended with status -9"):
        run_stage_within(folder.path, DYING, LONG_S, Words())


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")
def test_a_stage_does_not_outlive_the_run_s_holder(folder: RunFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from hanging_stages import WAITING; from recsat.run.progress import LogProgress\n"
        "from recsat_flows.limited import run_stage_within\n"
        "if __name__ == '__main__': run_stage_within(Path(sys.argv[1]), WAITING, 600, LogProgress())"
    )
    script = folder.path / "holder.py"
    script.write_text(code)
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parents[1] / "fixtures")])
    holder = subprocess.Popen([sys.executable, str(script), str(folder.path)], env={**os.environ, "PYTHONPATH": paths})
    until(lambda: folder.has("pid.json"))
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    until(lambda: not psutil.pid_exists(folder.read_json("pid.json")))


def until(condition: Any) -> None:
    end = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_run_whose_stage_takes_too_long_fails_by_the_stage_s_name(
    small_run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSAT_FLOWS__STAGE_LIMIT_S", "0.01")
    monkeypatch.setitem(TASKS, "prepare", TASKS["prepare"].with_options(retries=0))
    config = small_run_config.model_copy(update={"home": str(tmp_path)})

    @flow(name="limited")
    def limited() -> str:
        return run_stages(folder_of(config, key="limited"), [stage for stage in PIPELINE if stage.name == "prepare"])

    with pytest.raises(StageTimeout, match="stage prepare took longer"):
        limited()
    assert RunFolder(tmp_path / "runs" / "limited").costs() == []
