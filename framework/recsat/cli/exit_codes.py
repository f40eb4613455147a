"""How commands end."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says; ``docs/reference/commands.md`` has the same table."""

    OK = 0
    FAULTY = 1
    """A check fails, a plugin is broken, a report says something too often. A bug, with its traceback, ends so too."""
    REFUSED = 2
    """recsat refuses: a wrong setting or option, bad input, a broken plugin that the run names."""
    WORSE = 3
    """The run is done and worse than the one before by a rule of ``alerts``, or a model is not promoted by the evidence."""
    UNKNOWN_USER = 4
    """The lists are there, and of some of their users nothing is known."""
    INTERRUPTED = 130
    """Ctrl-C. A run says by which command it goes on."""
