"""A plugin's catalogue stands in its package, is read without importing it, and gives way to recsat's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

import recsat_content.sample
import recsat_content.simulated
import recsat_ecommerce.simulated
import recsat_game.sample
import recsat_social.sample
from recsat.plugins import load_plugins
from recsat.report import language
from recsat.report.catalogues import plugin_catalogue, plugin_catalogues, texts_of_domain, translations_in, untranslated
from recsat.report.language import in_catalogue, in_language, translation

PO = """
msgid "Pages read"
msgstr "读过的页数"

msgid "because you read {title}"
msgstr "因为您读过{title}"

msgid "read by {people}"
msgstr "{people}读过"

msgid "Accuracy"
msgstr "另一个词"
"""


OF_DATA = {
    "content": (
        recsat_content.sample.SAMPLE_SOURCE,
        recsat_content.simulated.SOURCE,
        "Events have no column {column}.",
    ),
    "ecommerce": (recsat_ecommerce.simulated.SOURCE,),
    "game": (recsat_game.sample.SOURCE,),
    "social": (recsat_social.sample.SOURCE,),
}
"""What a plugin says of its data: where they are from, and what is not in them."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A plugin whose module raises as soon as it is imported."""
    package = tmp_path / "recsat_reading"
    (package / "locale").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    (package / "locale" / "zh.po").write_text(PO, encoding="utf-8")
    info = tmp_path / "recsat_reading-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recsat-reading\nVersion: 1.0\n", encoding="utf-8")
    points = "[recsat]\nreading = recsat_reading.domain\ngone = recsat_of_nobody.inner.domain\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    _forget()
    yield
    _forget()


def _forget() -> None:
    language._translations.cache_clear()
    language._patterns.cache_clear()


@pytest.mark.usefixtures("install")
def test_a_plugin_s_catalogue_is_read_without_importing_it_and_gives_way_to_recsat_s() -> None:
    assert any("Pages read" in translations_in(one) for one in plugin_catalogues("zh"))
    assert "recsat_reading" not in sys.modules
    with in_language("zh"):
        assert in_catalogue("Pages read") == "读过的页数"
        assert in_catalogue("because you read The Trial and more") == "因为您读过The Trial and more"
        assert in_catalogue("Accuracy") == "准确性"
    assert in_catalogue("Pages read") == "Pages read"


@pytest.mark.usefixtures("install")
def test_a_phrase_in_a_slot_is_translated_too_or_the_whole_stays_as_it_is() -> None:
    with in_language("zh"):
        assert in_catalogue("read by 12 people") == "12 人读过"
        assert translation("read by the whole village") is None


def test_what_a_text_says_is_told_by_the_words_between_its_slots() -> None:
    with in_language("zh"):
        assert (
            in_catalogue("because you liked similar to {x}, which you liked")
            == "因为您喜欢similar to {x}, which you liked"
        )
        assert in_catalogue("The data have no exposures table and no 'play' events.") == (
            "数据中没有 exposures 表 和 没有 'play' 事件。"
        )
        assert translation("The data have nothing of that.") is None
        assert in_catalogue("rank.k was 10 and is 20") == "rank.k 原为 10，现为 20"


def test_a_module_without_package_or_without_catalogue_has_none() -> None:
    assert plugin_catalogue("recsat_content.domain", "zh") is not None
    assert plugin_catalogue("recsat_content.domain", "en") is None
    assert plugin_catalogue("sys", "zh") is None
    assert plugin_catalogue("nobody.has.this", "zh") is None


@pytest.mark.parametrize("name", ["content", "ecommerce", "game", "social"])
def test_every_text_of_a_domain_is_translated_and_no_plugin_repeats_recsat_s(name: str) -> None:
    texts = texts_of_domain(load_plugins([name]).domain(name))
    of_plugin = plugin_catalogue(f"recsat_{name}.domain", "zh")
    assert of_plugin is not None
    assert untranslated(texts, "zh", of_plugin) == []
    assert set(translations_in(of_plugin)) <= {*texts, *OF_DATA[name]}
    assert not set(translations_in(of_plugin)) & set(translations_in(language.catalogue("zh")))


def test_a_translation_with_other_slots_counts_as_none() -> None:
    one = Catalog(locale="zh")
    one.add("more like {title}", "更多{topic}")
    one.add("nobody reads", "")
    assert untranslated(["more like {title}", "nobody reads", "Accuracy"], "zh", one) == [
        "more like {title}",
        "nobody reads",
    ]
