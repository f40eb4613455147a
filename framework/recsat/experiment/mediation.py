r"""Which part of an effect runs through a mediator, such as the diversity of lists: linear, and only as sure as an assumption that nothing can test.

With the arm T, mediators M and the outcome Y, :math:`M = \alpha + a T + e_1` and :math:`Y = \beta + c T + b M + e_2`: :math:`a b` runs through M, c does not (Baron and Kenny,
1986). That is causal only if nothing else moves both M and Y within an arm (sequential ignorability; Imai, Keele and Yamamoto, Statistical Science 2010). Lists of one ranker do not
promise that: whoever gets diverse lists gets them for a reason. So it is for simulated worlds, where the truth is known, and never part of a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsat.errors import DataError
from recsat.experiment.effects import Floats


@dataclass(frozen=True)
class Mediation:
    """Parts of the effect of an arm."""

    total: float
    direct: float
    indirect: Mapping[str, float]
    """By mediator; with ``direct`` they sum to ``total``."""
    standard_errors: Mapping[str, float]
    r"""Of the indirect parts, by Sobel (1982): :math:`\sqrt{b^2 se_a^2 + a^2 se_b^2}`."""
    vanishes_at: Mapping[str, float]
    r"""By mediator alone: the correlation of :math:`e_1` and :math:`e_2` at which its part would be nothing, which is that of the residuals of M and Y given T."""


def mediate(arm: Floats, outcome: Floats, mediators: Mapping[str, Floats]) -> Mediation:
    """Parts of the effect of ``arm`` (n,), 0 or 1, on ``outcome`` (n,) through ``mediators`` (n,) each, taken together.

    Raises DataError where an arm is empty, a column has another length, or mediators cannot be told apart.
    """
    n = len(arm)
    if not mediators or any(len(values) != n for values in (outcome, *mediators.values())):
        raise DataError(f"mediation: arm has {n} rows. Give an outcome and at least one mediator for each.")
    if not set(np.unique(arm)) == {0, 1}:
        raise DataError("mediation: arm must be 0 and 1, and have both.")
    base = np.column_stack([np.ones(n), arm])
    full = np.column_stack([base, *mediators.values()])
    if n <= full.shape[1] or np.linalg.matrix_rank(full) < full.shape[1]:
        raise DataError("mediation: mediators and arm cannot be told apart. Leave one out, or take more users.")
    total, _, residuals = _least_squares(base, outcome)
    of_outcome, errors, _ = _least_squares(full, outcome)
    indirect, standard_errors, vanishes_at = {}, {}, {}
    for i, (name, values) in enumerate(mediators.items()):
        of_mediator, mediator_errors, mediator_residuals = _least_squares(base, values)
        a, b = of_mediator[1], of_outcome[2 + i]
        indirect[name] = float(a * b)
        standard_errors[name] = float(np.hypot(b * mediator_errors[1], a * errors[2 + i]))
        vanishes_at[name] = float(np.corrcoef(mediator_residuals, residuals)[0, 1])
    return Mediation(float(total[1]), float(of_outcome[1]), indirect, standard_errors, vanishes_at)


def _least_squares(X: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients, their standard errors, residuals."""
    inverse = np.linalg.inv(X.T @ X)
    coefficients = inverse @ X.T @ y
    residuals = y - X @ coefficients
    variance = residuals @ residuals / (len(y) - X.shape[1])
    return coefficients, np.sqrt(variance * np.diag(inverse)), residuals
