"""From the template to a folder that can be installed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from recsat.errors import ConfigError
from recsat.scaffold.names import check_name, distribution_of, package_of

TEMPLATE = Path(__file__).with_name("template")
FILLED = ".tmpl"
"""Suffix of the files in which ``$name``, ``$package`` and ``$distribution`` are filled in; others are copied."""


@dataclass(frozen=True)
class Written:
    """The new distribution's folder, and its files relative to it."""

    folder: Path
    files: list[Path]


def write_plugin(name: str, directory: Path) -> Written:
    """Writes the distribution ``recsat-<name>`` into ``directory``, whole or not at all.

    Raises ConfigError where the name cannot be used, the distribution's folder exists, or ``directory`` is no folder.
    """
    check_name(name)
    folder = directory / distribution_of(name)
    if not directory.is_dir():
        raise ConfigError(f"{directory} is not a folder. Make it, or name another one with --directory.")
    if folder.exists():
        raise ConfigError(
            f"{folder} exists already, and nothing in it was changed. Remove it, or choose another name or --directory."
        )
    files = files_of(name)
    try:
        with tempfile.TemporaryDirectory(prefix=".recsat-", dir=directory) as draft:
            whole = Path(draft) / folder.name
            for path, content in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_bytes(content)
            whole.rename(folder)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror}. Name another place with --directory."
        ) from error
    return Written(folder, sorted(files))


def files_of(name: str) -> dict[Path, bytes]:
    """Every file of the distribution, by its path in it."""
    values = {"name": name, "package": package_of(name), "distribution": distribution_of(name)}
    return {_target(path, values["package"]): _filled(path, values) for path in sorted(_sources())}


def _sources() -> Iterator[Path]:
    for path in TEMPLATE.rglob("*"):
        # Hidden ones are left by tools that looked at the template.
        hidden = any(part.startswith(".") for part in path.relative_to(TEMPLATE).parts)
        if path.is_file() and not hidden:
            yield path


def _target(source: Path, package: str) -> Path:
    top, *rest = source.relative_to(TEMPLATE).parts
    path = Path(package if top == "package" else top, *rest)
    return path.with_suffix("") if path.suffix == FILLED else path


def _filled(source: Path, values: dict[str, str]) -> bytes:
    if source.suffix != FILLED:
        return source.read_bytes()
    return Template(source.read_text(encoding="utf-8")).substitute(values).encode()
