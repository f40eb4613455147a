"""Reports are written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from recsat.errors import DiskFull
from recsat.report.write import write_report
from recsat.result.model import Result
from recsat.result.schema import SCHEMA_FILE


def test_three_files_are_written_and_the_json_reads_back_as_the_same_result(tmp_path: Path, result: Result) -> None:
    folder = tmp_path / "runs" / "one"
    page = write_report(result, folder)
    assert page == folder / "report.html"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.md", "result.json"]
    text = (folder / "result.json").read_text(encoding="utf-8")
    assert Result.model_validate_json(text) == result
    jsonschema.validate(json.loads(text), json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def test_a_second_report_replaces_the_first(tmp_path: Path, result: Result) -> None:
    write_report(result, tmp_path)
    write_report(result.model_copy(update={"run_id": "second"}), tmp_path)
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["run_id"] == "second"
    assert "second" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_failed_write_leaves_the_old_report_and_no_scraps(
    tmp_path: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_report(result, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="No space left"):
        write_report(result.model_copy(update={"run_id": "second"}), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name != "posix", reason="POSIX has a mask for new files")
def test_a_report_may_be_read_by_those_whom_the_mask_of_new_files_lets(tmp_path: Path, result: Result) -> None:
    before = os.umask(0o077)
    try:
        write_report(result, tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
