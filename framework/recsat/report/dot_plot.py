"""One measure of every arm with its interval, as an SVG that stands alone: for places that show pictures and no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from xml.sax.saxutils import escape

from recsat.result.model import ArmResult
from recsat.result.numerals import number, ticks

WIDTH, ROW, TOP, BOTTOM, LEFT, RIGHT = 640, 26, 34, 30, 170, 24
LONGEST_NAME = 24


def dot_plot(arms: Sequence[ArmResult], measure: str, label: str) -> str:
    """The arms in their order, a dot at the mean and a line over the interval; arms without a number are left out. Empty where none has one."""
    estimates = [
        (arm.name, one) for arm in arms if (one := arm.measures.get(measure)) is not None and one.mean is not None
    ]
    if not estimates:
        return ""
    ends = [end for _, one in estimates for end in (one.low, one.mean, one.high) if end is not None]
    low, high = min(0.0, *ends), max(ends) or 1.0
    height = TOP + ROW * len(estimates) + BOTTOM

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    marks = [f'<text x="{LEFT}" y="20" font-weight="600">{escape(label)}</text>']
    for tick in ticks(low, high):
        marks.append(f'<line x1="{x(tick)}" x2="{x(tick)}" y1="{TOP - 4}" y2="{height - BOTTOM}" stroke="#d5d9de"/>')
        marks.append(f'<text x="{x(tick)}" y="{height - 10}" text-anchor="middle" fill="#555">{number(tick)}</text>')
    for place, (name, one) in enumerate(estimates):
        y = TOP + ROW * place + ROW // 2
        short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        marks.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(short)}</text>')
        if one.low is not None and one.high is not None:
            marks.append(
                f'<line x1="{x(one.low)}" x2="{x(one.high)}" y1="{y}" y2="{y}" stroke="#2f6f9f" stroke-width="2"/>'
            )
        assert one.mean is not None
        marks.append(f'<circle cx="{x(one.mean)}" cy="{y}" r="4" fill="#2f6f9f"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>{"".join(marks)}</svg>'
    )


def as_data_uri(svg: str) -> str:
    """An SVG as the address of a picture."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
