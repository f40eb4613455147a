from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.experiment import mediate

ARM = np.array([0.0, 0.0, 1.0, 1.0])


def test_worked_by_hand() -> None:
    # M rises by 2 with the arm; Y = 3 M + 1 T, exactly.
    mediator = np.array([0.0, 1.0, 2.0, 3.0])
    outcome = 3 * mediator + ARM
    parts = mediate(ARM, outcome, {"diversity": mediator})
    assert (parts.total, parts.direct) == pytest.approx((7, 1))
    assert parts.indirect["diversity"] == pytest.approx(6)
    assert parts.standard_errors["diversity"] == pytest.approx(3 * np.sqrt(0.5))  # b se_a, and se_b is 0
    assert parts.vanishes_at["diversity"] == pytest.approx(1)


def linear(n: int, b: float, confounding: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    arm, shared = rng.integers(0, 2, n).astype(float), rng.normal(size=n)
    mediator = 0.5 * arm + confounding * shared + rng.normal(size=n)
    return arm, 0.3 * arm + b * mediator + confounding * shared + rng.normal(size=n), mediator


def test_parts_sum_and_are_right_where_nothing_confounds() -> None:
    arm, outcome, mediator = linear(40_000, b=0.8, confounding=0.0)
    other = np.random.default_rng(1).normal(size=len(arm))
    parts = mediate(arm, outcome, {"diversity": mediator, "accuracy": other})
    assert parts.direct + sum(parts.indirect.values()) == pytest.approx(parts.total)
    assert parts.indirect["diversity"] == pytest.approx(0.4, abs=4 * parts.standard_errors["diversity"])
    assert parts.indirect["accuracy"] == pytest.approx(0, abs=4 * parts.standard_errors["accuracy"] + 1e-4)


def test_where_something_confounds_a_part_is_seen_that_is_none_and_its_sensitivity_is_the_true_correlation() -> None:
    arm, outcome, mediator = linear(40_000, b=0.0, confounding=1.0)
    parts = mediate(arm, outcome, {"diversity": mediator})
    assert parts.indirect["diversity"] > 10 * parts.standard_errors["diversity"]
    assert parts.vanishes_at["diversity"] == pytest.approx(0.5, abs=0.02)  # of the two errors: 1 / (√2 √2)


def test_what_cannot_be_parted_is_refused() -> None:
    with pytest.raises(DataError, match="at least one mediator"):
        mediate(ARM, ARM, {})
    with pytest.raises(DataError, match="arm has 4 rows"):
        mediate(ARM, ARM, {"d": np.ones(3)})
    with pytest.raises(DataError, match="must be 0 and 1"):
        mediate(np.zeros(4), ARM, {"d": np.arange(4.0)})
    with pytest.raises(DataError, match="cannot be told apart"):
        mediate(ARM, ARM, {"d": 2 * ARM})
