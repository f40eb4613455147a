"""Words where numbers would say too much, and what must be known to read a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recsat.report.language import in_language
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.report.plot import accuracy_diversity_plot
from recsat.report.signs import signs_in_words
from recsat.report.tables import (
    all_lines,
    draws_in_words,
    interval_in_words,
    main_table,
    slice_label,
    slice_table,
    split_tables,
)
from recsat.result.model import ArmResult, Difference, Measure, Result

NO_SPREAD = "no spread: nothing can be said"
ONE_USER = "one user: nothing can be said"
Change = Callable[[ArmResult, str, Measure], Measure]


def with_measures(result: Result, change: Change) -> Result:
    arms = [
        arm.model_copy(update={"measures": {name: change(arm, name, m) for name, m in arm.measures.items()}})
        for arm in result.arms
    ]
    return result.model_copy(update={"arms": arms})


def with_differences(result: Result, name: str, **changes: float | None) -> Result:
    def changed(arm: ArmResult) -> dict[str, Difference]:
        return {key: d.model_copy(update=changes) if key == name else d for key, d in arm.differences.items()}

    return result.model_copy(
        update={"arms": [arm.model_copy(update={"differences": changed(arm)}) for arm in result.arms]}
    )


def remarks_on(result: Result, split: str = "random") -> list[str]:
    return [remark for table in split_tables(result, split) for remark in table.remarks]


def test_where_there_is_no_spread_words_stand_for_the_interval(result: Result) -> None:
    def flat(arm: ArmResult, name: str, measure: Measure) -> Measure:
        if name != "ndcg@10" or arm.slice != "all":
            return measure
        return measure.model_copy(update={"mean": 0.0, "low": None, "high": None})

    flattened = with_measures(result, flat)
    assert {line.interval for line in all_lines(flattened, "random") if line.measure == "nDCG@10"} == {NO_SPREAD}
    assert NO_SPREAD in render_page(flattened)
    assert f"| 0 ({NO_SPREAD})" in render_markdown(flattened)
    assert ">0–0<" not in render_page(flattened)
    assert NO_SPREAD not in render_page(result)


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (Measure(mean=0.5, low=None, high=None, n_users=1), ONE_USER),
        (Measure(mean=0.5, low=None, high=None, n_users=2), NO_SPREAD),
        (Measure(mean=0.5, low=0.25, high=0.75, n_users=2), "0.25–0.75"),
        (Measure(mean=None, low=None, high=None, n_users=0), "–"),
    ],
)
def test_an_interval_in_words(measure: Measure, words: str) -> None:
    assert interval_in_words(measure, 2) == words


@pytest.mark.parametrize(("n_users", "in_words"), [(29, True), (30, False)])
def test_a_slice_of_few_users_has_words_in_place_of_numbers(result: Result, n_users: int, *, in_words: bool) -> None:
    def few(arm: ArmResult, name: str, measure: Measure) -> Measure:
        if arm.slice != "cold users" or measure.mean is None:
            return measure
        return measure.model_copy(update={"mean": 0.98765, "low": 0.98, "high": 0.99, "n_users": n_users})

    changed = with_measures(result, few)
    table = slice_table(changed, "random")
    assert table is not None
    column = [column.label for column in table.columns].index("cold users")
    cells = [row.cells[column] for row in table.rows]
    assert all((cell.value == "–") == in_words for cell in cells)
    assert all(cell.mark is None for cell in cells) or not in_words
    assert any("cold users: fewer than 30 users" in note for note in table.notes.values()) == in_words
    assert ("0.988" in render_page(changed)) != in_words


def test_few_users_in_the_whole_split_keep_their_numbers(result: Result) -> None:
    tiny = with_measures(
        result, lambda arm, name, measure: measure.model_copy(update={"n_users": min(9, measure.n_users)})
    )
    assert all(line.mean != "–" for line in all_lines(tiny, "random") if line.measure == "nDCG@10")
    assert split_tables(tiny, "random")[0].rows[0].cells[0].value != "–"


def test_few_effective_users_are_warned_of_once_for_a_measure(result: Result) -> None:
    few = with_differences(with_differences(result, "ndcg@10", effective_users=37.6), "map@10", effective_users=99.9)
    warnings = [remark for remark in remarks_on(few) if "carry the differences" in remark]
    assert len(warnings) == 1
    assert "nDCG@10 (38) and MAP@10 (100) from the baseline" in warnings[0]
    assert "Fewer than 100 users carry the differences of nDCG@10 (38)" in render_markdown(few)
    assert "a few users decide their intervals and marks." in render_markdown(few)  # not cut
    assert not any("carry" in remark for remark in remarks_on(result))
    for n in (0.0, 100.0, None):
        assert not any(
            "carry" in remark for remark in remarks_on(with_differences(result, "ndcg@10", effective_users=n))
        )


def test_few_effective_users_of_a_mean_are_warned_of(result: Result) -> None:
    def few(arm: ArmResult, name: str, measure: Measure) -> Measure:
        return measure.model_copy(update={"effective_users": 17.2}) if name == "novelty@10" else measure

    (warning,) = [remark for remark in remarks_on(with_measures(result, few)) if "carry the mean" in remark]
    assert "the mean of Novelty@10 (17)" in warning


def test_lists_as_long_as_the_candidates_are_said_to_tell_nothing_apart(result: Result) -> None:
    for n, is_said in ((9, True), (10, True), (11, False)):
        splits = [summary.model_copy(update={"n_candidate_items": n}) for summary in result.splits]
        remarks = remarks_on(result.model_copy(update={"splits": splits}))
        assert any(f"Lists have 10 places and {n} items are ranked here" in remark for remark in remarks) == is_said


def test_coverage_says_what_it_cannot_be_compared_across(result: Result) -> None:
    assert sum("not splits, slices or runs" in remark for remark in remarks_on(result)) == 1


def test_both_means_of_a_conditional_measure_are_those_of_the_users_compared(result: Result) -> None:
    name = "recall@10"
    compared = with_differences(result, name, n_users=212, mean_arm=3.91, mean_baseline=3.72, detectable=0.24)
    lines = [line for line in all_lines(compared, "random") if line.measure == "Recall@10"]
    assert {line.compared for line in lines if line.difference != "–"} == {"3.91 against 3.72, 212 users"}
    assert all(line.detectable.startswith("0.240") for line in lines if line.difference != "–")
    assert any("Which users have Recall@10 depends on" in remark for remark in remarks_on(compared))
    assert "3.91 against 3.72, 212 users" in render_page(compared)
    everybody = with_differences(result, name, mean_arm=3.91, mean_baseline=3.72)
    assert {line.compared for line in all_lines(everybody, "random")} == {""}


def test_the_page_says_over_whom_a_mean_is(result: Result) -> None:
    infos = [info.model_copy(update={"estimand": f"Mean over {info.name} & all."}) for info in result.measures]
    assert "Mean over ndcg@10 &amp; all." in render_page(result.model_copy(update={"measures": infos}))


def test_a_split_that_is_drawn_several_times_says_over_what_its_means_are(result: Result) -> None:
    sentence = "Means and intervals are over 5 draws and their users; sizes are those of the first draw."
    assert {split.name: draws_in_words(split) for split in result.splits} == {
        "random": "",
        "timeline": "",
        "cold-items": sentence,
    }
    assert f"candidate items. {sentence}</p>" in render_page(result)
    assert render_markdown(result).count(sentence) == 1


def test_every_split_is_held_against_the_baseline_of_its_own(result: Result) -> None:
    first, *others = result.splits
    of_time = result.model_copy(update={"splits": [first.model_copy(update={"baseline": "ease"}), *others]})
    assert of_time.baselines == ["ease", "popularity"]
    for split, baseline in ((first.name, "ease"), (others[0].name, "popularity")):
        assert of_time.baseline_on(split) == baseline
        assert [row.arm for row in main_table(of_time, split).rows if row.is_baseline] == [baseline]
        plot = accuracy_diversity_plot(of_time, split)
        assert plot is not None
        assert [point.arm for point in plot.points if point.is_baseline] == [baseline]
    for text in (render_markdown(of_time), render_page(of_time)):
        assert "each against the baseline ease, exploratory (false discovery rate 5 %)." in text
        assert "each against the baseline popularity, exploratory (false discovery rate 5 %)." in text
    everywhere = signs_in_words(of_time, [split.name for split in of_time.splits])
    assert "against the baseline ease (random), popularity (" in everywhere
    assert result.baselines == ["popularity"]


def test_rates_by_surface_and_place_stand_among_the_measures_by_slice_and_not_in_the_table_of_the_lead(
    result: Result,
) -> None:
    arm = next(arm for arm in result.arms if arm.slice == "all" and arm.split == "random")
    rate = Measure(mean=0.25, low=0.2, high=0.3, n_users=90)
    parts = ["surface <b>home</b>", "position 1"]
    further = [
        arm.model_copy(update={"slice": part, "measures": {"m.clicks": rate}, "differences": {}}) for part in parts
    ]
    info = result.measures[0].model_copy(update={"name": "m.clicks", "dimension": "behaviour", "label": "Clicks"})
    changed = result.model_copy(update={"arms": [*result.arms, *further], "measures": [*result.measures, info]})
    assert slice_table(changed, "random") == slice_table(result, "random")
    html = render_page(changed)
    assert "surface &lt;b&gt;home&lt;/b&gt;" in html
    assert "<b>home" not in html
    with in_language("zh"):
        assert [slice_label(part) for part in parts] == ["展示位 <b>home</b>", "第 1 位"]
