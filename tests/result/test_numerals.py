"""Figures as people read them."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsat.result import numerals
from recsat.result.numerals import (
    decimals_for,
    duration,
    interval,
    memory,
    moment,
    number,
    p_value,
    share,
    signed,
    ticks,
)


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(numerals).failed == 0


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.27431, None, "0.274"),
        (0.04312, None, "0.0431"),
        (5.4321, None, "5.43"),
        (86.06, None, "86.1"),
        (1955, None, "1,955"),
        (1_174_955, 0, "1,174,955"),
        (0.0, None, "0"),
        (0.0, 3, "0"),
        (1.0, None, "1.000"),
        (0.00004, 3, "0.00004"),
        (-0.5, 1, "−0.5"),
        (None, 3, "–"),
    ],
)
def test_numbers_have_three_significant_figures_and_thousands_separators(
    value: float | None, decimals: int | None, text: str
) -> None:
    assert number(value, decimals) == text


def test_a_column_has_the_decimals_of_its_largest_value() -> None:
    assert decimals_for([0.274, 0.0431, None]) == 3
    assert decimals_for([0.0431, -0.02]) == 4
    assert decimals_for([]) == 3


@pytest.mark.parametrize(
    ("low", "high", "text"), [(0.261, 0.287, "0.261–0.287"), (-0.01, 0.02, "−0.010 to 0.020"), (None, 0.2, "–")]
)
def test_an_interval_never_has_a_dash_beside_a_minus(low: float | None, high: float | None, text: str) -> None:
    assert interval(low, high, 3) == text


def test_differences_carry_their_sign() -> None:
    assert (signed(0.012, 3), signed(-0.012, 3), signed(0.0, 3)) == ("+0.012", "−0.012", "0")
    assert interval(0.01, 0.02, 2, with_sign=True) == "+0.01 to +0.02"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.21, "0.210 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.7, "1 h 00 min")]
)
def test_durations_never_show_sixty_of_a_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_small_p_values_shares_and_memory() -> None:
    assert (p_value(0.0004), p_value(None)) == ("<0.001", "–")
    assert [share(38_584, 1_174_955), share(0, 10), share(1, 0), share(1, 10**6), share(10, 10)] == [
        "3.3 %",
        "0 %",
        "–",
        "<0.01 %",
        "100 %",
    ]
    assert (memory(412.4), memory(1312.4)) == ("412 MiB", "1.28 GiB")


def test_moments_are_read_where_they_are_iso_and_left_where_not() -> None:
    assert moment("2025-11-25T02:44:28+02:00") == "2025-11-25 00:44 UTC"
    assert moment("yesterday") == "yesterday"


@given(
    low=st.floats(-1e6, 1e6, allow_nan=False),
    width=st.floats(1e-3, 1e6, allow_nan=False),
)
def test_ticks_lie_inside_and_are_two_to_nine(low: float, width: float) -> None:
    marks = ticks(low, low + width)
    assert 2 <= len(marks) <= 9
    slack = 1e-6 * (abs(low) + width)
    assert all(low - slack <= mark <= low + width + slack for mark in marks)
    assert marks == sorted(marks)
