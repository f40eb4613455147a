"""Learning curves in the report."""

from __future__ import annotations

from recsat.report.learning import learning_table
from recsat.report.page import render_page
from recsat.result.model import Result


def test_a_row_for_each_number_of_likes_and_a_column_for_each_arm(result: Result) -> None:
    table = learning_table(result, "random")
    assert table is not None
    assert table.arms == ["text", "ease"]
    assert [(n, [one and one.value for one in estimates]) for n, estimates in table.rows] == [
        (30, [0.08, 0.021]),
        (1000, [0.08, 0.28]),
    ]
    html = render_page(result)
    section = html[html.index('id="learning"') : html.index('id="slices"')]
    assert '<tr><th scope="row">1,000</th><td data-n="0.08 0.06 0.1">' in section
    assert "601 users with a history" in section


def test_a_run_that_did_not_ask_has_no_section(result: Result) -> None:
    assert learning_table(result, "timeline") is None
    assert 'id="learning"' not in render_page(result.model_copy(update={"learning": []}))
