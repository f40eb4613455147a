"""A finished run's report, once more and in another language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from invented_result import make_result
from typer.testing import Result

from recsat.config.settings import RunConfig
from recsat.run import RunFolder, read_history

Recsat = Callable[..., Result]


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    """A folder of an invented run with its result."""
    path = tmp_path / "runs" / "one"
    path.mkdir(parents=True)
    folder = RunFolder(path)
    folder.write_json("config.json", RunConfig(home=str(tmp_path)).model_dump(mode="json"))
    folder.write_json("result.json", make_result(hostile=False).model_dump(mode="json"))
    return folder


def test_the_report_is_written_in_the_language_that_is_named_and_its_numbers_stay(
    recsat: Recsat, finished: RunFolder
) -> None:
    before = finished.read_json("result.json")
    done = recsat("report", str(finished.path), "--language", "zh")
    assert done.exit_code == 0, done.stdout
    assert '<html lang="zh-Hans">' in (finished.path / "report.html").read_text(encoding="utf-8")
    assert "语言模型让这些用户更满意吗？" in (finished.path / "report.md").read_text(encoding="utf-8")
    assert "在 cold-items 上：是。" in done.stdout
    assert "报告：" in done.stdout
    assert finished.read_json("result.json") == before


def test_a_run_that_is_not_in_the_history_comes_into_it(recsat: Recsat, finished: RunFolder) -> None:
    assert read_history(finished.config()).is_empty()
    recsat("report", str(finished.path))
    assert set(read_history(finished.config())["run"]) == {"one"}


def test_without_a_language_it_is_that_of_the_run(recsat: Recsat, finished: RunFolder) -> None:
    assert recsat("report", str(finished.path)).exit_code == 0
    assert '<html lang="en">' in (finished.path / "report.html").read_text(encoding="utf-8")


def test_the_summary_says_question_answer_effect_and_what_is_missing(recsat: Recsat, finished: RunFolder) -> None:
    lines = recsat("report", str(finished.path)).stdout.splitlines()
    at = lines.index("Does a language model make these users more satisfied?")
    assert (
        lines[at + 1] == "Yes on cold-items. No on random: it costs accuracy there. The data of timeline cannot answer."
    )
    assert lines[at + 2].startswith("cold-items: One more list with a hit in every")
    at = lines.index(
        "timeline: 481 of 601 judged users have no history, and their lists are the fallback's whatever the arm."
    )
    assert lines[at + 1].startswith("Exploratory: ")
    assert lines[at + 2].startswith(
        "random, film <b>|</b> *1*: text against ease in nDCG@10 of lists of this kind alone"
    )
    assert lines[at + 3].startswith("random, series: 12 users have a held-out like of this kind")
    assert lines[at + 4] == "random, clip: no item of this kind is ranked here."
    assert lines[at + 5].startswith("Not measured: Business value, ")
    assert any(line.startswith("Plan 9f86d081884c of 2025-11-20 08:00 UTC, registered beforehand") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--language", "de"], "--language de: the report has en and zh."),
        ([], "is not a run folder"),
    ],
)
def test_what_cannot_be_written_is_refused(recsat: Recsat, arguments: list[str], message: str) -> None:
    done = recsat("report", ".", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_an_unfinished_run_is_refused(recsat: Recsat, finished: RunFolder) -> None:
    (finished.path / "result.json").unlink()
    done = recsat("report", str(finished.path))
    assert done.exit_code == 2
    assert "result.json is missing, so the run is not finished. Go on with: recsat run --resume" in done.stderr
