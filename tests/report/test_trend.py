"""The page on how a measure went: every run once, all on one scale, and nothing of the history is taken for code."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat.report.trend import MOST_RUNS, render_trend
from recsat.run.history import HISTORY_SCHEMA

HOSTILE = "\"><script>alert('x')</script>\x1b[2J"


def history(n_runs: int, place: Path, **settings: Any) -> pl.DataFrame:
    rows = [
        {
            "run": f"r{day:03d}",
            "folder": str(place / f"r{day:03d}"),
            "time": datetime(2026, 1, 1, tzinfo=UTC).replace(minute=day % 60, hour=day // 60),
            "domain": "content",
            "series": "nightly",
            "split": "warm",
            "arm": arm,
            "measure": measure,
            "mean": 0.1 + 0.001 * day + 0.1 * (arm == "ease"),
            "low": 0.05,
            "high": 0.4,
            "n_users": 100 + day,
            "data_fingerprint": f"f{day // 2}",
            "config_sha256": "c",
            "plan_sha256": "p",
        }
        | settings
        for day in range(n_runs)
        for arm in ("popularity", "ease")
        for measure in ("ndcg@10", "ild@10")
    ]
    return pl.DataFrame(rows, schema=HISTORY_SCHEMA)


def test_every_run_has_a_point_in_the_plot_of_each_arm_and_a_row(tmp_path: Path) -> None:
    page = render_trend(history(4, tmp_path), tmp_path / "trend.html")
    assert page.count("<figure>") == 2
    assert page.count("<circle") == 8
    assert re.findall(r'<th scope="row"><bdi>(r\d+)</bdi>', page) == ["r003", "r002", "r001", "r000"]
    assert re.findall(r"<bdi>(r\d+)</bdi> <small>new data", page) == ["r002"]
    assert "r003: 0.203 (0.050–0.400)" in page
    assert "ild@10" not in page
    assert "ild@10" in render_trend(history(4, tmp_path), tmp_path / "trend.html", "ild")


def test_a_higher_value_stands_higher_and_arms_share_a_scale(tmp_path: Path) -> None:
    page = render_trend(history(2, tmp_path), tmp_path / "trend.html")
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', page)]
    popularity, ease = heights[:2], heights[2:]
    assert popularity[0] > popularity[1] > ease[0] > ease[1]


def test_a_run_whose_report_is_there_is_linked_from_where_the_page_stands(tmp_path: Path) -> None:
    table = history(2, tmp_path / "runs").with_columns(folder=pl.col("folder").str.replace("r001", "a b#1"))
    for name in ("r000", "a b#1"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "a b#1" / "report.html").write_text("")
    page = render_trend(table, tmp_path / "pages" / "trend.html")
    assert re.findall(r'href="([^"]*)"', page) == ["../runs/a%20b%231/report.html"]


def test_only_the_last_runs_are_drawn_and_the_page_says_how_many_are_left_out(tmp_path: Path) -> None:
    page = render_trend(history(MOST_RUNS + 3, tmp_path), tmp_path / "trend.html")
    assert page.count("<circle") == 2 * MOST_RUNS
    assert "3 older runs are left out" in page
    assert "r002" not in page


@pytest.mark.parametrize("column", ["run", "domain", "series", "split", "arm"])
def test_what_the_history_says_is_no_code(tmp_path: Path, column: str) -> None:
    page = render_trend(history(2, tmp_path, **{column: HOSTILE}), tmp_path / "trend.html")
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'", policy.replace("&#39;", "'"))  # fmt: skip


def test_values_without_intervals_and_an_empty_history_have_a_page_too(tmp_path: Path) -> None:
    assert "0.1" in render_trend(history(1, tmp_path, low=None, high=None, mean=0.1), tmp_path / "trend.html")
    assert "No run has been finished" in render_trend(history(0, tmp_path), tmp_path / "trend.html")
