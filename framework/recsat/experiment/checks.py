"""Whether an experiment was what it says: groups of the sizes that chance would make, and alike before anything was shown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsat.errors import DataError
from recsat.experiment.effects import Effect, Floats, mean_effect

MISMATCH = 0.001
"""p below which the sizes of groups are no chance. It is looked at in every experiment, so that 5 % would be too many."""
EXACT_BELOW = 1000


def sample_ratio_p(n_users: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """p of the sizes of groups, had users been assigned with these ``shares`` (of any sum): chi-square, and exact for two groups of fewer than a thousand users.

    Kohavi, Tang and Xu, Trustworthy Online Controlled Experiments, ch. 21.

    >>> round(sample_ratio_p({"a": 10_000, "b": 10_250}, {"a": 1, "b": 1}), 2)
    0.08
    """
    if set(n_users) != set(shares) or len(n_users) < 2:
        raise DataError(
            f"shares: they are of {', '.join(sorted(shares)) or 'nothing'}; the log has {', '.join(sorted(n_users))}. Give one for each, two at least."
        )
    if not all(share > 0 and np.isfinite(share) for share in shares.values()):
        raise DataError("shares: each must be a number above 0.")
    counts = np.array([n_users[name] for name in shares])
    expected = np.array(list(shares.values())) / sum(shares.values())
    from scipy import stats  # takes a second to load, and most runs have no experiment

    if len(counts) == 2 and counts.sum() < EXACT_BELOW:
        return float(stats.binomtest(int(counts[0]), int(counts.sum()), float(expected[0])).pvalue)
    return float(stats.chisquare(counts, expected * counts.sum()).pvalue)


def imbalance(control_before: Floats, treatment_before: Floats, *, confidence: float = 0.95) -> Effect | None:
    """How groups differ in what was before, which no treatment can have made; None where fewer than two users of a group have a value."""
    present = [values[np.isfinite(values)] for values in (control_before, treatment_before)]
    if min(map(len, present)) < 2:
        return None
    return mean_effect(present[0], present[1], confidence=confidence)
