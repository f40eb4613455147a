"""Runs the command in this process, in a folder of its own and without settings from outside."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recsat.cli import app


@pytest.fixture
def recsat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """``recsat("config", "-s", "rank.k=5", RECSAT_SEED="7")``: arguments, and environment variables as keywords."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith(("RECSAT_", "PREFECT_API_")):
            monkeypatch.delenv(name)
    root, ours = logging.getLogger(), logging.getLogger("recsat")
    before = (root.handlers[:], root.level, ours.level, logging.getLogger("recsat.plugins").level)
    yield lambda *arguments, **env: CliRunner().invoke(app, arguments, env={"COLUMNS": "300", **env})
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    logging.getLogger("recsat.plugins").setLevel(before[3])


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """``distribution("shop", "def …")`` installs a plugin of one module for one test."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, code: str) -> None:
        info = site / f"recsat_{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (site / f"recsat_{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: recsat-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[recsat]\n{name} = recsat_{name}\n")
        monkeypatch.delitem(sys.modules, f"recsat_{name}", raising=False)
        importlib.invalidate_caches()

    return install
