"""The page of experiments, made small; and a bar that is missed is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import experiment
from experiment import DESIGNS, VALUES, Paths, misses, page, paths


@pytest.mark.parametrize("values", ["normal", "10 % exponential"])
def test_a_sequence_that_is_looked_at_every_day_holds_the_truth_and_a_fixed_interval_does_not(
    values: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "N_DAYS", 20)
    one = paths(VALUES[values], 0.5, 1.3, n=400, seed=3)
    assert one.started == 1
    assert one.left_out <= 0.05
    assert one.fixed_left_out >= 0.15
    assert 1.3 < one.width < 2


def test_the_page_has_a_line_for_each_kind() -> None:
    one = Paths(left_out=0.01, started=1.0, first_day=3, width=1.5, fixed_left_out=0.3)
    sequences = {(values, design): one for values in VALUES for design in DESIGNS}
    text = page({"means, normal": 0.05}, sequences, {"half and half": (100, 0.8)}, 10, 1.0)
    assert text.count("| 1.0% | 100% | 3 | 1.50 | 30% |") == len(sequences)
    assert "| half and half | 100 | 80.0% |" in text


def test_a_bar_that_is_missed_is_named() -> None:
    out = Paths(left_out=0.051, started=1.0, first_day=3, width=1.5, fixed_left_out=0.3)
    within = Paths(left_out=0.05, started=1.0, first_day=3, width=1.5, fixed_left_out=0.3)
    alarms = {"CUPED": 0.061, "ratio": 0.04, "means, money, 4 % buy": 0.03}
    lines = misses(alarms, {("a", "b"): out, ("a", "c"): within}, {"x": (10, 0.77), "y": (10, 0.8)})
    assert lines == ["false alarms of CUPED: 6.1%", "a, b: 5.1% leave out the truth", "planned power, x: 77.0%"]
