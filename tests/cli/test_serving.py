"""What ``recsat serve`` refuses before it listens."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from recsat.embed.digest import sha256_of


def refusal(result: Result) -> str:
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def test_what_is_no_model_is_refused(recsat: Callable[..., Result], tmp_path: Path) -> None:
    assert "neither a run nor a model folder" in refusal(recsat("serve", "--run", str(tmp_path)))


def test_other_machines_need_a_key(recsat: Callable[..., Result], finished_run: Path) -> None:
    message = refusal(recsat("serve", "--run", str(finished_run), "--host", "0.0.0.0"))
    assert "--host 0.0.0.0 can be reached from other machines, and no key is set. Set RECSAT_API_KEY" in message


def test_a_key_is_no_setting_of_a_run(recsat: Callable[..., Result]) -> None:
    assert recsat("config", RECSAT_API_KEY="secret").exit_code == 0


def test_a_model_whose_home_is_elsewhere_needs_a_folder_for_feedback(
    recsat: Callable[..., Result], finished_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished_run / "model", tmp_path / "model")
    card, sums = tmp_path / "model" / "card.json", tmp_path / "model" / "SHA256SUMS"
    before = sha256_of(card)
    content = json.loads(card.read_text())
    content["config"]["home"] = str(tmp_path / "gone")
    card.write_text(json.dumps(content))
    sums.write_text(sums.read_text().replace(before, sha256_of(card)))
    message = refusal(recsat("serve", "--run", str(tmp_path / "model")))
    assert f"the home of this model, {tmp_path / 'gone'}, is not on this machine. Name a folder" in message


def test_what_is_not_installed_is_named(recsat: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("recsat.cli.serving.find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert "recsat serve needs uvicorn. Install it: pip install 'recsat[serve]'" in refusal(recsat("serve"))
