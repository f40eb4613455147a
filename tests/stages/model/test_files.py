"""The files of a model folder."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from recsat.errors import SavedModelError
from recsat.stages.model.files import ModelFiles, open_model


def test_every_file_is_under_a_sum_that_other_programs_can_check(finished_run: Path) -> None:
    model = finished_run / "model"
    sums = sorted(path.parent for path in model.rglob("SHA256SUMS"))
    names = set()
    for folder in sums:
        checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        names |= {folder / line.rpartition(":")[0] for line in checked.stdout.splitlines()}
    assert names | {model / "SHA256SUMS"} == {path for path in model.rglob("*") if path.is_file()}
    assert open_model(finished_run).fingerprint == hashlib.sha256((model / "SHA256SUMS").read_bytes()).hexdigest()


def test_a_card_of_another_format_is_refused(finished_run: Path, tmp_path: Path) -> None:
    text = (finished_run / "model" / "card.json").read_text().replace('"format": 1', '"format": 2')
    (tmp_path / "card.json").write_text(text)
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  card.json\n")
    with pytest.raises(SavedModelError, match=r"no model of format 1\. Install the recsat that wrote it"):
        ModelFiles(tmp_path).card()
    (tmp_path / "SHA256SUMS").unlink()
    with pytest.raises(SavedModelError, match="has no SHA256SUMS"):
        ModelFiles(tmp_path).card()
