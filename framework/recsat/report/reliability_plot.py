"""Whether what is said to happen in so many per cent of cases does: predictions of like size against what came of them."""

from __future__ import annotations

from dataclasses import dataclass

from recsat.report.language import gettext
from recsat.report.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Frame
from recsat.result.model import PredictionError, Result
from recsat.result.numerals import number, share

ROOM = 1.06
"""How far the axes reach beyond the largest number."""


@dataclass(frozen=True)
class ReliabilityPoint:
    """A bin: mean prediction (right), share observed (up) and the ends of its interval."""

    x: float
    y: float
    y_low: float
    y_high: float
    description: str
    """For screen readers and as the tooltip."""


@dataclass(frozen=True, kw_only=True)
class ReliabilityPlot(Frame):
    """Of one outcome on the test part of one split; both axes have one scale."""

    event: str
    split: str
    n: int
    diagonal: tuple[tuple[float, float], tuple[float, float]]
    points: list[ReliabilityPoint]


def reliability_plots(result: Result) -> list[ReliabilityPlot]:
    """One for each outcome of what was shown, on the test part of each split."""
    return [_plot(error) for error in result.predictions if error.reliability and error.part == "test"]


def _plot(error: PredictionError) -> ReliabilityPlot:
    largest = ROOM * max(max(bin.high, bin.predicted) for bin in error.reliability)
    x_axis = Axis(0.0, largest, LEFT, WIDTH - RIGHT)
    y_axis = Axis(0.0, largest, HEIGHT - BOTTOM, TOP)
    return ReliabilityPlot(
        event=error.event,
        split=error.split,
        n=error.n,
        x_ticks=x_axis.ticks(),
        y_ticks=y_axis.ticks(),
        diagonal=((x_axis.at(0.0), y_axis.at(0.0)), (x_axis.at(largest), y_axis.at(largest))),
        points=[
            ReliabilityPoint(
                x=x_axis.at(bin.predicted),
                y=y_axis.at(bin.observed),
                y_low=y_axis.at(bin.low),
                y_high=y_axis.at(bin.high),
                description=gettext(
                    "%(n)s exposures: %(predicted)s predicted, %(observed)s happened, interval %(low)s to %(high)s",
                    n=number(bin.n, 0),
                    predicted=share(bin.predicted, 1),
                    observed=share(bin.observed, 1),
                    low=share(bin.low, 1),
                    high=share(bin.high, 1),
                ),
            )
            for bin in error.reliability
        ],
    )
