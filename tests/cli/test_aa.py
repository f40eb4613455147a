"""``recsat aa``: what it prints, and when it ends with 1."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import Result

from recsat.cli.aa import alarm_table
from recsat.measure import aa

Recsat = Callable[..., Result]


def test_the_table_has_a_row_for_each_kind_and_the_sentence_says_that_the_report_is_silent(
    recsat: Recsat, finished_run: Path
) -> None:
    done = recsat("aa", str(finished_run), "--n", "60")
    assert done.exit_code == 0, done.output
    heading, *rows = done.stdout.splitlines()
    assert heading.split()[:5] == ["split", "A/A", "arms", "nDCG@10", "alone"]
    assert sum("arms exchanged" in row for row in rows) == 2
    assert rows[-1].startswith("In each of ")
    assert rows[-1].endswith("the report would be silent in at least 95% of 60 worlds, but for chance.")


def test_json_has_counts_and_the_seed_decides_them(recsat: Recsat, finished_run: Path) -> None:
    first, again, other = (
        json.loads(recsat("aa", str(finished_run), "--n", "60", "--seed", seed, "--json").stdout) for seed in "112"
    )
    assert first == again != other
    assert first[0]["share"] == first[0]["n_alarms"] / 60
    assert not any(one["beyond_chance"] for one in first)


def test_a_report_that_is_not_silent_ends_with_1(
    recsat: Recsat, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = aa.welch_p
    monkeypatch.setattr(aa, "welch_p", lambda values, halves: honest(values, halves) / 20)
    done = recsat("aa", str(finished_run), "--n", "60")
    assert done.exit_code == 1
    assert "More than 5% of 60 worlds, and beyond chance, in" in done.stdout
    assert "warm, users divided: text" in done.stdout


def test_what_is_no_run_is_refused(recsat: Recsat, tmp_path: Path) -> None:
    done = recsat("aa", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is not a run folder" in done.stderr


def test_names_of_splits_and_arms_are_no_markup() -> None:
    one = aa.Alarms("[b]warm", "users divided", ("[red]x[/]",), 20, 1, 0.05, [aa.MeasureAlarms("[i]m", 9, 1, 1)])
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(alarm_table([one, replace(one, split="cold")]))
    printed = console.export_text()
    assert all(name in printed for name in ("[b]warm", "[red]x[/]", "[i]m alone", "cold"))
