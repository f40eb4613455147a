"""docs/reference/promise.md names every public name, and the examples of the documentation import no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import recsat
import recsat.experiment
import recsat.metrics
import recsat.offpolicy
import recsat.people
import recsat.testing

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference/promise.md").read_text(encoding="utf-8")
MODULES = (recsat, recsat.experiment, recsat.metrics, recsat.offpolicy, recsat.people, recsat.testing)
PUBLIC = {module.__name__: set(module.__all__) for module in MODULES}
FOR_CALLERS = {"recsat.config.sources", "recsat.plugins", "recsat.run", "recsat.stages"}
"""What a script that starts runs imports; a plugin does not."""


def promised(module: str) -> dict[str, str]:
    """Stability by name, as the page's section on ``module`` has it."""
    section = PAGE.partition(f"## `{module}`\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \|.*\| ([\w ]+) \|$", section, flags=re.MULTILINE))


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_a_line_with_its_stability(module: str) -> None:
    stability = promised(module)
    assert set(stability) == PUBLIC[module]
    assert set(stability.values()) <= {"stable", "may change"}


def test_every_public_name_has_a_place_on_the_page_of_python() -> None:
    page = (DOCS / "reference/python.md").read_text(encoding="utf-8")
    # recsat.run is a room that can be called, and its page would be the room's.
    names = set(re.findall(r"^::: recsat\.(?:api\.runs\.)?(\w+)$", page, flags=re.MULTILINE))
    assert names == PUBLIC["recsat"]
    of_experiment = set(re.findall(r"^::: recsat\.experiment\.(\w+)$", page, flags=re.MULTILINE))
    assert of_experiment == PUBLIC["recsat.experiment"]
    assert set(re.findall(r"^::: recsat\.offpolicy\.(\w+)$", page, flags=re.MULTILINE)) == PUBLIC["recsat.offpolicy"]


def imported(code: str) -> set[tuple[str, str]]:
    """(module, name) of everything that is imported from recsat."""
    tree = ast.parse(code)
    names = {
        (node.module, name.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
    }
    names |= {(name.name, "") for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return {(module or "", name) for module, name in names if (module or "").split(".")[0] == "recsat"}


def examples() -> list[tuple[str, str]]:
    """(page, code) of every Python block, and of the imports in its sessions."""
    blocks = []
    for page in sorted(DOCS.rglob("*.md")):
        if "decisions" in page.parts:
            continue
        text = page.read_text(encoding="utf-8")
        name = str(page.relative_to(DOCS))
        blocks += [(name, code) for code in re.findall(r"```python[^\n]*\n(.*?)```", text, flags=re.DOTALL)]
        blocks += [
            (name, line) for line in re.findall(r"^>>> (from recsat.*|import recsat.*)$", text, flags=re.MULTILINE)
        ]
    return blocks


def test_examples_import_public_names_alone() -> None:
    assert len(examples()) > 10
    for page, code in examples():
        for module, name in imported(code):
            if module in FOR_CALLERS:
                continue
            assert module in PUBLIC, f"{page}: {module} is not public"
            assert not name or name in PUBLIC[module], f"{page}: {module}.{name} is not public"
