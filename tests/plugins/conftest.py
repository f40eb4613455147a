"""Installs the distributions under good/ and broken/ as wheels are installed: module, metadata, entry points, record."""

from __future__ import annotations

import base64
import hashlib
import importlib
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WHEEL = "Wheel-Version: 1.0\nGenerator: recsat-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def source_of(plugin: str) -> Path:
    [folder] = [folder for folder in (HERE / "good" / plugin, HERE / "broken" / plugin) if folder.is_dir()]
    return folder


def build_wheel(plugin: str, into: Path) -> Path:
    """A wheel of one of the distributions; no build backend and no network needed."""
    folder = source_of(plugin)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = f"{stem}.dist-info"
    points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["recsat"].items())
    files = {module.name: module.read_text() for module in folder.glob("*.py")}
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        f"{info}/WHEEL": WHEEL,
        f"{info}/entry_points.txt": f"[recsat]\n{points}",
    }
    files[f"{info}/RECORD"] = "".join(
        f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items()
    )
    wheel = into / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that is put on the import path of the tested interpreter."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def install(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """``install("tiny", "compliance")`` makes them importable and found, in this process and for children, for one test."""
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def install(*plugins: str) -> Path:
        for plugin in plugins:
            with zipfile.ZipFile(build_wheel(plugin, tmp_path)) as wheel:
                wheel.extractall(site)
        importlib.invalidate_caches()
        return site

    yield install
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(site)):
            del sys.modules[name]


@pytest.fixture
def build_wheel_of(tmp_path: Path) -> Callable[[str], Path]:
    """``build_wheel_of("tiny")`` is the path of its wheel."""
    return lambda plugin: build_wheel(plugin, tmp_path)
