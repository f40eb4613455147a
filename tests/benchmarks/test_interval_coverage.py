"""The page of coverage, made small: its rows hold where intervals are right, and an interval or a test that is broken misses its bar."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import coverage_checks
import interval_coverage
from coverage_checks import SECTIONS, Case, Judged, Section
from interval_coverage import Rate, Row, failures, measure, measure_twice, page, rate_of, tasks
from off_policy import FIRST_SEED, LOGGING, outcome

from recsat.experiment import effects, sequence
from recsat.experiment.sequence import mixture_reach
from recsat.measure import comparisons, evaluate, learning, pooled, within_slices
from recsat.measure.differences import difference_intervals
from recsat.measure.draws import DrawnMeans, drawn_means
from recsat.measure.intervals import Intervals, bootstrap_intervals
from recsat.measure.significance import sign_flip_test
from recsat.offpolicy import judged
from recsat.offpolicy.intervals import interval_of_difference, user_interval

N_WORLDS = 400
OFF_POLICY = "Off-policy: what another policy would have earned"
FEWER_WORLDS = {"The click rate, off-policy": 100, "The order of events": 40, "Marks in the table": 100, OFF_POLICY: 40}
USERS = {"Experiments: looked at every day": 200, OFF_POLICY: 50}
MORE_USERS = {
    "Kinds of items": 100,
    "Experiments: relative effects, guardrails, sizes of groups": 100,
    "Experiments: groups that are alike": 100,
    "Experiments: looked at every day": 200,
}
"""Where fewer give no number."""


def row(section: str, world: str, n_users: int | None = None) -> Row:
    """The row of a section whose world begins so."""
    n_users = n_users or USERS.get(section, 100)
    i = next(i for i, one in enumerate(SECTIONS) if one.title == section)
    j = next(j for j, one in enumerate(SECTIONS[i].cases) if one.world.startswith(world))
    n_worlds = FEWER_WORLDS.get(section, N_WORLDS)
    return measure((i, j, n_users), n_worlds / SECTIONS[i].cases[j].worlds[n_users])


def half_as_wide(make: Callable[..., Intervals]) -> Callable[..., Intervals]:
    def narrow(*arguments: Any, **settings: Any) -> Intervals:
        intervals = make(*arguments, **settings)
        low, high = intervals.mean - intervals.low, intervals.high - intervals.mean
        return replace(intervals, low=intervals.mean - low / 2, high=intervals.mean + high / 2)

    return narrow


def halved_means(*arguments: Any, **settings: Any) -> DrawnMeans:
    over_draws = drawn_means(*arguments, **settings)
    return replace(over_draws, intervals=half_as_wide(lambda: over_draws.intervals)())


ROWS = [
    ("The mean of one arm", "like nDCG"),
    ("The mean of one arm", "ties"),
    ("The mean of one arm", "hit, p = .05"),
    ("A paired difference of two arms", "two noisy versions"),
    ("A paired difference of two arms", "a gain of .02"),
    ("Splits that are drawn several times", "5 draws that differ much"),
    ("Measures of the whole catalogue", "one arm, a tenth"),
    ("The click rate, off-policy", "it sees it through noise"),
    ("Whose the gain is", "words give the gain"),
    ("Several measures at once", "alike"),
    ("Exploratory measures, half of them true", "two noisy"),
    ("Marks in the table", "alike"),
    ("Better, as good as, cannot tell", "the arm is better by 0.02"),
    ("The order of events", "popular items"),
    ("The verdict's pair in slices, and who gains", "head, tail and cold items"),
    ("Points of a learning curve", "like nDCG"),
    ("Errors pooled over rows", "squared errors"),
    ("Experiments: relative effects, guardrails, sizes of groups", "values that are little skewed"),
    ("Kinds of items", "two arms alike"),
    ("Experiments: groups that are alike", "CUPED, normal"),
    ("Experiments: looked at every day", "normal"),
    (OFF_POLICY, "good overlap"),
]


@pytest.mark.parametrize(("section", "world"), ROWS)
def test_a_row_holds_its_bar(section: str, world: str) -> None:
    one = row(section, world)
    assert one.case.bars
    assert one.misses == []
    assert all(one.rates[name].n_made > 0 for name in one.case.bars)


def test_every_section_has_a_row_here_or_is_all_known_limits() -> None:
    assert {section for section, _ in ROWS} == {section.title for section in SECTIONS} - {
        "The smallest detectable difference"
    }


BROKEN = [
    (evaluate, "bootstrap_intervals", half_as_wide(bootstrap_intervals), ROWS[0], "holds the mean"),
    (evaluate, "exact_interval", lambda values, *_: (values.mean(),) * 2, ROWS[2], "holds the mean"),
    (coverage_checks, "difference_intervals", half_as_wide(difference_intervals), ROWS[3], "holds the difference"),
    (coverage_checks, "drawn_means", halved_means, ROWS[5], "holds the mean"),
    (coverage_checks, "sign_flip_test", lambda d: sign_flip_test(d) / 9, ROWS[3], "p ≤ .05 though none"),
    (comparisons, "difference_intervals", half_as_wide(difference_intervals), ROWS[8], "holds the model's share"),
    (comparisons, "difference_intervals", half_as_wide(difference_intervals), ROWS[12], "wrong"),
    (coverage_checks, "holm", lambda p: p / 4, ROWS[9], "any primary"),
    (evaluate, "false_discovery", lambda p: p, ROWS[11], "any mark in the table"),
    (coverage_checks, "order_p_value", lambda *_, **__: 0.01, ROWS[13], "called informative"),
    (comparisons, "difference_intervals", half_as_wide(difference_intervals), ROWS[14], "slices that hold"),
    (within_slices, "false_discovery", lambda p: p / 9, ROWS[14], "slices called different"),
    (learning, "bootstrap_intervals", half_as_wide(bootstrap_intervals), ROWS[15], "holds the mean"),
    (pooled, "difference_intervals", half_as_wide(difference_intervals), ROWS[16], "holds the mean loss"),
    (coverage_checks, "guardrail_outcome", lambda *_: "holds", ROWS[17], "guardrail says holds or fails"),
    (coverage_checks, "sample_ratio_p", lambda *_: 1e-9, ROWS[17], "sizes called no chance"),
    (effects, "_quantile", lambda *_: 1.0, ROWS[19], "holds the difference"),
    (coverage_checks, "outcome_of", lambda *_: "better", ROWS[19], "called better or worse"),
    (coverage_checks, "MISMATCH", 0.5, ROWS[19], "called unlike before"),
    (sequence, "mixture_reach", lambda *a: mixture_reach(*a) / 2, ROWS[20], "ever leaves out the truth"),
    (judged, "user_interval", lambda *a, **_: user_interval(*a, confidence=0.5), ROWS[21], "holds the policy's"),
    (
        coverage_checks,
        "interval_of_difference",
        lambda *a, **_: interval_of_difference(*a, confidence=0.5),
        ROWS[21],
        "holds the gap",
    ),
    (comparisons, "difference_intervals", half_as_wide(difference_intervals), ROWS[18], "differences that hold"),
]


@pytest.mark.parametrize(("module", "name", "broken", "place", "statement"), BROKEN)
def test_what_is_broken_misses_its_bar(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: object, place: tuple[str, str], statement: str
) -> None:
    monkeypatch.setattr(module, name, broken)
    one = row(*place, n_users=MORE_USERS.get(place[0], 50))
    assert any(miss.startswith(statement) for miss in one.misses), one.rates


def test_the_page_marks_a_miss_that_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = row(*ROWS[0]), row(*ROWS[3])
    monkeypatch.setattr(coverage_checks, "difference_intervals", half_as_wide(difference_intervals))
    broken = row(*ROWS[3])
    assert failures([good, bad]) == []
    assert failures([good, broken]) == [broken]
    text = page([good, broken])
    assert "## The mean of one arm" in text
    assert "**holds the difference: too narrow" in text
    assert "1 miss one without: two noisy versions of one arm, 100 users." in text
    assert "## Marks in the table" not in text


@pytest.mark.parametrize(
    ("shares", "limit", "expected"),
    [
        ((0.0, 1.0), "", (400, 1.0)),
        ((0.0, 0.0), "", (400, 0.0)),
        ((1.0, 0.0), "", (100, 1.0)),
        ((0.0, 1.0), "a reason that is known", (100, 0.0)),
    ],
    ids=["by chance", "again", "holds", "known"],
)
def test_a_row_that_misses_for_no_known_reason_is_made_anew_over_other_worlds(
    monkeypatch: pytest.MonkeyPatch, shares: tuple[float, float], limit: str, expected: tuple[int, float]
) -> None:
    numbers: list[int] = []

    def judge(rng: np.random.Generator, n_users: int, n_worlds: int) -> Judged:
        numbers.append(int(rng.integers(2**31)))
        return {"holds": np.full(n_worlds, shares[len(numbers) - 1])}

    case = Case("a world", judge, {"holds": (0.93, 1.0)}, {50: 100}, limit)
    monkeypatch.setattr(interval_coverage, "SECTIONS", [Section("a section", "", [case])])
    row = measure_twice((0, 0, 50))
    assert (row.n_worlds, row.rates["holds"].share) == expected
    assert len(numbers) == len(set(numbers)) == (1 if row.n_worlds == 100 else 2)


def test_the_page_says_what_a_choice_by_an_estimate_costs() -> None:
    few = {"middling": [outcome(FIRST_SEED + i, LOGGING["middling"]) for i in range(3)]}
    text = page([row(*ROWS[0])], few)
    assert "## The risk of choosing\n" in text
    assert "3 simulated worlds for each" in text
    correlations = [one.rank_correlation["DR"] for one in few["middling"]]
    cells = next(line for line in text.splitlines() if line.startswith("| DR |")).split("|")
    assert cells[2].strip().startswith(f"{np.mean(correlations):.3f} ± ")
    assert [cell.count("±") for cell in cells] == [0, 0, 1, 1, 0]
    assert "The risk of choosing" not in page([row(*ROWS[0])])


def test_a_known_limit_has_a_letter_that_is_explained_and_fails_nothing() -> None:
    one = row("The mean of one arm", "money: 4 % buy", n_users=50)
    assert one.misses == ["holds the mean: too narrow"]
    assert failures([one]) == []
    text = page([one])
    assert "**holds the mean: too narrow** (a) |" in text
    assert "(a) Heavy tails: " in text
    assert "(none in " in text


def test_a_row_of_which_nothing_is_said_is_no_row_that_holds() -> None:
    without_number, good = row("Kinds of items", "two arms alike", n_users=50), row(*ROWS[3])
    assert (without_number.is_silent, good.is_silent) == (True, False)
    text = page([without_number, good])
    assert "| says nothing |" in text
    assert "**1 of 1 rows hold their bars. 1 more say nothing, since there are too few users.**" in text


def test_a_rate_is_over_what_was_made_and_outside_a_bar_by_more_than_two_errors() -> None:
    rate = rate_of(np.array([1.0, 0.0, np.nan, 1.0, 1.0]))
    assert (rate.share, rate.n_made) == (0.75, 4)
    assert rate.error == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    assert rate_of(np.ones(100)).error == pytest.approx(0.00995, rel=1e-3)
    assert [Rate(share, 0.005, 1).outside((0.93, 1.0)) for share in (0.919, 0.921, 1.0)] == [-1, 0, 0]
    assert [Rate(share, 0.005, 1).outside((0.0, 0.05)) for share in (0.0, 0.059, 0.061)] == [0, 0, 1]


def test_a_row_is_the_same_whatever_else_is_measured() -> None:
    first = row(*ROWS[3])
    row(*ROWS[0])
    assert row(*ROWS[3]).rates == first.rates
    assert len(set(tasks())) == len(list(tasks())) > 150
