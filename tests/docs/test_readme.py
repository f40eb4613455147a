"""README.md and README.zh.md: their commands, settings and links are there, and both say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from recsat.cli.app import app

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = (ROOT / name for name in ("README.md", "README.zh.md"))
READMES = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda path: path.name)
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)")
BETWEEN = re.compile(r"\s{2,}")
COMMENT = re.compile(r"\s*#.*")


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def commands(path: Path) -> list[str]:
    """The lines of code without what is said of them."""
    blocks = FENCE.findall(path.read_text(encoding="utf-8"))
    return [COMMENT.sub("", BETWEEN.split(line)[0]) for block in blocks for line in block.splitlines() if line]


@READMES
def test_every_link_leads_to_a_file(readme: Path) -> None:
    places = [place for place in LINK.findall(readme.read_text(encoding="utf-8")) if "://" not in place]
    assert len(places) > 20
    assert [place for place in places if not (ROOT / place.partition("#")[0]).exists()] == []


@READMES
def test_every_command_and_target_is_there(readme: Path) -> None:
    known = set(typer.main.get_group(app).commands)  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line.split() for line in commands(readme)]
    assert {line[1] for line in lines if line[0] == "recsat"} <= known
    assert {line[1] for line in lines if line[0] == "make"} <= targets
    assert {line[0] for line in lines} >= {"recsat", "make"}


def test_both_give_the_same_commands_links_and_numbers_in_the_same_order() -> None:
    assert commands(CHINESE) == commands(ENGLISH)
    english, chinese = prose(ENGLISH), prose(CHINESE)
    links = [place for place in LINK.findall(chinese) if place != ENGLISH.name]
    assert links == [place for place in LINK.findall(english) if place != CHINESE.name]
    number = re.compile(r"[+−]?\d[\d,]*\.\d+")
    assert number.findall(chinese) == number.findall(english)
    for mark in (r"^#+ ", r"^\|", r"^- "):
        n_chinese, n_english = (len(re.findall(mark, text, re.MULTILINE)) for text in (chinese, english))
        assert n_chinese == n_english, mark
