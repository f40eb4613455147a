"""Where the command writes: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

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


def short_path(path: Path) -> Path:
    """From the working directory where ``path`` lies below it, else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
