"""Where the command writes: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDE = 160
"""Columns of a table that goes to a file or another program, which has no width of its own."""


def output() -> Console:
    """For results: tables, JSON, paths."""
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


def messages() -> Console:
    """For progress, warnings and errors."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def cell(text: str) -> Text:
    """Text of data for a terminal: no markup, and what would steer the terminal or turn the line around is one sign each."""
    return Text(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))


def short_path(path: Path) -> Path:
    """From the working directory where ``path`` lies below it, else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
