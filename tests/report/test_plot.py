"""The accuracy–diversity plot keeps to its frame and its labels apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest

from recsat.report.plot import HEIGHT, WIDTH, Plot, _label_box, accuracy_diversity_plot
from recsat.result.model import Result


def plots(result: Result) -> list[Plot]:
    all_plots = [accuracy_diversity_plot(result, split.name) for split in result.splits]
    return [plot for plot in all_plots if plot is not None]


def test_points_and_whiskers_stay_inside_the_axes(result: Result) -> None:
    for plot in plots(result):
        for point in plot.points:
            assert plot.left <= point.x_low <= point.x <= point.x_high <= plot.right
            assert plot.top <= point.y_high <= point.y <= point.y_low <= plot.bottom


def test_more_accurate_is_higher_and_more_diverse_is_to_the_right(result: Result) -> None:
    plot = plots(result)[0]
    by_arm = {point.arm: point for point in plot.points}
    assert by_arm["ease"].y < by_arm["text-raw"].y
    assert by_arm["popularity"].x > by_arm["text-raw"].x


@pytest.mark.parametrize("n_arms", [6, 12])
def test_labels_do_not_cover_each_other_or_leave_the_picture(invent: Callable[..., Result], n_arms: int) -> None:
    arms = [(f"arm-{i}", i % 2 == 0, 0.2 + 0.003 * i, 0.2, 0.2, 0.5 + 0.004 * (i % 4)) for i in range(n_arms)]
    result = invent(arms=[("popularity", False, 0.15, 0.06, 0.11, 0.6), *arms], hostile=False)
    for plot in plots(result):
        boxes = [_label_box(p.label, (p.label_x, p.label_y, p.anchor, p.leader)) for p in plot.points]
        assert all(a.overlap(b) == 0 for a, b in combinations(boxes, 2))
        assert all(box.left >= 0 and box.right <= WIDTH and box.top >= 0 and box.bottom <= HEIGHT for box in boxes)


def test_arms_without_a_value_on_an_axis_are_named(result: Result) -> None:
    arm = result.arms[0]
    rest = {name: measure for name, measure in arm.measures.items() if name != "ild@10"}
    changed = result.model_copy(update={"arms": [arm.model_copy(update={"measures": rest}), *result.arms[1:]]})
    plot = accuracy_diversity_plot(changed, arm.split)
    assert plot is not None
    assert plot.left_out == [arm.name]


def test_without_a_measure_of_diversity_there_is_no_plot(result: Result) -> None:
    accuracy = [info for info in result.measures if info.dimension == "accuracy"]
    assert accuracy_diversity_plot(result.model_copy(update={"measures": accuracy}), "random") is None
