"""Most benchmarks run in no test: what they take from recsat and from each other must at least be there."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))


def imported_names(script: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every ``from … import …`` of recsat's own modules, inside functions too."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("recsat"):
            yield from ((node.module, alias.name) for alias in node.names)


def has(module: str, name: str) -> bool:
    """Whether ``from module import name`` finds something, a submodule too."""
    if hasattr(importlib.import_module(module), name):
        return True
    try:
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_benchmark_takes_from_recsat_is_there(script: Path) -> None:
    assert [f"{module}.{name}" for module, name in imported_names(script) if not has(module, name)] == []


def taken_from_siblings(script: Path) -> Iterator[tuple[Path, str]]:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (sibling := HERE / f"{node.module}.py").exists():
            yield from ((sibling, alias.name) for alias in node.names)


def bound_names(script: Path) -> set[str]:
    """What the top level of a script defines or imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
    return names


@pytest.mark.parametrize("script", sorted(HERE.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_takes_from_another_is_there(script: Path) -> None:
    assert [
        f"{sibling.stem}.{name}" for sibling, name in taken_from_siblings(script) if name not in bound_names(sibling)
    ] == []
