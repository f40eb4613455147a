"""Why a plugin is not found: nothing of its name is installed, or what is installed has no entry point."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from recsat.errors import did_you_mean
from recsat.scaffold.names import distribution_of, package_of


def why_not_found(name: str, known: Iterable[str], here: Path) -> tuple[str, str]:
    """What was found instead of a plugin ``name``, and what to do. Looks; imports nothing of it.

    ``known`` are the plugins that are installed, and ``here`` is the folder in which a new one's folder may lie.
    """
    message = f"no installed distribution registers a plugin {name!r}."
    installed, spec = _distribution(name), _module(name)
    if installed is not None or spec is not None:
        owner = f"distribution {installed.name} {installed.version}" if installed else "no distribution of its name"
        there = f"module {spec.name} is at {spec.origin or spec.name}" if spec else "it has no module of that name"
        entry = _entry_point(spec) if spec else f"{package_of(name)}.domain"
        lines = f'[project.entry-points.recsat]\n{name} = "{entry}"'
        again = f"pip install -e {_folder(name, here) or 'FOLDER'}"
        return (
            f"{message} There is {owner}, and {there}, but it has no entry point.",
            f"Add these lines to its pyproject.toml:\n\n{lines}\n\nThen install it again, since entry points are read then: {again}",
        )
    folder = _folder(name, here)
    if folder is not None:
        return f"{message} The folder {folder} is there and not installed.", f"Run: pip install -e {folder}"
    near = did_you_mean(name, known)
    return f"{message}{near}", f"Correct the name, install what gives it, or write it: recsat new-plugin {name}"


def _distribution(name: str) -> Distribution | None:
    for candidate in (distribution_of(name), name):
        try:
            return distribution(candidate)
        except PackageNotFoundError:
            continue
    return None


def _module(name: str) -> ModuleSpec | None:
    # A bare ``books`` may be anything; only a package by the convention is taken for the plugin.
    return find_spec(package_of(name)) if name.isidentifier() else None


def _entry_point(spec: ModuleSpec) -> str:
    """The package's ``domain`` module where it has one, as a new plugin does."""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return f"{spec.name}.domain" if any((folder / "domain.py").is_file() for folder in folders) else spec.name


def _folder(name: str, here: Path) -> str | None:
    there = (here / distribution_of(name) / "pyproject.toml").is_file()
    return f"./{distribution_of(name)}" if there else None
