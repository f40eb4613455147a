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
    assert commands_of_demo(tmp_path, home, "ARGS=--set rank.k=5") == [f"{expected} demo --set rank.k=5"]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_the_demo_begins_with_what_answers_all_four_questions_in_a_minute(tmp_path: Path) -> None:
    assert commands_of_demo(tmp_path, None) == [". demo --domain ecommerce --sample shop", ". demo"]


def commands_of_demo(tmp_path: Path, home: str | None, *arguments: str) -> list[str]:
    """What ``make demo`` asks of recsat, with the home it names."""
    (tmp_path / "bin").mkdir()
    (tmp_path / ".installed").touch()
    (tmp_path / "bin" / "recsat").write_text('#!/bin/sh\necho "$RECSAT_HOME $*"\n')
    (tmp_path / "bin" / "recsat").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "RECSAT_HOME"}
    if home is not None:
        environment["RECSAT_HOME"] = home
    outcome = subprocess.run(
        ["make", "--silent", "demo", f"VENV={tmp_path}", f"BIN={tmp_path}/bin", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return outcome.stdout.splitlines()
