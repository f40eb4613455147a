"""The page of off-policy intervals, made small; and a bar that is missed is named."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from recsat.offpolicy import IPS

sys.path.insert(0, str(Path(__file__).parent))
import off_policy
from off_policy import ESTIMATORS, FIRST_SEED, LOGGING, Outcome, misses, outcome, page


def test_a_few_worlds_are_estimated_rightly_and_a_wrong_model_is_not() -> None:
    outcomes = [outcome(FIRST_SEED + i, LOGGING["middling"]) for i in range(8)]
    for name in ("IPS", "SNIPS", "DR", "SNDR"):
        z = np.array([o.errors[name] / o.standard_errors[name] for o in outcomes])
        assert abs(z.mean()) < 3 / np.sqrt(len(z)), name
        assert np.abs(z).max() < 4.5, name
    assert off_policy.bias_in_errors(outcomes, "DM") < -5
    assert not any(o.covers["DM"] for o in outcomes)
    # Texts say nothing of quality; fewer groups see less of what tells items apart.
    assert (
        off_policy.bias_in_errors(outcomes, "MIPS, 10 groups")
        < off_policy.bias_in_errors(outcomes, "MIPS, 20 groups")
        < -1
    )
    assert np.mean([o.rank_correlation["DR"] for o in outcomes]) > 0.8
    assert "| DM (biased) | " in page({"middling": outcomes}, 8, 0.0)


def test_with_a_group_for_each_item_mips_is_ips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_policy, "GROUPS", (off_policy.N_ITEMS,))
    one_world = off_policy.logged(FIRST_SEED, LOGGING["poor"])
    target = one_world.policy(off_policy.TARGETS[off_policy.JUDGED](one_world.world))
    (mips,) = one_world.of_texts().values()
    assert mips.estimate(one_world.log, target) == pytest.approx(IPS().estimate(one_world.log, target), rel=1e-9)


def one(error: float, *, covers: bool) -> Outcome:
    def everywhere(value: float) -> Mapping[str, float]:
        return dict.fromkeys(ESTIMATORS, value)

    return Outcome(
        errors=everywhere(error),
        standard_errors=everywhere(1.0),
        covers=dict.fromkeys(ESTIMATORS, covers),
        truth=0.5,
        rank_correlation=everywhere(1.0),
        regret=everywhere(0.0),
        effective_share=0.5,
        answer="answers",
    )


def test_a_bar_that_is_missed_is_named() -> None:
    within = [one(0.2 if i % 2 else -0.2, covers=i >= 5) for i in range(100)]
    assert misses({"good": within}) == []
    biased = [one(0.26, covers=i >= 5) for i in range(100)]
    assert misses({"good": biased})[0] == "IPS, good overlap: bias of 0.26 standard errors"
    assert "IPS, good overlap: coverage 91.0%" in misses({"good": [one(0.0, covers=i >= 9) for i in range(100)]})
    assert "DR, good overlap: coverage 100.0%" in misses({"good": [one(0.0, covers=True) for _ in range(100)]})
