"""The plan in words, on the page, and on the first screen where it was not kept."""

from __future__ import annotations

import pytest

from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.report.plan import plan_in_words
from recsat.result.model import PlanRecord, Result

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def plan(n_differences: int, *, registered: bool = True) -> PlanRecord:
    lines = [f"k{i} was 1 and is 2" for i in range(n_differences)]
    return PlanRecord(sha256=HASH, written="2025-11-20T09:00:00+01:00", registered=registered, differences=lines)


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (plan(0), "Plan 9f86d081884c of 2025-11-20 08:00 UTC, registered beforehand (measure.plan): kept."),
        (plan(0, registered=False), "Plan 9f86d081884c of 2025-11-20 08:00 UTC, the run's own: kept."),
        (plan(1, registered=False), "the run's own: not kept. k0 was 1 and is 2."),
        (plan(5), "not kept. k0 was 1 and is 2; k1 was 1 and is 2; k2 was 1 and is 2; 2 more."),
    ],
)
def test_a_plan_is_one_line(record: PlanRecord, line: str) -> None:
    assert plan_in_words(record).endswith(line)


def test_the_page_has_every_line_and_the_whole_hash(result: Result) -> None:
    html = render_page(result.model_copy(update={"plan": plan(5)}))
    section = html[html.index('id="plan"') :]
    assert f'<code title="{HASH}">9f86d081884c</code>' in section
    assert [f"<li>k{i} was 1 and is 2</li>" in section for i in range(5)] == [True] * 5
    assert "<dt>kept</dt><dd>no</dd>" in section
    assert "The plan was not kept." in html.partition("<main>")[0]


def test_what_was_kept_is_not_on_the_first_screen(result: Result) -> None:
    for record in (plan(0), None):
        html = render_page(result.model_copy(update={"plan": record}))
        assert "The plan was not kept." not in html
        assert ('id="plan"' in html) == (record is not None)
    assert "<dt>kept</dt><dd>yes</dd>" in render_page(result.model_copy(update={"plan": plan(0)}))


def test_what_differs_is_in_chinese_on_a_chinese_page(result: Result) -> None:
    assert "<li>rank.k 原为 20，现为 10</li>" in render_page(result, "zh")


def test_the_markdown_has_it(result: Result) -> None:
    assert "not kept. rank.k was 20 and is 10; measure.confidence was 0.9 and is 0.95." in render_markdown(result)
    assert "Plan " not in render_markdown(result.model_copy(update={"plan": None}))
