"""Numbers since 1970 are read in the unit that they count, and one late slip is not now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsat.data.moments import far_ones, from_numbers, from_texts, future_ones, latest, moved_on, unit_of
from recsat.errors import DataError

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
SECONDS = 1_704_067_200


@pytest.mark.parametrize(
    ("factor", "unit"), [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")]
)
def test_the_unit_is_the_one_of_plausible_years(factor: int, unit: str) -> None:
    numbers = pl.Series([SECONDS * factor, (SECONDS - 86_400) * factor, None], dtype=pl.Float64)
    assert unit_of(numbers) == unit
    assert from_numbers(numbers, unit).to_list() == [MOMENT, MOMENT - timedelta(days=1), None]  # type: ignore[arg-type]


def test_numbers_that_are_no_times_have_no_unit() -> None:
    assert unit_of(pl.Series([1999.0, 2004.0])) is None
    assert unit_of(pl.Series([20240131.0])) is None
    assert unit_of(pl.Series([], dtype=pl.Float64)) is None


def test_a_few_numbers_of_another_unit_are_faults_and_many_are_refused() -> None:
    seconds, milliseconds = float(SECONDS), float(SECONDS) * 1000
    few = pl.Series([seconds] * 95 + [milliseconds] * 5)
    assert unit_of(few) == "seconds"
    assert from_numbers(few, "seconds").null_count() == 5
    with pytest.raises(DataError, match="60 cells look like seconds since 1970 and 40 like milliseconds"):
        unit_of(pl.Series([seconds] * 60 + [milliseconds] * 40))


def test_texts_that_are_no_date_are_null() -> None:
    assert from_texts(pl.Series(["2024-01-01", "soon", None]), None).to_list() == [MOMENT, None, None]
    assert from_texts(pl.Series(["01/01/2024", "13/13/2024"]), "%d/%m/%Y").to_list() == [MOMENT, None]


def days(n: int) -> list[datetime]:
    return [MOMENT + timedelta(days=day) for day in range(n)]


@pytest.mark.parametrize(
    ("moments", "n"),
    [
        (days(400), 0),
        ([*days(400), MOMENT + timedelta(days=5000)], 1),
        ([*days(400), *[MOMENT + timedelta(days=5000)] * 2], 2),
        ([*days(400), *(MOMENT + timedelta(days=day) for day in (2000, 5000, 9000))], 3),
        ([*days(400), *[MOMENT + timedelta(days=5000)] * 5], 0),
        ([*days(40), *[MOMENT + timedelta(days=5000)] * 2], 0),
        ([*days(18), MOMENT + timedelta(days=5000)], 0),
        ([*days(400), MOMENT + timedelta(days=420)], 0),
        ([*(MOMENT + timedelta(hours=hour) for hour in range(40)), MOMENT + timedelta(days=20)], 0),
        ([*(MOMENT + timedelta(hours=hour) for hour in range(40)), MOMENT + timedelta(days=40)], 1),
    ],
)
def test_a_date_far_after_all_others_is_not_now(moments: list[datetime], n: int) -> None:
    series = pl.Series(moments)
    assert far_ones(series) == n
    assert latest(series) == sorted(moments)[len(moments) - 1 - n]


def test_without_a_moment_there_is_no_latest() -> None:
    assert latest(pl.Series([None], dtype=pl.Datetime("us", "UTC"))) is None


CLOCK = MOMENT + timedelta(days=100)


def test_what_lies_after_the_clock_is_a_slip_unless_most_of_the_table_does() -> None:
    slips = [CLOCK + timedelta(days=2), None, CLOCK + timedelta(days=9000)]
    assert future_ones(pl.Series([*days(90), *slips]), CLOCK).sum() == 2
    assert future_ones(pl.Series([*days(90), CLOCK + timedelta(hours=20)]), CLOCK).sum() == 0
    # 40 of 100 are slips still, half of them are not.
    assert future_ones(pl.Series([*days(60), *[CLOCK + timedelta(days=2)] * 40]), CLOCK).sum() == 40
    assert future_ones(pl.Series([*days(40), *[CLOCK + timedelta(days=2)] * 40]), CLOCK).sum() == 0
    simulated = pl.Series([moment + timedelta(days=60) for moment in days(90)])
    assert future_ones(simulated, CLOCK).sum() == 0
    mostly_empty = pl.Series([*simulated, MOMENT, *[None] * 90])
    assert future_ones(mostly_empty, CLOCK).sum() == 0
    assert future_ones(pl.Series([None], dtype=pl.Datetime("us", "UTC")), CLOCK).sum() == 0


def test_the_events_say_in_which_time_a_table_beside_them_lies() -> None:
    to_come = pl.Series([CLOCK + timedelta(days=day) for day in (2, 3, 9)])
    none = pl.Series([None], dtype=pl.Datetime("us", "UTC"))
    assert future_ones(to_come, CLOCK, of=pl.Series(days(90))).sum() == 3
    assert future_ones(to_come, CLOCK, of=to_come).sum() == 0
    assert future_ones(pl.Series([*days(90), *to_come]), CLOCK, of=to_come).sum() == 0
    assert future_ones(to_come, CLOCK, of=none).sum() == 0
    assert future_ones(pl.Series([*days(90), *to_come]), CLOCK, of=none).sum() == 3


@pytest.mark.parametrize(
    ("now", "day", "result"),
    [
        (MOMENT, 3, MOMENT + timedelta(days=3)),
        (MOMENT, -3, MOMENT),
        (MOMENT, 5000, MOMENT),
        (CLOCK + timedelta(days=400), 700, MOMENT + timedelta(days=700)),
    ],
)
def test_now_moves_on_with_what_happened_and_not_with_what_is_to_come(
    now: datetime, day: int, result: datetime
) -> None:
    assert moved_on(now, pl.Series([MOMENT + timedelta(days=day)]), CLOCK) == result


@pytest.mark.parametrize(
    ("text", "form", "moment"),
    [
        ("31/01/24", "%d/%m/%Y", None),  # the year 24 otherwise
        ("24-01-31", None, None),
        ("31/01/24", "%d/%m/%y", datetime(2024, 1, 31, tzinfo=UTC)),
        ("31/01/1024", "%d/%m/%Y", datetime(1024, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_year_has_four_digits_unless_the_pattern_says_two(
    text: str, form: str | None, moment: datetime | None
) -> None:
    assert from_texts(pl.Series([text]), form).to_list() == [moment]
