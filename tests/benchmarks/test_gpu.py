"""The benchmark of a GPU, run small on the CPU: what it prints on a card was computed, and can be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("gpu.py")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The report of a small run in a process of its own, and what it printed."""
    out = tmp_path_factory.mktemp("gpu") / "gpu.json"
    command = [sys.executable, str(SCRIPT), "--small", "--out", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert run.returncode == 0, run.stderr + run.stdout
    return json.loads(out.read_text(encoding="utf-8")), run.stdout


def test_every_part_is_measured_and_equal_to_its_reference(finished: tuple[dict[str, Any], str]) -> None:
    report, _ = finished
    assert report["equal"] == dict.fromkeys(
        ("encoder minilm", "encoder minilm, long texts", "encoder bert-base", "lists", "arms", "rerank", "sequence"),
        True,
    )
    assert report["lists"]["recsat_score_gap"] < 1e-5
    assert report["lists"]["limits"]["float32, grouped"]["identical_lists"] == 1
    for name in ("mmr", "dpp", "msd", "xquad", "calibrated"):
        assert report["rerank"][name]["same_as_in_float64"] >= 0.98
        assert report["rerank"][name]["users_per_s"] > 0
    for name in ("minilm", "bert-base"):
        assert report["encoder"][name]["tokens"] > report["encoder"][name]["texts"]
        assert report["encoder"][name]["share_of_bf16_peak"] > 0
    assert report["encoder"]["minilm"]["weights"] == "published"
    for name in ("ease", "ease-text", "aligned", "ials-text", "popularity"):
        assert report["arms"][name]["same_lists"] == 1
        assert report["arms"][name]["lists_per_s"] > 0
    assert report["sequence"]["seconds_per_epoch_batch_64"] > 0


def test_it_says_what_was_measured_where_and_claims_no_goal_of_a_card_without_one(
    finished: tuple[dict[str, Any], str],
) -> None:
    report, printed = finished
    assert report["small"] is True
    assert {"device", "driver", "torch", "bf16_tflops", "fp32_tflops", "copy_gb_per_s"} <= report["machine"].keys()
    assert report["goals"] == {}
    first, *lines = printed.splitlines()
    assert json.loads(first) == report
    assert any(line.startswith("rerank") and "mmr / users_per_s" in line for line in lines)
