"""An invented result."""

from invented_result import invent, result

__all__ = ["invent", "result"]
