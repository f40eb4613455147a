"""One process works on a run folder at a time."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recsat import RunConfig
from recsat.errors import RunError
from recsat.plugins import load_plugins
from recsat.run import RunFolder, Stage, StageContext, StageCounts, claimed, execute, new_run
from recsat.run.claim import is_claimed

HOLDER = """
import sys, time
from pathlib import Path
from recsat.run import RunFolder, claimed
with claimed(RunFolder(Path(sys.argv[1]))):
    print("claimed", flush=True)
    time.sleep(600)
"""


def held_elsewhere(folder: RunFolder) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def test_a_run_of_a_key_that_another_process_works_on_is_refused_with_its_id(tmp_path: Path) -> None:
    config = RunConfig(home=str(tmp_path))
    folder = new_run(config, "nightly")
    worked: list[str] = []

    def work(context: StageContext) -> StageCounts:
        worked.append(context.folder.run_id)
        return StageCounts()

    process = held_elsewhere(folder)
    try:
        assert is_claimed(folder)
        with pytest.raises(RunError, match=rf"run nightly is being worked on by process {process.pid} "):
            execute(config, load_plugins(["content"]), stages=[Stage("work", work)], key="nightly")
        assert worked == []
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert not is_claimed(folder)
    execute(config, load_plugins(["content"]), stages=[Stage("work", work)], key="nightly")
    execute(config, load_plugins(["content"]), stages=[Stage("work", work)], key="nightly")
    assert worked == ["nightly"]


def test_a_claim_ends_with_its_block_however_that_ends(tmp_path: Path) -> None:
    folder = new_run(RunConfig(home=str(tmp_path)))
    with contextlib.suppress(ZeroDivisionError), claimed(folder):
        assert is_claimed(folder)
        raise ZeroDivisionError
    assert not is_claimed(folder)
