"""How a measure went from run to run: one self-contained page over the history of a home, without a script."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import polars as pl

from recsat.report.page import CONTROLS, asset, policy, templates
from recsat.report.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Frame, Tick
from recsat.result.numerals import decimals_for, interval, number

MOST_RUNS = 60
"""Runs that a plot shows, the last ones; the table below it has as many."""
GROUP = ["domain", "series", "split"]


@dataclass(frozen=True)
class TrendPoint:
    x: float
    y: float
    y_low: float
    y_high: float
    description: str


@dataclass(frozen=True, kw_only=True)
class ArmTrend(Frame):
    """An arm's runs, the oldest left."""

    arm: str
    points: list[TrendPoint]

    @property
    def line(self) -> str:
        """The points joined, as an SVG path."""
        return "M" + " L".join(f"{point.x} {point.y}" for point in self.points)


@dataclass(frozen=True)
class TrendRow:
    """A run of the table."""

    run: str
    time: str
    n_users: str
    new_data: bool
    """Whether its data are others than those of the run before."""
    href: str
    """Its report, from the page's place; empty where it is gone."""
    values: list[str]


@dataclass(frozen=True)
class SplitTrend:
    """One split of one domain and series: a plot for each arm, all on one scale, and a table."""

    domain: str
    series: str
    split: str
    measure: str
    plots: list[ArmTrend]
    arms: list[str]
    rows: list[TrendRow]
    n_left_out: int


def render_trend(history: pl.DataFrame, place: Path, measure: str = "ndcg") -> str:
    """The page for :data:`~recsat.run.history.HISTORY_SCHEMA` rows, to stand at ``place``: ``measure`` at the k of each run.

    Every text of the history is escaped, and the page's policy allows its own style sheet and nothing else.
    """
    rows = history.filter(
        (pl.col("measure").str.split("@").list.first() == measure) & pl.col("mean").is_not_null()
    ).sort("time", "run", maintain_order=True)
    trends = [_trend(group, place, measure) for _, group in rows.group_by(GROUP, maintain_order=True)]
    css = asset("page.css")
    page = templates().get_template("trend.html.j2").render(css=css, policy=policy(css), trends=trends, measure=measure)
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", page)


def _trend(group: pl.DataFrame, place: Path, measure: str) -> SplitTrend:
    runs = group.select("run", "folder", "time", "data_fingerprint").unique(maintain_order=True)
    last_runs = runs.tail(MOST_RUNS)
    group = group.join(last_runs.select("run", "folder"), on=["run", "folder"], how="semi", maintain_order="left")
    arms = group["arm"].unique(maintain_order=True).to_list()
    ends = [*group["low"].drop_nulls(), *group["high"].drop_nulls(), *group["mean"]]
    margin = 0.08 * (max(ends) - min(ends)) or 0.1 * abs(max(ends)) or 1.0
    y_axis = Axis(min(ends) - margin, max(ends) + margin, HEIGHT - BOTTOM, TOP)
    x_axis = Axis(0, max(1, last_runs.height - 1), LEFT + 10, WIDTH - RIGHT - 10)
    places = {key: i for i, key in enumerate(last_runs.select("run", "folder").iter_rows())}
    times: list[datetime] = last_runs["time"].to_list()
    ticks = [Tick(x_axis.at(i), f"{times[i]:%Y-%m-%d}") for i in dict.fromkeys((0, len(times) - 1))]
    n_decimals = decimals_for(group["mean"])
    plots = [
        ArmTrend(
            arm=arm,
            x_ticks=ticks,
            y_ticks=y_axis.ticks(),
            points=[_point(row, x_axis.at(places[row["run"], row["folder"]]), y_axis, n_decimals) for row in group.filter(pl.col("arm") == arm).iter_rows(named=True)],
        )
        for arm in arms
    ]  # fmt: skip
    first = group.row(0, named=True)
    return SplitTrend(
        domain=first["domain"],
        series=first["series"],
        split=first["split"],
        measure=" and ".join(group["measure"].unique(maintain_order=True)),
        plots=plots,
        arms=arms,
        rows=_rows(group, last_runs, arms, place, n_decimals),
        n_left_out=runs.height - last_runs.height,
    )


def _point(row: dict[str, object], x: float, axis: Axis, n_decimals: int) -> TrendPoint:
    mean, low, high = (row[name] for name in ("mean", "low", "high"))
    assert isinstance(mean, float)
    figure = number(mean, n_decimals)
    if isinstance(low, float) and isinstance(high, float):
        figure += f" ({interval(low, high, n_decimals)})"
    return TrendPoint(
        x=x,
        y=axis.at(mean),
        y_low=axis.at(low if isinstance(low, float) else mean),
        y_high=axis.at(high if isinstance(high, float) else mean),
        description=f"{row['run']}: {figure}",
    )


def _rows(group: pl.DataFrame, runs: pl.DataFrame, arms: list[str], place: Path, n_decimals: int) -> list[TrendRow]:
    """The newest run first."""
    values = {(row["run"], row["folder"], row["arm"]): row for row in group.iter_rows(named=True)}
    fingerprints = runs["data_fingerprint"].to_list()
    changed = [False, *(one != other for one, other in pairwise(fingerprints))]
    rows = []
    for (run, folder, time, _), is_new in zip(runs.iter_rows(), changed, strict=True):
        of_run = [values.get((run, folder, arm)) for arm in arms]
        n_users = next((one["n_users"] for one in of_run if one is not None), None)
        report = Path(folder) / "report.html"
        rows.append(
            TrendRow(
                run=run,
                time=f"{time:%Y-%m-%d %H:%M} UTC",
                n_users=number(None if n_users is None else float(n_users)),
                new_data=is_new,
                href=quote(Path(os.path.relpath(report, place.parent)).as_posix()) if report.exists() else "",
                values=[
                    "–"
                    if one is None
                    else number(one["mean"], n_decimals)
                    + ("" if one["low"] is None else f" ({interval(one['low'], one['high'], n_decimals)})")
                    for one in of_run
                ],
            )
        )
    return rows[::-1]
