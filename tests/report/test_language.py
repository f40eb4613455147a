"""Every word of the report has a translation. ``python tests/report/test_language.py`` brings a catalogue up to date: what it lacks, empty, and nothing unused."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po
from jinja2.ext import babel_extract

import recsat
from recsat import metrics
from recsat.builtin.arms import _ARMS, IN_PLACE
from recsat.config.settings import SplitSettings
from recsat.contract.domain import SatisfactionMetric
from recsat.contract.reasons import DEFAULT_REASONS
from recsat.data import notes
from recsat.data.split import _describe
from recsat.measure.behaviour import HABITS
from recsat.measure.measures import built_in, of_metrics
from recsat.measure.slices import PLACES
from recsat.offpolicy import diagnosis
from recsat.report.catalogues import catalogue
from recsat.report.headline import answer_in_words, headlines
from recsat.report.language import (
    LANGUAGES,
    VARIABLE,
    enumerated,
    gettext,
    in_catalogue,
    in_language,
    interval,
    language_of,
    translation,
)
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import Result

PACKAGE = Path(recsat.__file__).parent
SPEAKERS = (*sorted((PACKAGE / "report").glob("*.py")), PACKAGE / "cli" / "summary.py")
AS_IN_PAGE = {"newstyle_gettext": "true", "silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}
SLICES = ("all", "cold users", "warm users", "head items", "tail items", "cold items", *(name for name, *_ in PLACES))
HABIT_SLICES = tuple(name for ends in HABITS.values() for name in ends)
CONTROLS_OF_RATINGS = ("global mean", "user and item biases")
HELD_OUT_RATINGS = (
    "every rating that the split holds out",
    "20% of all rated pairs, drawn at random: the split itself holds out all that was not liked",
)
SENTENCES = {
    "config/differences.py": ("differences", "_text"),
    "data/notes.py": (
        "as_hours",
        "as_shares",
        "column_beside",
        "column_left_out",
        "copies",
        "doubtful_words",
        "events_left_out",
        "file_form",
        "garbled",
        "in_the_future",
        "long_after",
        "look_alikes",
        "near_users",
        "no_texts",
        "other_times",
        "other_users",
        "rescaled",
        "since_1970",
        "some_without_offset",
        "spellings_of_topic",
        "table_left_out",
        "unknown_event",
        "unmatched_words",
        "unparted_lists",
        "unreached_value",
        "unreadable_cells",
        "with_decimal_comma",
        "with_html",
        "with_thousands",
        "without_unit",
        "without_texts",
    ),
    "measure/attribution.py": ("_lack",),
    "measure/evaluate.py": ("evaluate_split", "unmeasurable"),
    "measure/leaders.py": ("lack",),
    "measure/measures.py": ("_winsorised", "_assumed"),
    "measure/satisfaction.py": ("missing_needs",),
    "measure/verdict.py": ("_lacks",),
    "metrics/rates.py": ("obstacle", "_no_click_rate"),
    "stages/compare.py": ("compare_folders", "_held_against"),
    "stages/promotion/promote.py": ("_why", "_shortfall"),
    "stages/trial/counterfactual.py": ("counterfactual_lack",),
    "stages/trial/outcomes.py": ("outcome_errors",),
    "stages/trial/ratings.py": ("rating_errors",),
}
"""Functions whose strings become sentences of a result, by their module."""
OF_CELLS = (
    "# cell",
    "# cells",
    "Did you mean #?",
    "is neither true nor false",
    "is not a date",
    "is not a date of the form {form}",
    "is not a date, nor a number since # of a year from # to #",
    "is not a list",
    "is not a number",
    "is not a number of {unit} since 1970",
    "is not a number of {unit} since 1970 other than 0",
    "is not a number with a decimal comma",
    "is not a whole number",
    "is not year, month, day and hour",
    "is not at least {least}",
    "is not at least {least} and at most {most}",
    "is not at most {most}",
    "seconds",
    "milliseconds",
    "microseconds",
    "nanoseconds",
)
"""What a note says of cells, by the readers of :mod:`recsat.data.columns`."""
COUNTED = ("{n} people", "one person", "{n} days", "day", "an item you liked")
"""What :mod:`recsat.lists.reasons` puts into a reason."""
TRANSLATED = [language for language in LANGUAGES if language != "en"]
PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%|</?\w+[^>]*>")
PROSE = re.compile(
    r"\b(?:the|of|is|are|and|or|with|by|on|in|at|no|not|every|users?|items?|lists?|arms?|better|worse|than|more|less|all)\b",
    re.I,
)


def messages_of_code() -> dict[str, str]:
    """Every message of code and templates, with where it stands first."""
    ids: dict[str, str] = {}
    for path in SPEAKERS:
        for _, text, _, _ in extract_from_file("python", path, keywords={"gettext": None}):
            ids.setdefault(text if isinstance(text, str) else text[0], path.relative_to(PACKAGE).as_posix())
    for template in sorted((PACKAGE / "report" / "templates").glob("*.j2")):
        with template.open("rb") as file:
            for _, _, text, _ in babel_extract(file, ("_", "gettext"), (), AS_IN_PAGE):
                ids.setdefault(text if isinstance(text, str) else text[0], template.relative_to(PACKAGE).as_posix())
    return ids


def sentences_in_code() -> list[str]:
    """What the functions of SENTENCES write into a result, with a slot in braces for each value."""
    sentences = []
    for module, functions in SENTENCES.items():
        tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
        speakers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in functions]
        assert {node.name for node in speakers} == set(functions), module
        for function in speakers:
            sentences += [as_message(text) for text in texts_in(function) if is_prose(text)]
    return sentences


def texts_in(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Its strings, whole: neither its docstring nor what it raises."""
    waiting: list[ast.AST] = list(function.body[ast.get_docstring(function) is not None :])
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            yield node
        elif not isinstance(node, ast.Raise | ast.Compare):
            waiting[:0] = ast.iter_child_nodes(node)


