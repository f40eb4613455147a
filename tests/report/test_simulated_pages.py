"""The Chinese page of each domain's simulated sample has no English sentence: not the report's, not the plugin's."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import recsat
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import Result

SAMPLES: dict[str, dict[str, Any]] = {
    "content": {"layout": "simulated", "simulated_users": 80, "simulated_items": 60},
    "ecommerce": {"layout": "simulated", "simulated_users": 80, "simulated_items": 60},
    "game": {"sample_users": 80, "sample_games": 40, "sample_items": 20},
    "social": {"sample_users": 80, "sample_posts": 60},
}
SETTINGS: dict[str, Any] = {
    "parameters": {"ease": {"l2": 10.0}, "text": {}},
    "measure": {"n_bootstrap": 100, "curves": False, "controls": []},
    "rank": {"k": 5},
}
SPLITS = ["timeline", {"name": "last", "protocol": "last-n", "window_share": 0.5}, "cold-items"]
SENTENCE = re.compile(r"[a-z]+ [a-z]+ [a-z]+")
NO_TEXT = {"code", "style", "script"}
VOID = {"meta", "br", "line", "circle", "rect", "path"}


class Texts(HTMLParser):
    """Every text of a page but code; whether in bdi or marked as English makes no difference."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.tags.append(tag)
        self.texts += [value for name, value in attrs if name in {"aria-label", "title", "alt"} and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        self.tags.pop()

    def handle_data(self, data: str) -> None:
        if not NO_TEXT & set(self.tags):
            self.texts.append(data)


def names_of_data(result: Result) -> set[str]:
    """Titles, and policies of the log: words of the data."""
    lists = [items for user in result.sample_users for items in (user.history, *user.lists.values())]
    policies = {policy for log in result.counterfactuals for policy in log.policies}
    return {item.title for items in lists for item in items} | policies


@pytest.mark.slow
@pytest.mark.parametrize("domain", sorted(SAMPLES))
def test_the_chinese_page_of_a_simulated_sample_has_no_english_sentence(domain: str, tmp_path: Path) -> None:
    data = recsat.load(domain, **SAMPLES[domain])
    run = recsat.run(data, ["popularity", "ease", "text"], SPLITS, home=tmp_path, settings=SETTINGS)
    result = Result.model_validate_json((run.folder / "result.json").read_text(encoding="utf-8"))
    english = SENTENCE.findall(" ".join(Texts(render_page(result)).texts))
    assert len(english) > 100
    for text in [*Texts(render_page(result, "zh")).texts, *render_markdown(result, "zh").splitlines()]:
        for name in sorted(names_of_data(result), key=len, reverse=True):
            text = text.replace(name, "")
        assert not SENTENCE.search(text), text
