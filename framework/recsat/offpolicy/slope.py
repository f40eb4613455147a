"""Choice among estimators of falling variance and growing bias, by their intervals alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from scipy.special import stdtrit

from recsat.errors import DataError
from recsat.offpolicy.estimators import Estimator
from recsat.offpolicy.log import BanditLog, Target

Candidate = TypeVar("Candidate", bound=Estimator)


def slope(candidates: Sequence[Candidate], log: BanditLog, target: Target, *, confidence: float = 0.9) -> Candidate:
    r"""The last of ``candidates``, ordered by falling uncertainty, whose interval still meets those of all before it.

    SLOPE (Su, Srinath and Krishnamurthy, ICML 2020, with the constant of Tucker and Lee 2021): estimate i is taken while
    :math:`|\hat V_j - \hat V_i| \le c_i + (\sqrt 6 - 1)\, c_j` for all j before it. As in the Open Bandit Pipeline c is the one-sided bound of t over
    rounds, :math:`t_{n - 1}(1 - \delta)\, s / \sqrt n`. Candidates are mostly one estimator with several clips:

        slope([IPS(clip) for clip in (1, 5, 10, 50, 100, float("inf"))], log, target)

    Raises DataError where there are none, or the log has one round.
    """
    if not candidates:
        raise DataError("slope: there is no candidate.")
    if log.n < 2:
        raise DataError("slope: one round has no spread.")
    contributions = np.stack([candidate.contributions(log, target) for candidate in candidates])
    values = contributions.mean(axis=1)
    reach = stdtrit(log.n - 1, confidence) * contributions.std(axis=1, ddof=1) / np.sqrt(log.n)
    order = np.argsort(reach)[::-1]
    values, reach = values[order], reach[order]
    meets = np.abs(values[:, None] - values) <= reach[:, None] + (np.sqrt(6) - 1) * reach
    fails = [i for i in range(1, len(order)) if not meets[i, :i].all()]
    return candidates[int(order[fails[0] - 1 if fails else -1])]
