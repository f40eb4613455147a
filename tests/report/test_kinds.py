"""Lists of one kind of items alone, in the report."""

from __future__ import annotations

from recsat.report.kinds import kind_in_words, kind_table, kinds_on
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import Result

FILM = "film <b>|</b> *1*"
LABEL = "nDCG@10 of lists of this kind alone, over users with a held-out like of it"
OF_FILM = (
    f"text against ease in {LABEL}: it is worse: −0.0200 (95 % interval −0.0300 to −0.0100; p = 0.002; 212 users)."
)


def test_the_verdicts_pair_in_words_or_why_there_are_none(result: Result) -> None:
    film, series, clip = kinds_on(result, "random")
    assert kind_in_words(result, film) == f"{FILM}: {OF_FILM}"
    assert kind_in_words(result, series) == (
        "series: 12 users have a held-out like of this kind; fewer than 30 are too few for a number."
    )
    assert kind_in_words(result, clip) == "clip: no item of this kind is ranked here."
    unliked = clip.model_copy(update={"n_items": 7})
    assert kind_in_words(result, unliked) == (
        "clip: 0 users have a held-out like of this kind; fewer than 30 are too few for a number."
    )
    alone = film.model_copy(update={"pair": None})
    assert kind_in_words(result, alone) == f"{FILM}: {LABEL}: there are no two arms to compare."
    assert kinds_on(result, "timeline") == []


def test_a_column_for_each_kind_with_numbers_and_a_row_for_each_arm(result: Result) -> None:
    table = kind_table(result, "random")
    assert table is not None
    assert table.title == LABEL
    assert [(column.label, column.n_users) for column in table.columns] == [(FILM, 212)]
    cells = {row.arm: row.cells[0] for row in table.rows}
    assert cells["text"].measure == next(one.ndcg for one in kinds_on(result, "random")[0].arms if one.arm == "text")
    assert {cell.mark for cell in cells.values()} == {None}
    film = kinds_on(result, "random")[0]
    of_text = next(one for one in film.arms if one.arm == "text")
    assert of_text.difference is not None
    better = of_text.model_copy(update={"difference": of_text.difference.model_copy(update={"significant": True})})
    known = film.model_copy(update={"arms": [better, *(one for one in film.arms if one.arm not in ("text", "ease"))]})
    table = kind_table(result.model_copy(update={"kind_accuracy": [known]}), "random")
    assert table is not None
    cells = {row.arm: row.cells[0] for row in table.rows}
    assert (cells["text"].mark, cells["popularity"].mark, cells["ease"].measure) == ("better", None, None)
    assert kind_table(result, "timeline") is None
    few = [one.model_copy(update={"arms": []}) for one in result.kind_accuracy]
    assert kind_table(result.model_copy(update={"kind_accuracy": few}), "random") is None


def test_the_page_and_the_text_have_each_kind_and_its_name_breaks_neither(result: Result) -> None:
    html = render_page(result)
    section = html[html.index('id="kinds"') : html.index('id="gains"')]
    assert "film &lt;b&gt;|&lt;/b&gt; *1*" in section
    assert "<b>" not in section
    assert section.count("series: 12 users have") == 1
    assert "- film &lt;b&gt;\\|&lt;/b&gt; \\*1\\*: text against ease" in render_markdown(result)


def test_a_sample_user_is_shown_the_leading_arms_list_of_each_kind(result: Result) -> None:
    html = render_page(result)
    items = result.sample_users[0].of_kinds[0].items
    at = html.index('aria-label="film &lt;b&gt;|&lt;/b&gt; *1* alone, ease"')
    section = html[at : html.index("</section>", at)]
    assert "<h4><bdi>film &lt;b&gt;|&lt;/b&gt; *1*</bdi> alone" in section
    assert section.count("<li") == len(items) == 2
    plain = result.model_copy(update={"sample_users": [result.sample_users[1]]})
    assert "alone, ease" not in render_page(plain)


def test_a_run_that_did_not_ask_has_no_section(result: Result) -> None:
    plain = result.model_copy(update={"kind_accuracy": []})
    assert 'id="kinds"' not in render_page(plain)
    assert "of this kind" not in render_markdown(plain)
