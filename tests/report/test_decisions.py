"""Decisions about the served model in page, Markdown and summary: what, of which run, when, and why as text."""

from __future__ import annotations

import pytest

from recsat.report.decisions import decision_in_words
from recsat.report.language import in_language
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.report.summary import render_summary
from recsat.result.model import ModelDecision, Result


def decision(action: str = "refused", why: str = "kept by hand: the index is old") -> ModelDecision:
    return ModelDecision.model_validate(
        {
            "action": action,
            "run": "r-1",
            "arm": "ease",
            "created": "2026-11-26T11:22:33+00:00",
            "policy": "not-worse",
            "why": why,
        }
    )


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("promoted", "2026-11-26 11:22 UTC: ease of run r-1 is served from then on."),
        ("refused", "2026-11-26 11:22 UTC: ease of run r-1 was not put in the place of what is served."),
        ("rolled back", "2026-11-26 11:22 UTC: back to ease of run r-1."),
    ],
)
def test_a_decision_is_one_sentence(action: str, sentence: str) -> None:
    assert decision_in_words(decision(action)) == sentence
    with in_language("zh"):
        assert "r-1" in decision_in_words(decision(action)) != sentence


def test_the_answer_of_a_person_stands_in_every_form_of_the_report_and_stays_text(result: Result) -> None:
    decided = result.model_copy(
        update={"decisions": [decision(), decision("promoted", "published by hand: <b>now</b>")]}
    )
    for text in (render_markdown(decided), render_summary(decided, "/r/report.html"), render_page(decided)):
        assert "kept by hand: the index is old" in text
        assert text.index("was not put in the place") < text.index("is served from then on")
        assert "<b>now</b>" not in text
        assert "&lt;b&gt;now&lt;/b&gt;" in text
    assert "is served from then on" not in render_page(result)
