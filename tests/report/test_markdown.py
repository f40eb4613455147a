"""The Markdown says the same in short, and stays text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recsat.config.settings import Language
from recsat.report.markdown import escape, render_markdown
from recsat.result.model import NotMeasured, Result

HOSTILE_ARM = "\"><img src=x onerror=alert('arm')>"
STRUCTURE = {
    "heading",
    "paragraph",
    "bullet_list",
    "list_item",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
    "em",
}


def kinds(markdown: str) -> set[str]:
    """Kinds of elements that a reader with raw HTML, tables and bare links switched on finds."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    inner = [child for token in tokens for child in token.children or []]
    return {token.type.removesuffix("_open").removesuffix("_close") for token in [*tokens, *inner]}


def test_verdict_table_and_cost_are_there(result: Result) -> None:
    text = render_markdown(result)
    assert text.startswith(
        "# Does a language model make these users more satisfied?\n\n"
        "Yes on cold-items. No on random: it costs accuracy there. The data of timeline cannot answer.\n"
    )
    assert "- **random, Accuracy: worse.** Accuracy on random: text, which leads on validation among" in text
    assert "- **timeline, Accuracy: worse.** text against popularity on nDCG@10" in text
    assert "| ease | 0.279 (" in text
    assert "| embed | 41.7 s | 1.28 GiB | 1,902 | 53 |" in text
    assert "quarantine" in text


def test_hostile_names_make_no_markup(result: Result) -> None:
    text = render_markdown(result)
    assert kinds(text) <= STRUCTURE | {"inline", "text", "text_special", "softbreak"}
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<img" not in rendered
    assert "&quot;&gt;&lt;img src=x onerror=alert('arm')&gt;" in rendered


@pytest.mark.parametrize(
    "title",
    [
        "<script>alert(1)</script> & Sons",
        "Three | Pipes",
        "*and* _stars_ ~~gone~~ `code`",
        "[link](javascript:alert(1)) ![image](x)",
        "<https://a.example>",
        "# not a heading\n- nor a list",
        "back\\slash \\",
    ],
)
def test_an_escaped_title_reads_as_it_was_written(title: str) -> None:
    markdown = f"| a | b |\n| --- | --- |\n| {escape(title)} | end |\n"
    assert kinds(markdown) <= {"table", "thead", "tbody", "tr", "th", "td", "inline", "text", "text_special"}
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    cells = ["".join(child.content for child in token.children or []) for token in tokens if token.type == "inline"]
    assert cells == ["a", "b", " ".join(title.split()), "end"]


@pytest.mark.parametrize("bare", ["http://a.example", "www.a.example", "me@a.example"])
def test_bare_addresses_are_broken_so_that_no_dialect_links_them(bare: str) -> None:
    assert bare not in escape(bare)


@given(st.text(max_size=60))
def test_no_text_breaks_out_of_its_list_item(text: str) -> None:
    markdown = f"- **x** {escape(text)}\n"
    assert kinds(markdown) <= {"bullet_list", "list_item", "paragraph", "inline", "text", "text_special", "strong"}


def test_long_texts_are_cut_and_simulated_data_are_announced(result: Result) -> None:
    assert len(escape("x" * 500)) == 120
    simulated = result.model_copy(
        update={
            "data": result.data.model_copy(update={"simulated": True}),
            "not_measured": [NotMeasured(name="- sly", reason="1. list")],
        }
    )
    text = render_markdown(simulated)
    assert "**Simulated data.** The users, items and events" in text
    assert "- **- sly** – 1. list" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_sentence_is_cut(result: Result, language: Language) -> None:
    long_sentence = "All of this sentence is read to its very end, however long it may be. " * 4 + "End."
    talkative = result.model_copy(
        update={
            "verdicts": [
                verdict.model_copy(update={"lack": long_sentence, "primary": None}) for verdict in result.verdicts
            ],
            "fitness": [one.model_copy(update={"reason": long_sentence}) for one in result.fitness],
            "not_measured": [NotMeasured(name="late", reason=long_sentence)],
            "data": result.data.model_copy(update={"source": long_sentence}),
        }
    )
    text = render_markdown(talkative, language)
    assert "…" not in text
    assert text.count("End.") >= len(result.verdicts) + 2
    ends = (".", "。", ":", "：", "|", "*")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not line.endswith(ends)] == []


def test_a_split_that_cannot_answer_says_so_before_its_numbers(result: Result) -> None:
    text = render_markdown(result)
    before = text.partition("## What this data can answer")[2]
    assert "- **timeline: it cannot answer.** 481 of 601 judged users have no history," in before
    assert "- **random: it can answer.** 120 users can be judged, which is enough." in before
    assert "This split cannot answer: 481 of 601 judged users have no history," in before.partition("## ")[2]


def test_errors_of_predicted_ratings_and_clicks_are_there_for_the_test_part(result: Result) -> None:
    section = (
        render_markdown(result).partition("## Ratings, clicks and conversions as predicted")[2].partition("## ")[0]
    )
    assert "| global mean | random | 0.970 (0.950–0.990) | 0.776 (0.756–0.796) | – |" in section
    assert section.count("−0.0180 (−0.0240 to −0.0120) |") == 3
    assert section.count("| 0.1402 (0.1366–0.1438) | −0.0080 (−0.0090 to −0.0070) |") == 1
    bare = result.model_copy(update={"ratings": [], "predictions": [one for one in result.predictions if one.arm]})
    assert "as predicted" not in render_markdown(bare)
