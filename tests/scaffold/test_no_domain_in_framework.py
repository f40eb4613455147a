"""The framework and the flows know no domain: none is named in their code, and nothing branches on which one it is."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsat import RunConfig

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for top in ("framework", "flows") for path in (ROOT / top).rglob("*.py"))
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").is_file())
NAMES = sorted({"ecommerce", "content", "social", "game", *PLUGINS})
NAMED = re.compile(rf"^({'|'.join(NAMES)})(\.\w+)?$|recsat[_-]({'|'.join(NAMES)})\b|plugins/({'|'.join(NAMES)})\b")
DEFAULT = RunConfig.model_fields["domain"].default
"""The one place where a domain is named: what runs where nobody says which (config.py)."""


def is_domain(node: ast.expr) -> bool:
    """``domain``, ``config.domain``, ``domain.name`` or ``domain_name``."""
    text = ast.unparse(node)
    return re.fullmatch(r"(.+\.)?(domain|domain\.name|domain_name)", text) is not None


def branches(source: str) -> list[str]:
    """Places that ask which domain it is: a comparison with anything but None, membership in a literal, a match."""
    places = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            asks = isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot) or isinstance(
                sides[1], ast.Tuple | ast.List | ast.Set
            )
            missing = any(isinstance(side, ast.Constant) and side.value is None for side in sides)
            if asks and not missing and any(is_domain(side) for side in sides):
                places.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Match) and is_domain(node.subject):
            places.append(f"line {node.lineno}: match {ast.unparse(node.subject)}")
    return places


def named(source: str) -> Iterator[str]:
    """Strings, docstrings aside, that are a domain's name, a name of its, its package or its folder."""
    tree = ast.parse(source)
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            if NAMED.search(node.value):
                yield f"line {node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"line {node.lineno}: import {module}" for module in modules if NAMED.search(module))


@pytest.mark.parametrize("source", [str(path.relative_to(ROOT)) for path in SOURCES])
def test_no_domain_is_named_and_nothing_branches_on_one(source: str) -> None:
    code = (ROOT / source).read_text(encoding="utf-8")
    places = [*branches(code), *named(code)]
    if source == "framework/recsat/config/settings.py":
        places = [fault for fault in places if not fault.endswith(repr(DEFAULT))]
    assert places == []


@pytest.mark.parametrize(
    "line",
    [
        "if domain == 'books': pass",
        "if config.domain == name: pass",
        "if domain.name != 'books': pass",
        "if 'books' == config.domain: pass",
        "x = 1 if domain.name is kept else 2",
        "if domain in ('books', 'wines'): pass",
        "match domain.name:\n    case 'books': pass",
    ],
)
def test_a_branch_on_a_domain_would_be_found(line: str) -> None:
    assert branches(line) != []


@pytest.mark.parametrize(
    "line",
    [
        "if domain is None: pass",
        "if domain.name in known: pass",
        "a = domain.topics == 1",
        "demo(domain='x')",
        "domain = known[name]",
    ],
)
def test_other_lines_are_not_taken_for_one(line: str) -> None:
    assert branches(line) == []


@pytest.mark.parametrize(
    "line",
    [
        "d = 'content'",
        "m = 'content.watch_time'",
        "import recsat_content",
        "p = 'plugins/content'",
        "from recsat_game.x import y",
    ],
)
def test_a_domain_that_is_named_would_be_found(line: str) -> None:
    assert list(named(line)) != []


PUBLIC = ("recsat", "recsat.metrics", "recsat.people")
PLUGIN_SOURCES = sorted((ROOT / "plugins").glob("*/recsat_*/**/*.py"))


@pytest.mark.parametrize("source", [str(path.relative_to(ROOT)) for path in PLUGIN_SOURCES])
def test_a_plugin_imports_public_names_alone(source: str) -> None:
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "recsat":
            assert node.module in PUBLIC or node.module.startswith("recsat.testing")
            if node.module in PUBLIC:
                assert {alias.name for alias in node.names} <= set(importlib.import_module(node.module).__all__)
        elif isinstance(node, ast.Import):
            inside = [alias.name for alias in node.names if alias.name.partition(".")[0] == "recsat"]
            assert all(name in PUBLIC or name.startswith("recsat.testing") for name in inside)
