"""The accuracy–diversity plot of a split: geometry in pixels, so that the template only draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsat.report.headline import arms_on, diversity_measure, lead_measure
from recsat.report.language import gettext, in_catalogue, interval
from recsat.report.tables import Kind, kind_of
from recsat.result.model import Measure, MeasureInfo, Result
from recsat.result.numerals import decimals_for, number, ticks

WIDTH, HEIGHT = 372, 308
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 16, 46
TEXT_WIDTH, TEXT_HEIGHT = 6.3, 13.0
"""A label's size in pixels: the mean advance of a character at 11.5 px in common sans faces, and a line."""
LONGEST_LABEL = 24


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Area that the two share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


@dataclass(frozen=True)
class PlotPoint:
    """An arm: where it is, its whiskers, and where its label found room."""

    arm: str
    label: str
    kind: Kind
    is_baseline: bool
    x: float
    y: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    label_x: float
    label_y: float
    anchor: Literal["start", "middle", "end"]
    leader: bool
    """Whether a line must join label and point."""
    description: str
    """For screen readers and as the tooltip."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What every plot stands in: its size, where its axes lie, and their ticks."""

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


@dataclass(frozen=True, kw_only=True)
class Plot(Frame):
    split: str
    x_label: str
    y_label: str
    x_better: str
    y_better: str
    points: list[PlotPoint]
    left_out: list[str]
    """Arms that have no value on one of the axes."""


@dataclass(frozen=True)
class Axis:
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return round(self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low), 1)

    def ticks(self) -> list[Tick]:
        marks = ticks(self.low, self.high)
        step = marks[1] - marks[0] if len(marks) > 1 else abs(marks[0]) or 1.0
        # As many places as the step needs: 0.05 → 2.
        places = next((n for n in range(7) if abs(step * 10**n - round(step * 10**n)) < 1e-6), 6)
        return [Tick(self.at(mark), number(mark, places) if abs(mark) > step / 1e3 else "0") for mark in marks]


def accuracy_diversity_plot(result: Result, split: str) -> Plot | None:
    """Lead measure of accuracy (up) against that of diversity (right). None where no arm has both."""
    up, right = lead_measure(result), diversity_measure(result)
    if up is None or right is None:
        return None
    up_label, right_label = in_catalogue(up.label), in_catalogue(right.label)
    arms = arms_on(result, split)
    pairs = [(arm.name, arm.measures.get(right.name), arm.measures.get(up.name)) for arm in arms]
    both = [
        (name, x, y)
        for name, x, y in pairs
        if x is not None and y is not None and x.mean is not None and y.mean is not None
    ]
    if not both:
        return None
    x_axis = _axis([x for _, x, _ in both], LEFT, WIDTH - RIGHT)
    y_axis = _axis([y for _, _, y in both], HEIGHT - BOTTOM, TOP)
    labelled_spans = [(short_label(name), _spans(x, x_axis), _spans(y, y_axis)) for name, x, y in both]
    labels = place_labels([(label, x, y) for label, x, y in labelled_spans])
    x_places = decimals_for(x.mean for _, x, _ in both)
    y_places = decimals_for(y.mean for _, _, y in both)
    points = [
        PlotPoint(
            arm=name,
            label=label,
            kind=kind_of(result, name),
            is_baseline=name == result.baseline_on(split),
            x=xs[1],
            y=ys[1],
            x_low=xs[0],
            x_high=xs[2],
            y_low=ys[0],
            y_high=ys[2],
            label_x=place[0],
            label_y=place[1],
            anchor=place[2],
            leader=place[3],
            description=f"{name}: {up_label} {_figure(y, y_places)}, {right_label} {_figure(x, x_places)}",
        )
        for (name, x, y), (label, xs, ys), place in zip(both, labelled_spans, labels, strict=True)
    ]
    return Plot(
        split=split,
        x_label=right_label,
        y_label=up_label,
        x_better=_arrow(right, "→", "←"),
        y_better=_arrow(up, "↑", "↓"),
        x_ticks=x_axis.ticks(),
        y_ticks=y_axis.ticks(),
        points=points,
        left_out=[name for name, _, _ in pairs if name not in {plotted for plotted, _, _ in both}],
    )


