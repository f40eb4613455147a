"""The picture of what predictions came to, and the section that has it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from recsat.report.page import render_page
from recsat.report.plot import HEIGHT, WIDTH
from recsat.report.reliability_plot import ReliabilityPlot, reliability_plots
from recsat.result.model import Estimate, Result


@pytest.fixture
def plot(result: Result) -> ReliabilityPlot:
    plots = reliability_plots(result)
    assert [(plot.split, plot.n) for plot in plots] == [("timeline", 20_000)]
    return plots[0]


def test_only_what_was_shown_is_drawn_and_only_after_the_cut(result: Result, plot: ReliabilityPlot) -> None:
    of_exposures = [error for error in result.predictions if error.arm is None]
    assert {error.part for error in of_exposures} == {"validation", "test"}
    assert plot.event == of_exposures[0].event
    without = result.model_copy(update={"predictions": [error for error in result.predictions if error.arm]})
    assert reliability_plots(without) == []


def test_a_bin_that_came_true_lies_on_the_line_and_one_that_did_not_below_or_above_it(plot: ReliabilityPlot) -> None:
    (x0, y0), (x1, y1) = plot.diagonal

    def on_line(x: float) -> float:
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)

    first, last = plot.points[0], plot.points[-1]
    assert first.y == pytest.approx(on_line(first.x), abs=1)  # 0.40 % predicted, 0.42 % happened
    assert last.y > on_line(last.x) + 10  # y grows downwards: less happened than was said
    for point in plot.points:
        assert 0 <= point.y_high <= point.y <= point.y_low <= HEIGHT
        assert 0 <= point.x <= WIDTH


def test_points_say_their_numbers(plot: ReliabilityPlot) -> None:
    assert plot.points[0].description == (
        "2,000 exposures: 0.40 % predicted, 0.42 % happened, interval 0.34 % to 0.50 %"
    )


def test_the_page_has_the_section_with_every_number(result: Result) -> None:
    html = render_page(result)
    before = html[: html.index('id="predicted"')]
    assert before.rindex('<details class="fold">') > before.rindex("</details>")
    section = html[html.index('id="predicted"') : html.index('id="slices"')]
    for row in result.ratings:
        assert f"{row.rmse.value:.3f}" in section
        assert row.predictor in section or not row.is_control
    assert section.count('r="4"/>') == 10
    assert "−0.0080" in section
    assert re.search(r">0\.1402\b.*?0\.1366.*?0\.1438.*?</td>", section)
    assert "<img" not in section  # the arm and the event are called that


def test_ends_that_cannot_be_told_show_a_dash(result: Result) -> None:
    row = result.ratings[0].model_copy(update={"rmse": Estimate(value=0.97, low=None, high=None)})
    html = render_page(result.model_copy(update={"ratings": [row]}))
    assert "0.970" in html
    assert "None" not in html[html.index('id="ratings"') : html.index('id="outcomes"')]


def test_without_ratings_or_exposures_there_is_no_section(invent: Callable[..., Result]) -> None:
    bare = invent().model_copy(update={"ratings": [], "predictions": []})
    assert "predicted-title" not in render_page(bare)
