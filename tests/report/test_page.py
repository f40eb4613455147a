"""The page: complete, closed to the outside, and safe whatever the titles say."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from recsat.report.page import _sample, render_page
from recsat.report.tables import main_table, split_tables
from recsat.report.verdicts import verdict_in_words
from recsat.result.model import ArmResult, Difference, ListedItem, Measure, MeasureInfo, Result, SampleUser

SCRIPT_TITLE = "<script>alert(1)</script> & Sons"
HOSTILE_ARM = "\"><img src=x onerror=alert('arm')>"
HOSTILE_USER = "' onmouseover='alert(2)' x='"
VOID = {"meta", "br", "line", "circle", "rect", "path"}
TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "nav",
        "section",
        "article",
        "p",
        "h1",
    ),
    *(
        "h2",
        "h3",
        "h4",
        "ul",
        "ol",
        "li",
        "a",
        "span",
        "bdi",
        "b",
        "strong",
        "small",
        "sup",
        "code",
        "time",
        "br",
        "div",
    ),
    *(
        "dl",
        "dt",
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "figure",
    ),
    *("h5", "button", "script", "figcaption", "svg", "g", "desc", "text", "tspan", "line", "circle", "rect", "path"),
}
MAIN = ("ndcg@10", "hit@10", "ild@10", "coverage@10")
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "class",
        "id",
        "href",
        "role",
        "tabindex",
        "scope",
        "title",
        "open",
    ),
    *(
        "aria-label",
        "aria-labelledby",
        "aria-hidden",
        "viewbox",
        "d",
        "cx",
        "cy",
        "r",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
    ),
    *("type", "popover", "popovertarget", "data-csv", "data-sort", "data-low", "data-high", "data-n"),
    *("rx", "width", "height", "text-anchor"),
}


@dataclass
class Page(HTMLParser):
    """The page as a strict reader finds it: tags, attributes, and the text of every element."""

    tags: set[str] = field(default_factory=set)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if "mark" in str(values.get("class", "")).split() and values.get("role") == "img":
            self.marks.append(str(values["class"]).split()[1])
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack[-1] == tag, f"</{tag}> closes <{self.stack[-1]}>"
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.stack == []
    return page


@pytest.fixture(scope="module")
def html(result: Result) -> str:
    return render_page(result)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return read(html)


def test_every_element_is_closed_and_of_a_kind_that_the_templates_write(page: Page) -> None:
    assert page.tags <= TAGS


def test_no_attribute_comes_from_a_title_a_user_or_an_arm(page: Page) -> None:
    assert {name for _, name, _ in page.attributes} <= ATTRIBUTES


def test_hostile_texts_show_as_they_are_written(page: Page) -> None:
    assert SCRIPT_TITLE in page.texts
    assert HOSTILE_ARM in page.texts
    assert HOSTILE_USER in page.texts
    assert "{{ 7 * 7 }} {% raw %}" in page.texts
    assert "]]></style></title><b>bold</b>" in page.texts


def test_a_control_character_shows_as_the_replacement_character(html: str, page: Page) -> None:
    assert "\x00" not in html
    assert "Nul \N{REPLACEMENT CHARACTER} byte" in page.texts


def test_the_page_refers_to_nothing_outside_itself(html: str, page: Page) -> None:
    for sign in ("http:", "https:", "//", "url(", "@import", " src=", "<link", "<iframe"):
        # One arm's name says src=, as a text.
        assert sign not in html.replace("img src=x", ""), sign
    links = {value for _, name, value in page.attributes if name == "href"}
    assert links
    assert {link.removeprefix("#") for link in links} <= set(page.ids)


def test_a_policy_in_the_page_allows_its_own_script_and_style_and_nothing_else(html: str, page: Page) -> None:
    policies = [
        value for tag, name, value in page.attributes if tag == "meta" and name == "content" and "default-src" in value
    ]
    digests = {
        tag: [
            b64encode(sha256(text.encode()).digest()).decode()
            for text in re.findall(f"<{tag}>(.*?)</{tag}>", html, re.S)
        ]
        for tag in ("style", "script")
    }
    ((style,), (script,)) = digests.values()
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    ]


def test_no_handler_or_style_stands_in_an_attribute(page: Page) -> None:
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]


def test_headings_go_down_one_step_at_a_time(html: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_first_screen_says_question_answer_effect_certainty_and_what_is_missing(html: str) -> None:
    start = html.partition("<body")[2].partition(">")[2].partition("<main>")[0]
    first = read(re.sub(r"<span popover.*?</span>", "", start)).text
    for words in (
        "Does a language model make these users more satisfied?",
        "Yes on cold-items. No on random: it costs accuracy there. The data of timeline cannot answer.",
        "One more list with a hit in every",
        "One list fewer with a hit in every",
        "Of the +0.118 of text over popularity (reads nothing) in nDCG@10, nothing is the words', +0.118 (+0.108 to +0.128) the model's",
        "481 of 601 judged users have no history,",
        "Not measured: Business value, Mean rating of hits@10 and content.click_through.",
    ):
        assert words in first


def test_everything_but_the_first_screen_and_the_leading_table_is_folded(html: str) -> None:
    assert "<details open" not in html
    assert not re.search(r"<details[^>]* open", html)
    unfolded = re.sub(r"<details.*</details>", "", html, flags=re.S)
    assert unfolded.count("<table") == 1
    assert "The main measures on cold-items" in unfolded


def test_the_leading_table_has_the_best_arms_and_the_baseline_and_says_how_many_more_there_are(
    invent: Callable[..., Result],
) -> None:
    arms = [(f"arm-{i}", i % 2 == 0, 0.2 + i / 99, 0.1, 0.2 + i / 99, 0.3) for i in range(20)]
    result = invent(arms=[*arms, ("popularity", False, 0.1, 0.06, 0.1, 0.6)], hostile=False)
    table = main_table(result, "random")
    assert len(table.rows) == 12
    assert table.rows[0].arm == "arm-19"
    assert table.rows[-1].is_baseline
    assert "Further arms stand under “Every measure on every split”: 9." in read(render_page(result)).text


def test_each_term_is_explained_once_where_it_first_stands(html: str) -> None:
    opened = re.findall(r'popovertarget="term-(\w+)"', html)
    assert sorted(opened) == sorted(set(opened))
    assert set(opened) == set(re.findall(r'<span popover id="term-(\w+)"', html))
    assert {"hit", "measure", "interval", "split", "arm", "baseline", "exploratory", "slice"} <= set(opened)


def test_cells_have_their_numbers_in_full_for_sorting_and_csv(html: str, result: Result) -> None:
    arm = next(a for a in result.arms if a.name == "ease" and a.split == "random" and a.slice == "all")
    ndcg = arm.measures["ndcg@10"]
    assert f'data-n="{ndcg.mean:.5g} {ndcg.low:.5g} {ndcg.high:.5g}"' in html


def test_ids_are_unique_and_labels_point_to_them(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    pointed = {word for _, name, value in page.attributes if name == "aria-labelledby" for word in value.split()}
    assert pointed <= set(page.ids)


def test_every_arm_measure_split_slice_stage_and_setting_is_there(result: Result, page: Page) -> None:
    texts = set(page.texts)
    for name in (
        {arm.name for arm in result.arms} | {arm.split for arm in result.arms} | {arm.slice for arm in result.arms}
    ):
        assert name in texts
    for info in result.measures:
        assert info.label in texts
        assert info.name in texts
    for text in [stage.name for stage in result.stages] + [one.reason for one in result.not_measured]:
        assert text in page.text
    for text in (
        result.run_id,
        str(result.seed),
        result.data_fingerprint,
        result.data.source,
        "measure.n_bootstrap",
        "2.6.0+cpu",
    ):
        assert text in texts
    for verdict in result.verdicts:
        assert verdict_in_words(result, verdict) in texts


def test_every_number_of_the_whole_split_is_there_with_its_interval(html: str, result: Result) -> None:
    arm = next(a for a in result.arms if a.name == "ease" and a.split == "random" and a.slice == "all")
    ndcg = arm.measures["ndcg@10"]
    assert f'<span class="value">{ndcg.mean:.3f}<span class="mark better"' in html
    assert f'<span class="interval">{ndcg.low:.3f}–{ndcg.high:.3f}</span>' in html


def significant_marks(result: Result) -> dict[str, int]:
    """Marks that belong on the page, by hand: in the table of the split, in its list of numbers, and in the slices."""
    better = {info.name: info.better for info in result.measures}
    counts = {"better": 0, "worse": 0, "different": 0}
    for arm in result.arms:
        for name, difference in arm.differences.items():
            if not difference.significant or difference.mean is None:
                continue
            mark = "different" if better[name] == "neither" else "worse"
            if better[name] != "neither" and (difference.mean > 0) == (better[name] == "higher"):
                mark = "better"
            times = 2 if arm.slice == "all" else 1
            # The table of slices shows the lead measure once more, of the whole and of each slice.
            # The leading table has the main measures of the split that has an answer.
            leads = arm.slice == "all" and arm.split == "cold-items" and name in MAIN
            counts[mark] += times + (name == "ndcg@10") + leads
    return counts


def test_marks_stand_where_a_difference_is_significant_and_nowhere_else(result: Result, page: Page) -> None:
    n_marks = {mark: page.marks.count(mark) for mark in ("better", "worse", "different")}
    assert n_marks == significant_marks(result)
    assert all(n_marks.values())


def test_no_mark_where_nothing_is_significant(result: Result) -> None:
    quiet = result.model_copy(
        update={
            "arms": [
                arm.model_copy(
                    update={
                        "differences": {
                            n: d.model_copy(update={"significant": False}) for n, d in arm.differences.items()
                        }
                    }
                )
                for arm in result.arms
            ]
        }
    )
    assert read(render_page(quiet)).marks == []


def test_a_measure_without_a_value_shows_a_dash_and_the_reason(html: str, page: Page) -> None:
    assert re.search(r'<span class="none">–<sup>a</sup></span>', html)
    assert "Novelty@10: no user has a value." in page.text
    assert "No held-out event of a list carries a rating." in page.text
    assert "None" not in page.text
    assert "nan" not in page.text.lower().split()


def test_hits_are_marked(invent: Callable[..., Result]) -> None:
    result = invent(n_users=0, hostile=False)
    listed = [ListedItem(item_id="1", title="Missed", rank=1), ListedItem(item_id="2", title="Met", rank=2, hit=True)]
    user = SampleUser(user_id="7", split="random", history=[], lists={"ease": listed})
    html = render_page(result.model_copy(update={"sample_users": [user]}))
    assert "1 of 2 hit" in html
    assert re.search(r'<bdi>Met</bdi></span> <span class="hit">hit</span>', html)
    assert not re.search(r"<bdi>Missed</bdi></span> <span", html)


def test_every_split_shows_sample_users_where_there_is_no_room_for_all(invent: Callable[..., Result]) -> None:
    sample = _sample(invent(n_users=50, n_listed=200).sample_users)
    assert list(sample) == ["random", "timeline", "cold-items"]
    assert all(len(users) == 5 for users in sample.values())
    arms = [(f"arm-{i}", True, 0.1, 0.1, 0.1, 0.5) for i in range(40)]
    crowded = _sample(
        invent(arms=[("popularity", False, 0.1, 0.1, 0.1, 0.5), *arms], n_users=50, n_listed=200).sample_users
    )
    assert [len(users) for users in crowded.values()] == [2, 1, 1]


def test_more_measures_than_fit_are_cut_into_even_tables(result: Result) -> None:
    extra = {f"extra-{i}@10": Measure(mean=0.5, low=0.4, high=0.6, n_users=9) for i in range(3)}
    infos = [MeasureInfo(name=n, label=n, description="", dimension="accuracy", better="higher") for n in extra]
    arms = [arm.model_copy(update={"measures": {**arm.measures, **extra}}) for arm in result.arms]
    wide = result.model_copy(update={"measures": [*result.measures, *infos], "arms": arms})
    tables = {table.title: len(table.columns) for table in split_tables(wide, "random")}
    assert tables == {"Accuracy": 5, "Accuracy, continued": 4, "Diversity": 7, "Behaviour": 1}


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_are_announced_at_the_top_and_beside_the_data(
    invent: Callable[..., Result], simulated: bool
) -> None:
    html = render_page(invent(simulated=simulated))
    assert html.count("<strong>Simulated data.</strong>") == (2 if simulated else 0)
    assert not simulated or html.index("Simulated data.") < html.index("<h1>")


def test_a_page_with_long_titles_stays_under_three_megabytes(html: str) -> None:
    assert len(html.encode()) < 3_000_000


def test_a_page_of_many_arms_users_and_long_lists_stays_under_three_megabytes(invent: Callable[..., Result]) -> None:
    arms = [(f"content.arm-{i}", i % 2 == 0, 0.1 + i / 99, 0.05, 0.1, 0.3 + i / 50) for i in range(14)]
    result = invent(arms=[("popularity", False, 0.15, 0.06, 0.11, 0.6), *arms], n_users=50, n_listed=200)
    html = render_page(result)
    assert len(html.encode()) < 3_000_000
    text = read(html).text
    assert re.search(r"\d\d more users are in result.json", text)
    assert "and 180 more in result.json" in text


def test_a_result_of_nothing_but_its_frame_still_gives_a_page(result: Result) -> None:
    bare = result.model_copy(
        update={
            name: []
            for name in (
                "splits",
                "arms",
                "arm_infos",
                "measures",
                "not_measured",
                "filters",
                "retrieval",
                "verdicts",
                "sample_users",
                "stages",
            )
        }
    )
    text = read(render_page(bare)).text
    assert "The run has no splits, so there is no answer." in text
    assert "Everything that was asked for was measured." in text


def test_an_arm_of_a_sample_user_or_a_measure_that_nothing_describes_is_still_shown(result: Result) -> None:
    undescribed = ArmResult(
        name="visitor",
        split="random",
        measures={"undescribed@3": Measure(mean=1234.5, low=None, high=None, n_users=4)},
        differences={
            "undescribed@3": Difference(mean=1.0, low=None, high=None, p_adjusted=None, significant=True, n_users=4)
        },
    )
    user = SampleUser(user_id="8", split="elsewhere", history=[], lists={"unheard-of": []})
    page = read(render_page(result.model_copy(update={"arms": [*result.arms, undescribed], "sample_users": [user]})))
    assert "visitor" in page.texts
    assert "undescribed@3" in page.texts
    assert "1,234" in page.text
    assert "unheard-of" in page.texts