def _arrow(info: MeasureInfo, higher: str, lower: str) -> str:
    better = gettext("better")
    return {"higher": f"{better} {higher}", "lower": f"{better} {lower}", "neither": ""}[info.better]


def _figure(measure: Measure, places: int) -> str:
    return f"{number(measure.mean, places)} ({interval(measure.low, measure.high, places)})"


def short_label(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def _axis(measures: Sequence[Measure], start: float, end: float) -> Axis:
    """From the lowest to the highest bound, with a margin of 8 % on both sides."""
    ends = [x for m in measures for x in (m.low, m.mean, m.high) if x is not None]
    low, high = min(ends), max(ends)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(low - margin, high + margin, start, end)


def _spans(measure: Measure, axis: Axis) -> tuple[float, float, float]:
    assert measure.mean is not None
    low = measure.mean if measure.low is None else measure.low
    high = measure.mean if measure.high is None else measure.high
    return axis.at(low), axis.at(measure.mean), axis.at(high)


Span = tuple[float, float, float]
_Place = tuple[float, float, Literal["start", "middle", "end"], bool]


def place_labels(points: Sequence[tuple[str, Span, Span]]) -> list[_Place]:
    """A place for each label: the first candidate that covers least of what is drawn already.

    Greedy, most crowded point first; a place farther away costs a little, and gets a line to its point.
    """
    marks = [Box(x[1] - 6, y[1] - 6, x[1] + 6, y[1] + 6) for _, x, y in points]
    whiskers = [Box(x[0], y[1] - 1, x[2], y[1] + 1) for _, x, y in points]
    whiskers += [Box(x[1] - 1, min(y[0], y[2]), x[1] + 1, max(y[0], y[2])) for _, x, y in points]
    label_boxes: list[Box] = []
    places: dict[int, _Place] = {}
    crowd = [sum(abs(a[1][1] - b[1][1]) + abs(a[2][1] - b[2][1]) < 60 for b in points) for a in points]
    for i in sorted(range(len(points)), key=lambda i: -crowd[i]):
        label, x, y = points[i]
        best, best_cost = None, float("inf")
        for place, far in sorted(_candidates(x[1], y[1]), key=lambda candidate: candidate[1]):
            if far >= best_cost:
                break
            box = _label_box(label, place)
            outside = max(0.0, LEFT + 2 - box.left) + max(0.0, box.right - (WIDTH - 2))
            outside += max(0.0, TOP - 10 - box.top) + max(0.0, box.bottom - (HEIGHT - BOTTOM - 1))
            cost = 50 * outside + far
            cost += sum(12 * box.overlap(other) for other in label_boxes)
            cost += sum(3 * box.overlap(other) for other in marks)
            cost += sum(2 * box.overlap(other) for other in whiskers)
            if cost < best_cost:
                best, best_cost = place, cost
        assert best is not None
        places[i] = best
        label_boxes.append(_label_box(label, best))
    return [places[i] for i in range(len(points))]


def _candidates(x: float, y: float) -> list[tuple[_Place, float]]:
    """Places around a point, nearest first, each with what it costs: beside it, over and under it, then lines away."""
    places: list[tuple[_Place, float]] = [
        ((x + 7, y - 7, "start", False), 0.0),
        ((x - 7, y - 7, "end", False), 1.0),
        ((x + 7, y + 15, "start", False), 2.0),
        ((x - 7, y + 15, "end", False), 3.0),
        ((x, y - 10, "middle", False), 4.0),
        ((x, y + 18, "middle", False), 5.0),
        ((x + 10, y + 4, "start", False), 6.0),
        ((x - 10, y + 4, "end", False), 7.0),
    ]
    for out in (14, 34, 60, 90):
        for lines in range(-9, 10):
            far = out + TEXT_HEIGHT * abs(lines)
            if far > 22:
                places.append(((x + out, y + 4 + TEXT_HEIGHT * lines, "start", True), 10.0 + far))
                places.append(((x - out, y + 4 + TEXT_HEIGHT * lines, "end", True), 12.0 + far))
    return [((round(a, 1), round(b, 1), anchor, leader), cost) for (a, b, anchor, leader), cost in places]


def _label_box(label: str, place: _Place) -> Box:
    x, y, anchor, _ = place
    width = TEXT_WIDTH * len(label)
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return Box(left, y - TEXT_HEIGHT + 3, left + width, y + 3)
