"""Text of data for a terminal or a log: what would steer the terminal or turn the line around becomes one sign."""

from __future__ import annotations

import re
from typing import Final

_LINE_CONTROLS: Final = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
STEERING: Final = re.compile(f"[{_LINE_CONTROLS}]")
_CONTROLS: Final = re.compile(f"[{_LINE_CONTROLS}\n]")


def without_controls(text: str) -> str:
    """``text`` in its lines, with nothing that steers a terminal."""
    return STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """The same with no line break either."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
