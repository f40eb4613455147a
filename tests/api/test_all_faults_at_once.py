"""A wrong name in the settings and a wrong row of a frame are told together, as they are of files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import recsat


def frames(value: float) -> recsat.Dataset:
    items = pl.DataFrame({"item_id": ["a", "b"], "title": ["Cup", "Hat"]})
    events = pl.DataFrame(
        {"user_id": ["u", "v"], "item_id": ["a", "b"], "event": ["purchase"] * 2, "value": [1.0, value]}
    )
    return recsat.Dataset.from_frames(items, events, domain="ecommerce")


def test_a_wrong_arm_and_a_wrong_row_of_a_frame_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(recsat.ConfigError) as caught:
        recsat.run(frames(-1.0), arms=["popularity", "eaze"], home=tmp_path)
    assert "No arm is called 'eaze'" in str(caught.value)
    assert "events, row 2: value '-1.0' is less than nothing" in str(caught.value)
    assert "no such folder" not in str(caught.value)


def test_of_sound_frames_a_wrong_arm_is_the_only_fault(tmp_path: Path) -> None:
    with pytest.raises(recsat.ConfigError) as caught:
        recsat.run(frames(1.0), arms=["popularity", "eaze"], home=tmp_path)
    assert "No arm is called 'eaze'" in str(caught.value)
    assert "folder" not in str(caught.value)
