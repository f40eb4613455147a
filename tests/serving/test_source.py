"""Which model is served: that of a folder, or what is promoted in a home, from the moment of its promotion."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsat.errors import SavedModelError
from recsat.serving.source import FolderSource, HomeSource
from recsat.stages.model.files import open_model
from recsat.stages.promotion.record import Decision, PromotionPlace


def promote(home: Path, model: Path, fingerprint: str) -> None:
    place = PromotionPlace.of(home, "content")
    shutil.copytree(model, place.model_folder(fingerprint))
    decision = Decision(
        id="1",
        action="promoted",
        time=datetime(2026, 11, 26, tzinfo=UTC),
        policy="always",
        why="a test",
        fingerprint=fingerprint,
        arm="text",
        run_id="r",
        run_folder="r",
        collection=None,
        served_before=None,
        evidence=[],
        checks=[],
    )
    place.begin([decision])
    place.finish()


def test_before_the_first_promotion_the_last_run_serves_and_then_what_is_promoted(
    finished_run: Path, tmp_path: Path
) -> None:
    source = HomeSource(tmp_path, "content", "default", finished_run)
    files = open_model(finished_run)
    assert source.current() == FolderSource(finished_run).current()
    promote(tmp_path, files.path, files.fingerprint)
    version = source.current()
    assert version.fingerprint == files.fingerprint
    assert version.path == PromotionPlace.of(tmp_path, "content").model_folder(files.fingerprint)
    assert HomeSource(tmp_path, "game", "default", finished_run).current().path == files.path
    assert HomeSource(tmp_path, "content", "other", finished_run).current().path == files.path


def test_a_home_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match="is neither a run nor a model folder"):
        HomeSource(tmp_path, "content", "default", tmp_path / "runs" / "latest").current()
