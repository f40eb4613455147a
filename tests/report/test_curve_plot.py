"""The picture of what diversity costs."""

from __future__ import annotations

import re

import pytest

from recsat.report.curve_plot import CurvePlot, curve_plot
from recsat.report.page import render_page
from recsat.report.plot import HEIGHT, WIDTH
from recsat.result.model import CurvePoint, Result


def plot_of(result: Result, split: str = "random") -> CurvePlot:
    plot = curve_plot(result, split)
    assert plot is not None
    return plot


def test_every_reranker_starts_at_the_arm_s_own_order_and_goes_right_and_down(result: Result) -> None:
    plot = plot_of(result)
    assert len(plot.lines) == 4
    for line in plot.lines:
        assert line.dots[0] == plot.plain
        xs, ys = zip(*line.dots, strict=True)
        assert list(xs) == sorted(xs)
        assert list(ys) == sorted(ys)


def test_chosen_points_lie_on_their_lines_and_not_below_the_floor(result: Result) -> None:
    plot = plot_of(result)
    for line in plot.lines:
        assert line.chosen_point in line.dots
        assert line.chosen_point[1] <= plot.floor
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line.dots)


def test_the_most_diverse_choice_leads_and_of_equals_the_more_accurate(result: Result) -> None:
    assert [row.reranker for row in plot_of(result).rows if row.is_best] == ["msd"]


def test_changes_are_in_per_cent_of_the_plain_order_on_the_same_part(result: Result) -> None:
    row = next(row for row in plot_of(result).rows if row.reranker == "msd")
    # 0.19 · (1 - 0.07 · 0.09) and 0.57 · 1.027 on validation; 0.27 · 0.986 on test.
    assert row.trade_off == "0.3"
    assert row.validation == ("−0.6 %", "+2.7 %")
    assert row.test == ("−1.4 %", "+2.7 %")


def test_a_line_ends_where_too_much_accuracy_is_lost_but_not_before_its_choice() -> None:
    def point(parameter: float, ndcg: float, is_chosen: bool = False) -> CurvePoint:
        return CurvePoint(
            arm="ease",
            split="s",
            part="validation",
            reranker="mmr",
            parameter=parameter,
            ndcg=ndcg,
            ild=0.5 + parameter,
            chosen=is_chosen,
            n_users=3,
        )

    bare = Result.model_construct(
        curves=[point(0.0, 0.2), point(0.1, 0.199, is_chosen=True), point(0.2, 0.15), point(0.3, 0.1)], config={}
    )
    assert len(plot_of(bare, "s").lines[0].dots) == 2
    assert plot_of(bare, "s").rows[0].test == ("–", "–")


def test_a_split_without_curves_has_no_picture_and_the_page_no_section(result: Result) -> None:
    assert curve_plot(result, "cold-items") is None
    assert 'id="curves"' in render_page(result)
    assert 'id="curves"' not in render_page(result.model_copy(update={"curves": []}))


@pytest.mark.parametrize("split", ["random", "timeline"])
def test_what_the_picture_shows_is_also_said_in_words(result: Result, split: str) -> None:
    page = render_page(result)
    for line in plot_of(result, split).lines:
        if line.reranker.isalpha():
            assert line.description in page


def test_the_value_model_s_errors_are_shown_where_there_is_one(result: Result) -> None:
    page = render_page(result)
    of_arms = [error for error in result.predictions if error.arm is not None]
    assert len(re.findall(r">0\.1312\b.*?0\.1287.*?0\.1337", page)) == len(of_arms)
    arms = len(of_arms) // 2
    rows = re.findall(r'<td class="text">(validation|test)</td><td>60,100</td><td>(.*?)</td><td>(.*?)</td>', page)
    assert rows == [("validation", "3.0 %", "3.0 %"), ("test", "4.6 %", "3.0 %")] * arms
    assert 'id="predictions"' not in render_page(result.model_copy(update={"predictions": result.predictions[-2:]}))
