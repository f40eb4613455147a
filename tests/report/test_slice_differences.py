"""The pair of a verdict within slices: what differs, what is reversed, and where it is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recsat.report.answers import split_answers
from recsat.report.headline import headlines
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.report.slice_differences import gains_by_habit, slice_differences
from recsat.result.model import Result

OTHER_WAY = "On cold users it is the other way round: text minus popularity is −0.012 (−0.022 to −0.002)."


def test_every_slice_and_contrast_has_its_difference(result: Result) -> None:
    differences = slice_differences(result, "cold-items")
    assert differences is not None
    assert [(one.slice, one.difference.value, one.n_users) for one in differences.slices] == [
        ("cold users", pytest.approx(-0.0118), 148),
        ("warm users", 0.118, 453),
        ("head items", 0.118, 590),
        ("tail items", 0.118, 402),
    ]
    assert [(one.first, one.second, one.p_adjusted) for one in differences.contrasts] == [
        ("cold users", "warm users", "<0.001"),
        ("head items", "tail items", "1.000"),
    ]
    assert differences.sentence == (
        "text minus popularity in nDCG@10. The difference is not the same in every slice: cold users from warm users."
    )
    assert differences.reversals == [OTHER_WAY]


def test_what_is_not_shown_or_cannot_be_compared_is_said_to_be(result: Result) -> None:
    alike = slice_differences(result, "random")
    assert alike is not None
    assert alike.sentence.endswith(
        "That it is another in some slice is not shown; a true difference of two slices below 0.0280 (0.0410 for the smallest slices) would be missed more than one time in five."
    )
    assert alike.reversals == []
    one_contrast = [one.model_copy(update={"contrasts": one.contrasts[:1]}) for one in result.within_slices]
    single = slice_differences(result.model_copy(update={"within_slices": one_contrast}), "random")
    assert single is not None
    assert single.sentence.endswith("; a true difference below 0.0280 would be missed more than one time in five.")
    lone = [one.model_copy(update={"contrasts": [], "slices": one.slices[:1]}) for one in result.within_slices]
    alone = slice_differences(result.model_copy(update={"within_slices": lone}), "random")
    assert alone is not None
    assert alone.sentence.endswith("There are no two slices to compare.")


def test_a_split_without_slices_has_none(result: Result) -> None:
    assert slice_differences(result, "timeline") is None
    empty = [one.model_copy(update={"slices": []}) for one in result.within_slices]
    assert slice_differences(result.model_copy(update={"within_slices": empty}), "random") is None


def test_the_first_screen_has_it_only_where_it_is_reversed(result: Result) -> None:
    answers = {one.split: one for one in split_answers(result, headlines(result))}
    assert {split: one.reversals for split, one in answers.items()} == {
        "cold-items": [OTHER_WAY],
        "random": [],
        "timeline": [],
    }
    assert answers["cold-items"].text.endswith(OTHER_WAY)
    head = render_page(result).partition("<main>")[0]
    assert head.count(OTHER_WAY) == 1
    assert f"{OTHER_WAY}\n" in render_markdown(result)


def test_a_split_that_cannot_answer_has_no_such_sentence_on_the_first_screen(invent: Callable[..., Result]) -> None:
    result = invent(hostile=False)
    moved = [one.model_copy(update={"split": "timeline"}) for one in result.within_slices if one.reversed]
    answers = split_answers(result.model_copy(update={"within_slices": moved}), headlines(result))
    assert [one.reversals for one in answers] == [[], [], []]


def test_the_section_has_both_tables_with_their_numbers(result: Result) -> None:
    html = render_page(result)
    section = html[html.index('id="slices"') : html.index('id="users"')]
    of_split = section[section.index("Slices of cold-items") :]
    assert (
        '<td data-n="-0.0118 -0.0218 -0.0018">−0.012 <span class="interval">−0.022 to −0.002</span></td><td>0.001</td><td>0.0143</td><td>148</td>'
        in of_split
    )
    assert '<th scope="row" class="name">cold users</th><td class="text">warm users</td><td data-n="-0.1298' in of_split
    assert "<td>&lt;0.001</td><td>0.0280</td>" in of_split
    assert section.count('<p class="alarm" role="note">') == 1


def test_who_gains_is_a_section_of_its_own(result: Result) -> None:
    gains = gains_by_habit(result, "cold-items")
    assert gains is not None
    assert gains.sentence.endswith("The difference is not the same in every slice: loyal users from explorers.")
    html = render_page(result)
    section = html[html.index('id="gains"') : html.index('id="slices"')]
    assert gains.sentence in section
    assert '<th scope="row" class="name">loyal users</th><td class="text">explorers</td><td data-n="-0.1298' in section
    assert gains.sentence in render_markdown(result)


def test_without_a_pair_nobody_is_said_to_gain(result: Result) -> None:
    assert gains_by_habit(result, "random") is None
    html = render_page(result.model_copy(update={"who_gains": []}))
    section = html[html.index('id="gains"') : html.index('id="slices"')]
    assert "No two arms were compared, or too few users have a history." in section
