"""What diversity costs in accuracy on a split: a line for each reranker, and what was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsat.report.headline import n_listed
from recsat.report.language import gettext, in_catalogue
from recsat.report.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Frame, place_labels, short_label
from recsat.result.model import CurvePoint, Result
from recsat.result.numerals import NOTHING, signed

DRAWN_NDCG_SHARE = 0.94
"""Points that keep less of the plain order's nDCG are not drawn: nobody would choose them, and they would flatten the rest."""
FLOOR_NDCG_SHARE = 0.99
"""Share of the plain order's nDCG at which the dashed line is drawn."""


@dataclass(frozen=True)
class CurveLine:
    """One reranker: its line, the chosen point on it, and its label."""

    reranker: str
    label: str
    is_best: bool
    """Whether its chosen point is the most diverse of all."""
    path: str
    dots: list[tuple[float, float]]
    chosen_point: tuple[float, float]
    label_x: float
    label_y: float
    anchor: Literal["start", "middle", "end"]
    leader: bool
    description: str
    """For screen readers and as the tooltip."""


@dataclass(frozen=True)
class CurveRow:
    """What was chosen for a reranker, and what it changes against the arm's own order, in per cent."""

    reranker: str
    is_best: bool
    trade_off: str
    validation: tuple[str, str]
    """Change of nDCG, of diversity."""
    test: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class CurvePlot(Frame):
    split: str
    arm: str
    n_users: int
    """On the validation part."""
    x_label: str
    y_label: str
    plain: tuple[float, float]
    floor: float
    lines: list[CurveLine]
    rows: list[CurveRow]


def curve_plot(result: Result, split: str) -> CurvePlot | None:
    """The curves of ``split``; None where it has none."""
    points_of_split = [point for point in result.curves if point.split == split]
    curves: dict[str, list[CurvePoint]] = {}
    for point in points_of_split:
        if point.part == "validation":
            curves.setdefault(point.reranker, []).append(point)
    curves = {name: sorted(points, key=lambda point: point.parameter) for name, points in curves.items()}
    chosen_points = {name: next((p for p in points if p.chosen), points[0]) for name, points in curves.items()}
    if not curves:
        return None
    plain = next(iter(curves.values()))[0]
    best = max(chosen_points, key=lambda name: (chosen_points[name].ild, chosen_points[name].ndcg))
    visible_points = {name: _visible_points(points, chosen_points[name], plain) for name, points in curves.items()}
    x_axis = _axis([p.ild for points in visible_points.values() for p in points], LEFT, WIDTH - RIGHT)
    floor = FLOOR_NDCG_SHARE * plain.ndcg
    y_axis = _axis([floor, *(p.ndcg for points in visible_points.values() for p in points)], HEIGHT - BOTTOM, TOP)
    places = {name: [(x_axis.at(p.ild), y_axis.at(p.ndcg)) for p in points] for name, points in visible_points.items()}
    ends = [(short_label(name), *_spans(at[-1])) for name, at in places.items()]
    at_k = "" if n_listed(result) is None else f"@{n_listed(result)}"
    return CurvePlot(
        split=split,
        arm=plain.arm,
        n_users=plain.n_users,
        x_label=in_catalogue(f"Intra-list diversity{at_k}"),
        y_label=f"nDCG{at_k}",
        x_ticks=x_axis.ticks(),
        y_ticks=y_axis.ticks(),
        plain=(x_axis.at(plain.ild), y_axis.at(plain.ndcg)),
        floor=y_axis.at(floor),
        lines=[
            CurveLine(
                reranker=name,
                label=end[0],
                is_best=name == best,
                path="M" + " ".join(f"{x} {y}" for x, y in at),
                dots=at,
                chosen_point=(x_axis.at(chosen_points[name].ild), y_axis.at(chosen_points[name].ndcg)),
                label_x=place[0],
                label_y=place[1],
                anchor=place[2],
                leader=place[3],
                description=gettext(
                    "%(reranker)s: chosen %(trade_off)s, nDCG %(ndcg)s, diversity %(diversity)s",
                    reranker=name,
                    trade_off=f"{chosen_points[name].parameter:.3g}",
                    ndcg=_change(chosen_points[name].ndcg, plain.ndcg),
                    diversity=_change(chosen_points[name].ild, plain.ild),
                ),
            )
            for (name, at), end, place in zip(places.items(), ends, place_labels(ends), strict=True)
        ],
        rows=[_row(name, chosen_points[name], plain, points_of_split, name == best) for name in curves],
    )


def _visible_points(points: Sequence[CurvePoint], chosen_point: CurvePoint, plain: CurvePoint) -> list[CurvePoint]:
    """From the plain order on, as long as the line stays in the picture."""
    visible_points: list[CurvePoint] = []
    for point in points:
        if point.parameter > chosen_point.parameter and point.ndcg < DRAWN_NDCG_SHARE * plain.ndcg:
            break
        visible_points.append(point)
    return visible_points


def _row(
    name: str, chosen_point: CurvePoint, plain: CurvePoint, points_of_split: Sequence[CurvePoint], is_best: bool
) -> CurveRow:
    on_test = {p.parameter: p for p in points_of_split if p.reranker == name and p.part == "test"}
    test = (NOTHING, NOTHING)
    if 0 in on_test and chosen_point.parameter in on_test:
        before, after = on_test[0], on_test[chosen_point.parameter]
        test = (_change(after.ndcg, before.ndcg), _change(after.ild, before.ild))
    return CurveRow(
        reranker=name,
        is_best=is_best,
        trade_off=f"{chosen_point.parameter:.3g}",
        validation=(_change(chosen_point.ndcg, plain.ndcg), _change(chosen_point.ild, plain.ild)),
        test=test,
    )


def _change(after: float, before: float) -> str:
    return NOTHING if before == 0 else f"{signed(100 * (after / before - 1), 1)} %"


def _axis(values: Sequence[float], start: float, end: float) -> Axis:
    margin = 0.08 * (max(values) - min(values)) or 0.1 * abs(max(values)) or 1.0
    return Axis(min(values) - margin, max(values) + margin, start, end)


def _spans(place: tuple[float, float]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    x, y = place
    return (x, x, x), (y, y, y)
