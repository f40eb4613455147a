"""The page of promotion, made small: stable days pass and broken models do not; without the comparison the page misses its bar."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import promotion
from promotion import Tally, page, replay


def test_stable_days_pass_and_broken_models_do_not() -> None:
    tally = Tally()
    replay(700, 4, 400, tally)
    assert (tally.days, tally.refused) == (3, 0)
    assert (tally.broken_vectors, tally.broken_model) == (3, 3)
    assert (tally.broken_vectors_through, tally.broken_model_through, tally.worse_through) == (0, 0, 0)
    assert "| the day's model | 3 | 3 | **0** (0.0%) |" in page({400: tally}, 1, 3, 0.0)


def test_a_comparison_that_says_yes_lets_them_through(monkeypatch: pytest.MonkeyPatch) -> None:
    weigh = promotion.weigh
    monkeypatch.setattr(
        promotion,
        "weigh",
        lambda *arguments, **options: [one.model_copy(update={"holds": True}) for one in weigh(*arguments, **options)],
    )
    tally = Tally()
    replay(700, 2, 400, tally)
    assert (tally.broken_vectors_through, tally.broken_model_through) == (1, 1)
