"""The check of names refuses what it must and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from check_names import ALLOWED, ROOT, banned, faults, names

WORDS = banned((ROOT / "docs/style.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "found = 1",
        "for told in []: pass",
        "def f(asked): pass",
        "def _made(): pass",
        "class Gift: pass",
        "import os as held",
        "x = [own for own in ()]",
        "class A:\n    given: int",
        "class A:\n    def f(self): self.taken = 1",
    ],
)
def test_a_name_that_says_nothing_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    [fault] = faults(tmp_path / "module.py", WORDS)
    assert "does not say what it is; see docs/style.md" in fault


def test_a_module_too(tmp_path: Path) -> None:
    (tmp_path / "_gift.py").write_text("")
    assert len(faults(tmp_path / "_gift.py", WORDS)) == 1


def test_words_of_prose_and_adjectives_pass(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        '"""What was found and told."""\nshown_items = known = 1  # made here\nx = "own"'
    )
    assert not faults(tmp_path / "module.py", WORDS)


@pytest.mark.parametrize("path", ALLOWED)
def test_what_is_allowed_is_there_and_on_the_list(path: str) -> None:
    there = {name.strip("_").lower() for _, name in names(ast.parse((ROOT / path).read_text(encoding="utf-8")))}
    assert ALLOWED[path] <= there & WORDS


def test_the_list_is_read_from_the_guide() -> None:
    assert {"told", "found", "made", "asked", "own", "given", "held"} <= WORDS


def test_the_project_keeps_to_it() -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / "tests/style/check_names.py"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[:2000]
