"""Effects, checks and plans against known libraries' values on the same users, to 1e-8.

The users and values are data beside the repository: the folder that RECSAT_REFERENCE names, or ../shared/reference.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest

from recsat.experiment import (
    Design,
    adjusted_effect,
    mean_effect,
    mediate,
    ratio_effect,
    sample_ratio_p,
    smallest_effect,
    users_needed,
)
from recsat.experiment.effects import Effect, Floats
from recsat.experiment.sequence import mixture_reach

FOLDER = Path(os.environ.get("RECSAT_REFERENCE", Path(__file__).parents[2].parent / "shared" / "reference")) / "stats"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is not there: set RECSAT_REFERENCE to the folder above stats"
)


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def groups(column: str) -> tuple[Floats, Floats]:
    """Values of control and treatment; NaN for empty cells."""
    control, treatment = (
        np.array([float(row[column] or "nan") for row in rows("experiment.csv") if row["arm"] == arm])
        for arm in ("control", "treatment")
    )
    return control, treatment


def values(case: str) -> dict[str, float]:
    return {row["quantity"]: float(row["value"]) for row in rows("values.csv") if row["case"].startswith(case)}


def close(value: float | None, reference: float) -> bool:
    return value == pytest.approx(reference, rel=1e-8)


def effects() -> dict[str, Effect]:
    clicks, views = groups("clicks"), groups("views")
    return {
        "raw": mean_effect(*groups("outcome")),
        "cuped": adjusted_effect(*groups("outcome"), *groups("pre")),
        "ratio": ratio_effect((clicks[0], views[0]), (clicks[1], views[1])),
    }


@pytest.mark.parametrize("case", ["raw", "cuped", "ratio"])
def test_tea_tasting(case: str) -> None:
    effect = effects()[case]
    expected = {r["quantity"]: float(r["value"]) for r in rows("library_values.csv") if r["case"] == case}
    ours = {
        "effect_size": effect.difference,
        "effect_size_ci_lower": effect.low,
        "effect_size_ci_upper": effect.high,
        "rel_effect_size": effect.relative,
        "rel_effect_size_ci_lower": effect.relative_low,
        "rel_effect_size_ci_upper": effect.relative_high,
        "pvalue": effect.p,
    }
    assert set(ours) == set(expected)
    assert not {name: ours[name] for name in ours if not close(ours[name], expected[name])}


def test_closed_forms() -> None:
    ours = effects()
    for case, effect in (("outcome, Welch", ours["raw"]), ("cuped", ours["cuped"])):
        expected = values(case)
        for name in ("difference", "low", "high", "p"):
            assert close(getattr(effect, name), expected[name]), (case, name)
    assert close(ours["cuped"].variance_ratio, values("cuped")["variance ratio"])
    for group in ("control", "treatment"):
        expected = values(f"clicks / views of {group}")
        assert close(getattr(ours["ratio"], group), expected["ratio"])
        assert close(getattr(ours["ratio"], f"{group}_error"), expected["standard error"])


def test_sample_ratios() -> None:
    compared = 0
    for row in rows("values.csv"):
        if row["topic"] == "sample ratio mismatch":
            counts, shares = (list(map(int, re.findall(r"\d+", part))) for part in row["case"].split("expected"))
            names = [str(i) for i in range(len(counts))]
            p = sample_ratio_p(dict(zip(names, counts, strict=True)), dict(zip(names, shares, strict=True)))
            assert close(p, float(row["value"])), row["case"]
            compared += 1
    assert compared == 5


def test_the_sample_ratio_of_the_users_is_near_a_normal_test_with_continuity() -> None:
    (row,) = [row for row in rows("library_values.csv") if row["topic"] == "sample ratio mismatch"]
    control, treatment = map(len, groups("views"))
    assert sample_ratio_p({"c": control, "t": treatment}, {"c": 1, "t": 1}) == pytest.approx(
        float(row["value"]), abs=0.02
    )


def test_the_boundary_of_the_normal_mixture() -> None:
    table = [row for row in rows("anytime_values.csv") if row["case"].startswith("normal mixture")]
    assert len(table) == 8
    for row in table:
        match = re.search(r"rho\^2 (\d+).*n=(\d+)", row["case"])
        assert match is not None
        r, n = map(float, match.groups())
        assert float(mixture_reach(np.array(1 / n), r, 0.05)) == pytest.approx(float(row["value"]), rel=1e-12)


def test_plans() -> None:
    compared = 0
    for row in rows("values.csv"):
        if row["topic"] == "power" and row["case"].startswith("two-sided t"):
            match = re.search(r"difference ([\d.]+),", row["case"])
            assert match is not None
            n = users_needed(Design(deviation=1.0), float(match[1])) / 2
            # A group is whole: the next user at most.
            assert n - 1 < float(row["value"]) <= n or n == pytest.approx(float(row["value"]), rel=1e-4)
            compared += 1
        elif row["topic"] == "power" and row["case"].startswith("n per arm"):
            match = re.search(r"arm (\d+),", row["case"])
            assert match is not None
            effect = smallest_effect(Design(deviation=1.0), 2 * float(match[1]))
            assert effect == pytest.approx(float(row["value"]), rel=1e-4)
            compared += 1
    assert compared == 8


def test_mediation() -> None:
    table = rows("mediation.csv")
    arm, diversity, accuracy, outcome = (
        np.array([float(row[name]) for row in table]) for name in ("arm", "diversity", "accuracy", "outcome")
    )
    one, two = values("arm -> diversity"), values("two mediators")
    single = mediate(arm, outcome, {"diversity": diversity})
    both = mediate(arm, outcome, {"diversity": diversity, "accuracy": accuracy})
    assert close(single.indirect["diversity"], one["indirect (a*b)"])
    assert close(single.direct, one["direct"])
    assert close(single.total, one["total"])
    assert close(single.standard_errors["diversity"], one["Sobel standard error of a*b"])
    for name in ("diversity", "accuracy"):
        assert close(both.indirect[name], two[f"indirect through {name}"])
    assert close(both.direct, two["direct"])
