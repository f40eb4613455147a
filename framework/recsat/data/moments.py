"""Moments: from what a cell says, in what unit a number counts, and which of many is now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta
from typing import Final, get_args

import polars as pl

from recsat.config.tables import TimeUnit
from recsat.errors import DataError

UTC = pl.Datetime("us", "UTC")
UNIX: Final = "unix"
LAST_SECOND: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, beyond which Python has no dates
ISO_FORMATS: Final = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
IN_A_SECOND: Final[Mapping[TimeUnit, int]] = dict(zip(get_args(TimeUnit), (1, 10**3, 10**6, 10**9), strict=True))
LIKELY: Final = (315_532_800, 4_102_444_800)
"""1980 to 2100 in seconds: numbers of one unit within it lie within it by no other."""
A_FEW: Final = 0.1
"""Share of the numbers that may count in another unit than most before nobody can say which one is meant."""
N_LATE: Final = 100
"""Of so many moments one may lie far after the others without making them old."""
FIRST_HOUR: Final = 1970_01_01_00
FIRST_YEAR: Final = 1000
"""A year has four digits."""
DAY: Final = timedelta(days=1)
"""What a clock of another zone, or one that runs fast, may be ahead."""


def unit_of(numbers: pl.Series) -> TimeUnit | None:
    """What most numbers count since 1970 if they are to give years from 1980 to 2100; None where hardly any of them would.

    Zeros count for nothing: they mean no time (:func:`without_time`). Raises DataError where more than a tenth count by another unit.
    """
    numbers = numbers.filter(numbers != 0)
    n = len(numbers)
    low, high = LIKELY
    counts = {unit: int(numbers.is_between(low * per, high * per).sum()) for unit, per in IN_A_SECOND.items()}
    first, second, *_ = sorted(counts, key=lambda unit: -counts[unit])
    if not counts[first]:
        return None
    if counts[second] > A_FEW * n:
        raise DataError(
            f"{counts[first]:,} cells look like {first} since 1970 and {counts[second]:,} like {second}. Write all in one unit."
        )
    return first if counts[first] * 2 > n else None


def from_hours(numbers: pl.Series, clock: datetime | None = None) -> pl.Series | None:
    """Moments of numbers that are year, month, day and hour, as 2024010110; None where hardly all are one from 1970 to a :data:`DAY` after ``clock``, and later than that as seconds."""
    end = (clock or datetime.now(UTC_ZONE)) + DAY
    others = numbers.filter(numbers != 0)
    may_be = numbers.is_between(max(end.timestamp(), FIRST_HOUR), int(end.strftime("%Y%m%d%H")))
    n_least = (1 - A_FEW) * len(others)
    if others.is_empty() or int(may_be.sum()) < n_least:
        return None
    texts = numbers.set(~may_be.fill_null(value=False), None).cast(pl.Int64).cast(pl.String) + "00"
    moments = pl.select(_by_pattern(pl.lit(texts), "%Y%m%d%H%M")).to_series()
    return moments if len(moments.drop_nulls()) >= n_least else None


def without_time(numbers: pl.Series, unit: TimeUnit) -> pl.Series:
    """Which ``numbers`` are 0 and mean no time: where most others give years from 1980 to 2100, nothing happened in 1970."""
    low, high = (end * IN_A_SECOND[unit] for end in LIKELY)
    others = numbers.filter(numbers != 0)
    return (numbers == 0).fill_null(value=False) & (2 * int(others.is_between(low, high).sum()) > len(others))


def from_numbers(numbers: pl.Series, unit: TimeUnit) -> pl.Series:
    """Moments of numbers since 1970; null beyond the year 9999 and for what is no number."""
    per = IN_A_SECOND[unit]
    sound = numbers.is_finite() & (numbers.abs() <= float(LAST_SECOND) * per)
    micros = pl.when(sound.fill_null(value=False)).then(numbers * (1_000_000 / per)).round().cast(pl.Int64)
    return pl.select(micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")).to_series()


def from_texts(texts: pl.Series, form: str | None) -> pl.Series:
    """Moments of texts by a pattern, or by ISO 8601, where a time without an offset is UTC; null for what is none."""
    if form is not None:
        require_pattern(form)
        return pl.select(_by_pattern(pl.lit(texts), form)).to_series()
    stamp = texts.str.replace(r"^(\d{4}-\d{2}-\d{2}) +", "${1}T")
    return pl.select(pl.coalesce([_by_pattern(pl.lit(stamp), iso_form) for iso_form in ISO_FORMATS])).to_series()


def require_pattern(form: str) -> None:
    """Writes a moment in this form and reads it back: polars takes any pattern, and would call every cell faulty."""
    moment = pl.lit(datetime(2024, 12, 31, tzinfo=UTC_ZONE)).dt.cast_time_unit("us")
    try:
        same = pl.select(_by_pattern(moment.dt.strftime(form), form) == moment).item()
    except pl.exceptions.PolarsError:
        same = None
    if not same:
        raise DataError(
            f"timestamp_format {form!r} is not a pattern for dates. Use one such as %d/%m/%Y %H:%M, unix for numbers since 1970, "
            "or leave it empty for ISO 8601."
        )


def _by_pattern(text: pl.Expr, form: str) -> pl.Expr:
    moments = text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
    # %Y reads 24 as the year 24, nineteen centuries before anybody clicked.
    return pl.when(moments.dt.year() >= FIRST_YEAR).then(moments)


def future_ones(moments: pl.Series, clock: datetime | None = None, *, of: pl.Series | None = None) -> pl.Series:
    """Which ``moments`` are slips because they lie more than a :data:`DAY` after ``clock`` (None: the computer's); none where most moments ``of`` the data do.

    Nothing had happened by then that is still to come. Where most moments are, the time of the whole data is another one, as of a simulation. ``of`` is
    what says so: the events' moments of a table beside them; None, or where it has no moment: ``moments`` themselves.
    """
    end = (clock or datetime.now(UTC_ZONE)) + DAY
    known = moments if of is None or of.null_count() == len(of) else of
    n_late = int((known > end).sum())
    return (moments > end).fill_null(value=False) & (2 * n_late < len(known.drop_nulls()))


def far_ones(moments: pl.Series) -> int:
    """How many of the latest moments lie further after the rest than a quarter of the time that the rest spans, and a month.

    A date long after all others is a slip of somebody's pen, and a run that took it for now would call every item old. At most one in
    :data:`N_LATE` is left out, of fewer than twenty none.
    """
    n = len(moments) - moments.null_count()
    if n < 20:
        return 0
    sound = moments.drop_nulls()
    most = max(1, n // N_LATE)
    latest, first = sound.top_k(most + 1).sort(descending=True).to_list(), sound.min()
    assert isinstance(first, datetime)
    for k in range(most, 0, -1):
        rest = latest[k]
        if latest[k - 1] - rest > max((rest - first) / 4, timedelta(days=30)):
            return k
    return 0


def latest(moments: pl.Series) -> datetime | None:
    """The last moment that is not among :func:`far_ones`; None where there is none."""
    k = far_ones(moments)
    last = moments.drop_nulls().top_k(k + 1).min() if k else moments.max()
    return last if isinstance(last, datetime) else None


def moved_on(now: datetime, moments: pl.Series, clock: datetime | None = None) -> datetime:
    """What ``now`` becomes by the ``moments`` of events that came in since: the :func:`latest` of them where that is later.

    One that lies more than a :data:`DAY` after ``clock`` (None: the computer's) moves nothing, unless ``now`` itself lies there, as in a simulation.
    """
    end = (clock or datetime.now(UTC_ZONE)) + DAY
    newest = moments.max()
    # To compare each is a query, and few have a late one.
    all_sound = now > end or newest is None or newest <= end  # type: ignore[operator]
    last = latest(moments if all_sound else moments.filter(moments <= end))
    return now if last is None else max(now, last)
