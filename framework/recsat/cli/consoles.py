"""Where the command writes: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import os
from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from recsat.terminals import STEERING, one_line, without_controls

WIDE = 160
"""Columns of a table that goes to a file or another program, which has no width of its own."""


class PlainConsole(Console):
    """A console to which no text is an order, whatever data, a plugin or an error put into it; its own colours and live lines are."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else without_controls(segment.text)
            yield Segment(text, segment.style, segment.control)

    def print_json(self, json: str | None = None, *, data: Any = None, **options: Any) -> None:
        """JSON of ``data`` as a program reads it: what would steer a terminal stands as ``\\u001b``, so that no value changes."""
        text = dumps(data, indent=2, ensure_ascii=False) if json is None else json
        escaped = STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
        self.print(Text(escaped), soft_wrap=True)


def output() -> Console:
    """For results: tables, JSON, paths."""
    return _console(stderr=False)


def messages() -> Console:
    """For progress, warnings and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = PlainConsole(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


def cell(text: str) -> Text:
    """Text of data for one line or cell: no markup, and what would steer the terminal or break the line is one sign each."""
    return Text(one_line(text))


def short_path(path: Path) -> Path:
    """From the working directory where ``path`` lies below it, else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
