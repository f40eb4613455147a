"""The summary for a narrow column: whole sentences, two columns, pictures that stand alone, and nothing of the data's as markup."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from recsat.report.answers import split_answers
from recsat.report.dot_plot import dot_plot
from recsat.report.headline import arms_on, headlines, lead_measure, split_names
from recsat.report.markdown import whole
from recsat.report.summary import render_summary
from recsat.result.model import Result

PAGE = "http://127.0.0.1:4201/run/report.html"


def pictures(text: str) -> list[ET.Element]:
    return [
        ET.fromstring(base64.b64decode(content))
        for content in re.findall(r"!\[[^\]]*\]\(data:image/svg\+xml;base64,([^)]+)\)", text)
    ]


def test_sentences_are_whole_tables_narrow_and_the_report_is_one_click_away(result: Result) -> None:
    text = render_summary(result, PAGE)
    for answer in split_answers(result, headlines(result)):
        assert whole(answer.text) in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    assert {row.count(" | ") for row in rows} == {1}
    assert f"[The whole report]({PAGE})" in text
    assert "The whole report: /runs/x/report.html" in render_summary(result, "/runs/x/report.html")


def test_every_split_with_numbers_has_a_picture_with_a_dot_for_each_arm(result: Result) -> None:
    lead = lead_measure(result)
    assert lead is not None
    svgs = pictures(render_summary(result, PAGE))
    splits = [split for split in split_names(result) if dot_plot(arms_on(result, split), lead.name, lead.label)]
    assert len(svgs) == len(splits)
    namespace = "{http://www.w3.org/2000/svg}"
    for svg, split in zip(svgs, splits, strict=True):
        valued = [
            arm for arm in arms_on(result, split) if (one := arm.measures.get(lead.name)) and one.mean is not None
        ]
        assert len(svg.findall(f"{namespace}circle")) == len(valued)


def test_an_interval_is_drawn_around_its_mean(result: Result) -> None:
    lead = lead_measure(result)
    assert lead is not None
    arm = next(arm for arm in arms_on(result, "random") if arm.measures[lead.name].low is not None)
    svg = ET.fromstring(dot_plot([arm], lead.name, lead.label))
    namespace = "{http://www.w3.org/2000/svg}"
    [dot] = svg.findall(f"{namespace}circle")
    [line] = [one for one in svg.findall(f"{namespace}line") if one.get("stroke-width") == "2"]
    ends = [float(line.get(end) or 0) for end in ("x1", "x2")]
    measure = arm.measures[lead.name]
    assert measure.low is not None and measure.mean is not None and measure.high is not None  # noqa: PT018
    share = (measure.mean - measure.low) / (measure.high - measure.low)
    assert float(dot.get("cx") or 0) == pytest.approx(ends[0] + share * (ends[1] - ends[0]), abs=0.2)


def test_hostile_names_stay_text_in_the_summary_and_in_its_pictures(result: Result) -> None:
    text = render_summary(result, PAGE)
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<img src=x" not in rendered
    for svg in pictures(text):
        assert {element.tag.rpartition("}")[2] for element in svg.iter()} <= {"svg", "rect", "text", "line", "circle"}


def test_nothing_is_drawn_where_no_arm_has_a_number(result: Result) -> None:
    assert dot_plot(arms_on(result, "random"), "no such measure", "x") == ""
