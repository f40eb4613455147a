"""Refuses names that docs/style.md lists as no names. Run: ``python tests/style/check_names.py``, as ``make lint`` does."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOTS = ("framework", "flows", "plugins", "tests")
ALLOWED: dict[str, frozenset[str]] = {
    # A field of result.json, whose schema is public.
    "framework/recsat/result/model.py": frozenset({"chosen"}),
}
"""By file, names that stay although the guide refuses them, each with its reason."""


def banned(guide: str) -> frozenset[str]:
    """The first column of the guide's table of words."""
    table = guide.partition("## Words that are no names")[2]
    return frozenset(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of everything that ``tree`` gives a name to."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.arg():
                yield node.lineno, node.arg
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.alias(asname=str(alias)):
                yield node.lineno, alias
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def faults(path: Path, words: frozenset[str]) -> list[str]:
    """One line for each name of a file, or of the file, that is refused."""
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    refused = words - ALLOWED.get(place.as_posix(), frozenset())
    named = [(1, path.stem), *names(ast.parse(path.read_text(encoding="utf-8")))]
    return [
        f"{place}:{line}: {name!r} does not say what it is; see docs/style.md"
        for line, name in named
        if name.strip("_").lower() in refused
    ]


def main() -> int:
    words = banned((ROOT / "docs/style.md").read_text(encoding="utf-8"))
    lines = [
        line
        for root in ROOTS
        for path in sorted((ROOT / root).rglob("*.py"))
        if ".venv" not in path.parts
        for line in faults(path, words)
    ]
    print("\n".join(lines) or "names: fine")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