def is_prose(text: ast.expr) -> bool:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    words = "".join(str(part.value) if isinstance(part, ast.Constant) else "Slot" for part in parts)
    return re.search(r"[a-z],? [a-z]", words, re.I) is not None


def as_message(text: ast.expr) -> str:
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{slot_of(part.value)}}}" for part in parts
    )  # type: ignore[attr-defined]


def slot_of(value: ast.expr) -> str:
    """The name of what a sentence puts in a place: ``split`` of ``evidence.split``, ``old`` of ``_text(old, key)``."""
    match value:
        case ast.Name():
            return value.id.lower()
        case ast.Attribute():
            return value.attr
        case ast.Call():
            return slot_of(value.args[0] if value.args else value.func)
        case ast.Subscript():
            return slot_of(value.value)
        case _:
            raise AssertionError(f"{ast.unparse(value)}: give it a name before it goes into a sentence")


def texts_of_metrics() -> list[str]:
    """What recsat's ready-made measures say whatever a plugin says of them."""
    ready = [
        metrics.click_through_rate(description=""),
        metrics.rejection_rate(["hide"], description=""),
        metrics.conversion_rate("buy", description=""),
        metrics.conversion_rate("buy", description="", of_everybody=True),
        metrics.event_sum("buy", name="sum", description="", unit=""),
        metrics.mean_value("rating", name="mean", description="", unit=""),
        metrics.retention(1, 1, name="retention", description=""),
        metrics.value_per_thousand("buy", name="value", description="", unit=""),
        SatisfactionMetric(name="other", description="", unit="", better="higher", compute=lambda judged: judged.lists),
    ]
    infos = of_metrics({metric.name: metric for metric in ready})
    labels = [info.label for info in infos[:3]]
    return [*labels, *(text for info in infos for text in (info.estimand, info.unit) if text)]


