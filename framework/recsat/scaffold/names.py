"""Which names a new plugin can have."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from importlib.util import find_spec

from recsat.errors import ConfigError

NAME = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
LONGEST = 40


def package_of(name: str) -> str:
    """The Python package of a plugin."""
    return f"recsat_{name}"


def distribution_of(name: str) -> str:
    """The distribution that brings it, by the name that package indexes give it."""
    return package_of(name).replace("_", "-")


def check_name(name: str) -> None:
    """Raises ConfigError, with a name that would do, where ``name`` cannot be a plugin's or is taken."""
    if not re.fullmatch(NAME, name) or len(name) > LONGEST:
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST].strip("_")
        proposal = f" Try {near!r}." if near else ""
        raise ConfigError(
            f"{name!r} cannot be a plugin's name: it becomes part of settings, commands and Python modules. "
            f"Use small letters, digits and single underscores, a letter first, at most {LONGEST} signs.{proposal}"
        )
    for point in entry_points(group="recsat", name=name):
        raise ConfigError(
            f"A plugin {name!r} is installed already, by {point.dist.name if point.dist else point.value}. "
            "Choose another name, or uninstall that one: two plugins of one name serve nobody."
        )
    if find_spec(package_of(name)) is not None:
        raise ConfigError(
            f"A Python package {package_of(name)!r} is there already, and the new plugin's would hide it or be hidden. "
            f"Choose another name. If it is the plugin itself, recsat doctor --plugin {name} says what it lacks."
        )
