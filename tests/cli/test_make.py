"""The README's command on a fresh clone, wherever that lies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize(("home", "expected"), [(None, "."), ("/srv/recsat", "/srv/recsat")])
def test_the_demo_names_its_home_so_that_a_clone_below_tmp_is_no_lost_state(
    tmp_path: Path, home: str | None, expected: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / ".installed").touch()
    (tmp_path / "bin" / "recsat").write_text('#!/bin/sh\necho "$RECSAT_HOME $*"\n')
    (tmp_path / "bin" / "recsat").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "RECSAT_HOME"}
    if home is not None:
        environment["RECSAT_HOME"] = home
    outcome = subprocess.run(
        ["make", "--silent", "demo", f"VENV={tmp_path}", f"BIN={tmp_path}/bin", "ARGS=--set rank.k=5"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert outcome.stdout.strip() == f"{expected} demo --set rank.k=5"