def messages_of_results() -> dict[str, str]:
    """What a result holds in English of recsat's own: names and descriptions of measures, arms and slices, reasons, and why something is not there."""
    texts = [
        *SLICES,
        *HABIT_SLICES,
        *CONTROLS_OF_RATINGS,
        *HELD_OUT_RATINGS,
        *diagnosis.SENTENCES.values(),
        *diagnosis.SENTENCES_OF_AMOUNTS.values(),
        *sentences_in_code(),
        *DEFAULT_REASONS.values(),
        *COUNTED,
        *OF_CELLS,
        *texts_of_metrics(),
    ]
    for info in built_in(10):
        texts += [info.label.partition("@")[0], info.description, info.estimand, info.unit]
    texts += [spec.description for spec in _ARMS] + [f"{words}." for words in IN_PLACE.values()]
    events = pl.DataFrame({"timestamp": [datetime(2024, 7, 27, tzinfo=UTC)], "user_id": ["u"]})
    for protocol in get_args(SplitSettings.model_fields["protocol"].annotation):
        for repeats in (1, 5) if protocol not in ("timeline", "last-n") else (None,):
            for share in (1, 0.2) if protocol == "last-n" else (1,):
                settings = SplitSettings(name="s", protocol=protocol, repeats=repeats, window_share=share)
                for tied in (0, 1) if protocol == "last-n" else (0,):
                    texts.append(VARIABLE.sub("#", _describe(settings, events, tied)))
    return {text: "result.json" for text in texts if text}


def messages() -> dict[str, str]:
    return messages_of_results() | messages_of_code()


def words_of(message: str) -> list[str]:
    """Placeholders, per cent signs and tags."""
    return sorted(match[0] for match in PLACEHOLDER.finditer(message))


