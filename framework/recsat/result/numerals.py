"""Numbers as people read them: three significant figures, thousands separators, true minus signs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

NOTHING = "–"
"""What stands where there is no number."""
MINUS = "−"


def decimals_for(values: Iterable[float | None]) -> int:
    """Decimals that give the largest of ``values`` three significant figures: 0.274 → 3, 5.43 → 2, 1,955 → 0.

    One count for a whole column keeps its figures under each other.
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0 or 0.1 <= largest <= 1:
        return 3
    return min(6, max(0, 2 - math.floor(math.log10(largest))))


def number(value: float | None, decimals: int | None = None) -> str:
    """``value`` with ``decimals`` places (None: three significant figures).

    A value that would round to zero without being zero keeps one significant figure, so that no 0.000 hides it.

    >>> number(0.27431), number(1955.0), number(-0.0004, 3), number(None)
    ('0.274', '1,955', '−0.0004', '–')
    """
    if not value:
        return NOTHING if value is None else "0"
    places = decimals_for([value]) if decimals is None else decimals
    if round(value, places) == 0:
        places = min(12, -math.floor(math.log10(abs(value))))
    text = f"{abs(value):,.{places}f}"
    return f"{MINUS}{text}" if value < 0 else text


def signed(value: float | None, decimals: int | None = None) -> str:
    """Like :func:`number`, with a plus sign for what is above zero."""
    text = number(value, decimals)
    return f"+{text}" if value is not None and value > 0 else text


def interval(
    low: float | None, high: float | None, decimals: int | None = None, *, with_sign: bool = False, joint: str = " to "
) -> str:
    """Both ends of an interval: ``0.261–0.287``, or with ``joint``, ``−0.01 to 0.02``, where a dash could be read as a minus."""
    if low is None or high is None:
        return NOTHING
    write = signed if with_sign else number
    between = joint if with_sign or low < 0 or high < 0 else "–"
    return f"{write(low, decimals)}{between}{write(high, decimals)}"


def p_value(value: float | None) -> str:
    """A p-value to three places; what is smaller is said to be.

    >>> p_value(0.00002), p_value(0.0312), p_value(1.0)
    ('<0.001', '0.031', '1.000')
    """
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def share(part: float, whole: float) -> str:
    """``part`` of ``whole`` in per cent; a dash where there is no whole."""
    if whole <= 0:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return "<0.01 %"
    return f"{percent:.{0 if percent in (0, 100) else 1 if percent >= 1 else 2}f} %"


def duration(seconds: float) -> str:
    """Seconds in the units of a clock.

    >>> duration(0.0421), duration(12.34), duration(192.0), duration(7500.0)
    ('0.042 s', '12.3 s', '3 min 12 s', '2 h 05 min')
    """
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def memory(mib: float) -> str:
    """Mebibytes, or gibibytes from 1,024 of them on."""
    return f"{mib / 1024:,.2f} GiB" if mib >= 1024 else f"{mib:,.0f} MiB"


def moment(created: str) -> str:
    """An ISO 8601 time as ``2025-11-25 00:44 UTC``, which reads alike in every language; anything else as it stands."""
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    zone = "" if when.tzinfo is None else " UTC"
    when = when if when.tzinfo is None else when.astimezone(UTC)
    return f"{when:%Y-%m-%d %H:%M}{zone}"


def ticks(low: float, high: float, n: int = 4) -> list[float]:
    """About ``n`` round numbers (1, 2 or 5 times a power of ten apart) inside ``[low, high]``."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / n))
    steps = [m * power for m in (1, 2, 5, 10)]
    ends = [(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)) for step in steps]
    step, (first, last) = min(zip(steps, ends, strict=True), key=lambda pair: abs(pair[1][1] - pair[1][0] + 1 - n))
    return [i * step for i in range(first, last + 1)]
