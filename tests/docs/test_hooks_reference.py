"""docs/reference/hooks.md is held against the real signatures, and each of its plugins is installed and used."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from recsat import RunConfig
from recsat.contract import hooks
from recsat.plugins import load_plugins

PAGE = (Path(__file__).parents[2] / "docs/reference/hooks.md").read_text(encoding="utf-8")
HEADED = [section.partition("\n") for section in PAGE.split("\n## ")[1:]]
SECTIONS = {heading.strip("`").partition("(")[0]: (heading.strip("`"), body) for heading, _, body in HEADED}
SPECS = {name: function for name, function in vars(hooks).items() if hasattr(function, "recsat_spec")}


def test_every_hook_has_a_section_and_the_order_is_that_of_the_specification() -> None:
    assert list(SECTIONS) == list(SPECS)


@pytest.mark.parametrize("hook", SPECS)
def test_heading_is_the_signature(hook: str) -> None:
    heading, _ = SECTIONS[hook]
    assert heading == hook + str(inspect.signature(SPECS[hook])).replace("'", "")


@pytest.mark.parametrize("hook", SPECS)
def test_table_has_the_arguments(hook: str) -> None:
    _, body = SECTIONS[hook]
    assert re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE) == list(inspect.signature(SPECS[hook]).parameters)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("hook", SPECS)
def test_example_installs_as_a_plugin_and_does_what_the_page_shows(hook: str, site: Path) -> None:
    _, body = SECTIONS[hook]
    [source] = re.findall(r"```python\n(.*?)```", body, flags=re.DOTALL)
    [session] = re.findall(r"```pycon\n(.*?)```", body, flags=re.DOTALL)
    plugin, module = re.fullmatch(r'# (\w+) = "(\w+)"', source.splitlines()[0]).groups()  # type: ignore[union-attr]
    assert f"def {hook}(" in source
    (site / f"{module}.py").write_text(source)
    info = site / f"recsat_{plugin}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: recsat-{plugin}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[recsat]\n{plugin} = {module}\n")
    importlib.invalidate_caches()

    names = {"load_plugins": load_plugins, "pl": pl, "RunConfig": RunConfig, "Path": Path}
    test = doctest.DocTestParser().get_doctest(session, names, hook, "docs/reference/hooks.md", 0)
    assert test.examples
    output: list[str] = []
    assert doctest.DocTestRunner().run(test, out=output.append).failed == 0, "".join(output)