class ChineseText(HTMLParser):
    """The text of a page that is neither from data (bdi, code) nor marked as English."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[bool] = [False]
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "line", "circle", "rect", "path"}:
            is_data = tag in {"bdi", "code", "style", "script", "desc", "title"} or ("lang", "en") in attrs
            self.stack.append(is_data or bool(self.stack and self.stack[-1]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        if not self.stack[-1]:
            self.texts.append(data)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_has_a_translation_and_every_translation_a_message(language: str) -> None:
    translated = {message.id for message in catalogue(language) if message.id and message.string}
    assert translated == set(messages())


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_placeholders_and_tags_of_their_message(language: str) -> None:
    for message in catalogue(language):
        assert words_of(str(message.string)) == words_of(str(message.id)) or not message.id


def test_the_chinese_page_has_no_english_sentence_of_the_report(result: Result) -> None:
    page = ChineseText()
    page.feed(render_page(result, "zh"))
    names = {arm.name for arm in result.arms} | {split.name for split in result.splits}
    names |= {info.label for info in result.measures}
    for text in page.texts:
        for name in sorted(names, key=len, reverse=True):
            text = text.replace(name, "")
        assert not PROSE.search(text), text


NOTES = [
    notes.doubtful_words("a.csv", "year", "1 cell", "'None'", stay=True),
    notes.doubtful_words("a.csv", "year", "1,200 cells", "'-', 'NA'", stay=False),
    notes.unreadable_cells("a.csv", "year", "2 cells", "row 2 'x', row 3 '19xx'", "is not a whole number"),
    notes.unreadable_cells("a.csv", "price", "1 cell", "row 2 '-1'", "is not at least 0 and at most 1e+15"),
    notes.unreadable_cells("a.csv", "when", "1 cell", "row 2 'x'", "is not a number of seconds since 1970"),
    notes.unreadable_cells("a.csv", "when", "1 cell", "row 2 'x'", "is not a date of the form %Y%m%d"),
    notes.unmatched_words("a.csv", "year", "missing.year", "'x'", "'1999'"),
    notes.column_left_out("a.csv", "'titel'", "item_id, titel", "Did you mean 'title'?"),
    notes.column_beside("a.csv", "'Value'", "'value'"),
    notes.events_left_out("1,200", "view 1,000, cart 200"),
    notes.rescaled("1", "10", "5"),
    notes.unknown_event("'vew'", "12", "Did you mean 'view'?"),
    notes.unknown_event("'gaze'", "12", ""),
    notes.other_users("users", "1,200", "'u1'", "'1'"),
    notes.near_users("users", "3", "'ann'", "'Ann'"),
    notes.other_times("exposures", "2014-01-01", "2014-02-01", "2024-01-01", "2024-02-01"),
    notes.table_left_out("ties.csv", "ties"),
    notes.unreached_value("9", "'rating' 0.5 to 5, 'play' 1 to 7"),
    notes.copies("events", "3", "1,000"),
    notes.look_alikes("user_id", "3", r"'ann\u200b'", "'ann'"),
    notes.as_shares("a.csv", "seen"),
    notes.some_without_offset("a.csv", "when", "3", "1,000 cells"),
    notes.unparted_lists("a.csv", "genres", "'|'", "900", "1,000 cells", "','"),
    notes.in_the_future("3", "1,000", "2090-01-01"),
    notes.long_after("1", "1,000", "2026-01-01", "2019-05-02"),
    notes.spellings_of_topic("items", "genres", "'Drama' (9 items), 'drama' (1 items)"),
    notes.without_texts("3", "1,000", "'a', 'b', 'c'"),
    notes.no_texts(),
    notes.with_html("title", "3", "1,000", "'Tom &amp; Jerry'"),
    notes.garbled("title", "3", "1,000", "'CafÃ©'"),
    notes.with_decimal_comma("a.csv", "price"),
    notes.with_thousands("a.csv", "price"),
    notes.without_unit("a.csv", "price", "€"),
    notes.since_1970("a.csv", "when", "milliseconds"),
    notes.as_hours("a.csv", "when"),
    notes.file_form("a.csv", "semicolon-separated Latin-1"),
]


def test_notes_on_how_files_were_read_stand_in_chinese_on_the_page(result: Result) -> None:
    noted = result.model_copy(update={"data": result.data.model_copy(update={"notes": NOTES})})
    page, markdown = render_page(noted, "zh"), render_markdown(noted, "zh")
    with in_language("zh"):
        heading = gettext("How the files were read, and what is odd about them:")
    listed = re.findall(r"<li><bdi>(.*?)</bdi></li>", page.partition(heading)[2].partition("</ul>")[0])
    assert len(listed) == len(NOTES)
    for text in listed:
        in_words = re.sub(r"^\w+：|(&#39;|').*?\1|\(.*?\)|（.*?）", "", text)  # what the data say
        assert re.search(r"[\u4e00-\u9fff]", in_words), text
        assert not PROSE.search(in_words), text
    assert "a.csv：price：1 个单元格" in page
    assert "a.csv：when 按 1970 年以来的毫秒数读取" in markdown
    assert "a.csv: when read as milliseconds since 1970" in render_page(noted)


def test_the_page_says_its_language_and_the_words_are_those_of_the_catalogue(result: Result) -> None:
    page = render_page(result, "zh")
    assert '<html lang="zh-Hans">' in page
    assert "<h1>语言模型让这些用户更满意吗？</h1>" in page
    assert '<html lang="en">' in render_page(result)
    assert "语言模型让这些用户更满意吗？" in render_markdown(result, "zh")


def test_what_data_and_plugins_say_stays_and_is_marked_as_english(result: Result) -> None:
    page = render_page(result, "zh")
    assert '<span lang="en">No held-out event of a list carries a rating.</span>' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons" in page
    assert "What text does, in a sentence." in page


def test_what_the_report_itself_says_is_not_marked_as_english(result: Result) -> None:
    few = [
        arm.model_copy(
            update={
                "measures": {
                    name: m.model_copy(update={"n_users": 9}) if arm.slice == "cold users" else m
                    for name, m in arm.measures.items()
                }
            }
        )
        for arm in result.arms
    ]
    for text in re.findall(r'<span lang="en">(.*?)</span>', render_page(result.model_copy(update={"arms": few}), "zh")):
        assert not re.search(r"[\u4e00-\u9fff]", text), text


def test_the_language_is_that_of_the_run_unless_another_is_named(result: Result) -> None:
    chinese = result.model_copy(update={"config": {**result.config, "report": {"language": "zh"}}})
    assert language_of(chinese) == "zh"
    assert '<html lang="zh-Hans">' in render_page(chinese)
    assert '<html lang="en">' in render_page(chinese, "en")
    for config in ({}, {"report": None}, {"report": {"language": "xx"}}):
        assert language_of(result.model_copy(update={"config": config})) == "en"


def test_after_a_page_in_another_language_messages_are_english_again(result: Result) -> None:
    render_page(result, "zh")
    assert answer_in_words(headlines(result)).startswith("Yes on")
    with pytest.raises(KeyError), in_language("zh"):
        raise KeyError
    assert gettext("Accuracy") == "Accuracy"


def test_numbers_and_names_are_the_same_in_both_languages(result: Result) -> None:
    english, chinese = (set(re.findall(r"\d+\.\d+", render_markdown(result, language))) for language in LANGUAGES)
    assert english == chinese


def test_a_measure_s_label_keeps_its_cutoff_and_an_arm_s_description_its_parts() -> None:
    assert in_catalogue("Hit rate@10") == "Hit rate@10"
    with in_language("zh"):
        assert in_catalogue("Hit rate@10") == "命中率@10"
        assert in_catalogue("Hit rate@x") == "Hit rate@x"
        assert in_catalogue("Stars@10") == "Stars@10"
        both = in_catalogue("Item-item cosine neighbours with shrinkage; TF-IDF words in place of the language model.")
        assert both == "带收缩的物品间余弦近邻。以 TF-IDF 词语代替语言模型。"
        assert translation("Item-item cosine neighbours with shrinkage; in no catalogue.") is None
        assert translation("") is None


def test_lists_of_names_and_intervals_are_joined_as_the_language_does() -> None:
    assert enumerated(["a", "b", "c"]) == "a, b and c"
    assert interval(-0.1, 0.2, 1) == "−0.1 to 0.2"
    with in_language("zh"):
        assert enumerated(["a", "b", "c"]) == "a、b 和 c"
        assert interval(-0.1, 0.2, 1) == "−0.1 至 0.2"
        assert interval(0.1, 0.2, 1) == "0.1–0.2"


def up_to_date(language: str) -> Catalog:
    """The catalogue with every message in the order of the code, as far as it is translated."""
    before = {message.id: message.string for message in catalogue(language)}
    fresh = Catalog(locale=language, fuzzy=False)
    for text, place in messages().items():
        fresh.add(text, before.get(text, ""), locations=[(place, None)])
    return fresh


def write_catalogue(fresh: Catalog, path: Path) -> None:
    """Takes a catalogue that is read already: opening the file empties it."""
    with path.open("wb") as out:
        write_po(out, fresh, width=0, include_lineno=False, omit_header=True)


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalogue_stands_as_bringing_it_up_to_date_writes_it(language: str, tmp_path: Path) -> None:
    write_catalogue(up_to_date(language), tmp_path / "fresh.po")
    source = files("recsat.report").joinpath(f"locale/{language}.po")
    assert (tmp_path / "fresh.po").read_bytes() == source.read_bytes()


def test_a_sentence_of_the_result_keeps_its_numbers_and_names() -> None:
    with in_language("zh"):
        assert (
            in_catalogue(
                "The last 20 % of liked events in time, from 2024-07-27 on, are held out; 10 % of the rest for tuning."
            )
            == "按时间最后 20 % 的喜欢事件（从 2024-07-27 起）被留出；其余的 10 % 用于调参。"
        )
        assert in_catalogue("The data have no 'rating' events.") == "数据中没有 'rating' 事件。"
        assert in_catalogue("Nobody knows 3 of these.") == "Nobody knows 3 of these."


if __name__ == "__main__":
    for name in TRANSLATED:
        write_catalogue(up_to_date(name), Path(str(files("recsat.report").joinpath(f"locale/{name}.po"))))
