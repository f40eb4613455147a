"""Puts the page that most people come for first in its section; the others follow their names."""

from __future__ import annotations

from typing import Any

FIRST = "how-to/own-data.md"


def on_nav(nav: Any, **_: Any) -> Any:
    """Hook of mkdocs: the same navigation, with :data:`FIRST` before what stands beside it and its section before the other sections."""
    for section in [item for item in nav.items if item.is_section]:
        section.children.sort(key=lambda page: getattr(getattr(page, "file", None), "src_uri", "") != FIRST)
    nav.items.sort(key=lambda item: (item.is_section, item.title == "Decisions", _has_first(item) is False))
    return nav


def _has_first(item: Any) -> bool:
    return item.is_section and any(
        getattr(getattr(page, "file", None), "src_uri", "") == FIRST for page in item.children
    )
