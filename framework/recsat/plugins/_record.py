"""Who a plugin is, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

BUILTIN = "recsat"
"""The name under which recsat's encoders, filters and arms are registered; they have bare names."""


@dataclass(frozen=True)
class Owner:
    """A plugin's entry point name, the distribution that brought it, and the module behind it."""

    name: str
    distribution: str
    version: str
    module: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution} {self.version})"

    def qualified(self, name: str) -> str:
        """``<plugin>.<name>``; bare for what recsat registers."""
        return name if self.name == BUILTIN else f"{self.name}.{name}"


@dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """One line of ``recsat plugins``. ``gives`` maps each kind to the names that a run uses for them.

    Kinds: ``domains``, ``encoders``, ``filters``, ``metrics``, ``recommenders``, ``rerankers``, ``observers``. A failed
    plugin gives nothing, and ``error`` says what is wrong and what to do.
    """

    name: str
    distribution: str
    version: str
    module: str
    status: Literal["ok", "failed"]
    error: str = ""
    gives: Mapping[str, list[str]] = field(default_factory=dict)


def listed(names: Iterable[str]) -> str:
    """Names for the end of an error message."""
    return ", ".join(sorted(names)) or "none"
