"""Where the command writes: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

WIDE = 160
"""Columns of a table that goes to a file or another program, which has no width of its own."""


_LINE_CONTROLS = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""What would steer the terminal or turn the line around."""
_STEERING = re.compile(f"[{_LINE_CONTROLS}]")
_CONTROLS = re.compile(f"[{_LINE_CONTROLS}\n]")


class PlainConsole(Console):
    """A console to which no text is an order, whatever data, a plugin or an error put into it; its own colours and live lines are."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else _STEERING.sub("\N{REPLACEMENT CHARACTER}", segment.text)
            yield Segment(text, segment.style, segment.control)

    def print_json(self, json: str | None = None, *, data: Any = None, **options: Any) -> None:
        """JSON of ``data`` as a program reads it: what would steer a terminal stands as ``\\u001b``, so that no value changes."""
        text = dumps(data, indent=2, ensure_ascii=False) if json is None else json
        escaped = _STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
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
    return Text(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))


def short_path(path: Path) -> Path:
    """From the working directory where ``path`` lies below it, else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
