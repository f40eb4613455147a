"""``recsat plan``: what is written, and that a run is held to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Recsat = Callable[..., Result]


def test_it_prints_the_plan_of_a_demo_with_its_hash(recsat: Recsat) -> None:
    document = json.loads(recsat("plan", "--demo", "content").stdout)
    assert [split["name"] for split in document["plan"]["settings"]["splits"]] == ["last", "warm", "cold"]
    assert len(document["sha256"]) == 64


def test_it_writes_a_file_once(recsat: Recsat) -> None:
    done = recsat("plan", "--demo", "content", "--out", "plan.json")
    assert done.exit_code == 0
    sha256 = json.loads(Path("plan.json").read_text())["sha256"]
    assert done.stderr == f"plan.json: plan {sha256[:12]}. Run with measure.plan=plan.json.\n"
    again = recsat("plan", "--demo", "content", "--out", "plan.json")
    assert again.exit_code == 2
    assert "plan.json exists, and a plan is not written over" in again.stderr
