"""The errors that recsat raises. Every message says what is wrong, where, and what to do.

One small tree: catch :class:`RecsatError` for all of it. Errors of libraries underneath are chained, never swallowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from recsat.terminals import without_controls


class RecsatError(Exception):
    """Anything that recsat itself refuses or cannot do; its text has nothing that steers a terminal, whatever a folder or a cell is called."""

    def __str__(self) -> str:
        return without_controls(super().__str__())


class ConfigError(RecsatError):
    """A setting is unknown, of the wrong type or out of bounds; the message names the setting and its source."""


class DataError(RecsatError):
    """Input that cannot be used; the message names file, row, column, value and the fix."""


class PluginError(RecsatError):
    """A plugin cannot be loaded or broke the contract; the message names the distribution, the hook and the fix."""


class EncoderError(RecsatError):
    """A model cannot be found, checked or run."""


class StoreError(RecsatError):
    """A vector store refused an operation or cannot be opened.

    ``transient``: the same call may succeed later, as after a dropped connection. ``retry_after``: seconds to wait that the
    server named. ``status``: the server's HTTP status, where there was one.
    """

    def __init__(
        self, message: str, *, transient: bool = False, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.retry_after = retry_after
        self.status = status


class RunError(RecsatError):
    """A run folder is missing a stage's files, or they belong to another configuration."""


class SavedArmError(RecsatError):
    """A fitted arm cannot be saved, or what is saved is damaged, in another format, of another arm or of other items."""


class FeedbackError(RecsatError):
    """The feedback log cannot be used."""


class EventConflict(FeedbackError):
    """An event has the id of another one in the log."""


class SavedModelError(RecsatError):
    """A run has no model, or its model folder is damaged, in another format, or asks for what is not installed."""


class DiskFull(RecsatError):
    """A file could not be written for want of room; what was in its place is still there."""


class NotWritable(RecsatError):
    """A file or folder that this user may not write, or that cannot be where it is asked for."""


_NO_ROOM = re.compile(
    r"\b(?:os error|code:|Errno) (?:27|28|122)\b|No space left on device|Disk quota exceeded|File too large|database or disk is full"
    r"|Invalid thrift: transport error"  # all that polars says where the end of a Parquet file cannot be written
)


def says_no_room(error: BaseException) -> bool:
    """Whether an error of the system or of a library underneath says that a disk, a quota or the largest size of a file is reached.

    >>> import errno
    >>> says_no_room(OSError(errno.ENOSPC, "No space left on device")), says_no_room(OSError(errno.EACCES, "Permission denied"))
    (True, False)
    """
    return _NO_ROOM.search(str(error)) is not None


class UnknownItem(DataError):
    """An item id that the catalogue does not have."""


def closest(name: str, choices: Iterable[str], n: int = 1) -> list[str]:
    """The ``n`` choices at most that ``name`` was probably meant to be, the nearest first; capitals do not matter.

    A bare name finds every qualified one that ends in it: ``seen`` finds ``social.seen``.

    >>> closest("Timestmap", ["timestamp", "title"])
    ['timestamp']
    """
    spelt = {choice.lower(): choice for choice in sorted(choices)}
    qualified = [choice for choice in spelt.values() if choice.rpartition(".")[2] == name]
    return qualified[:n] or [spelt[near] for near in get_close_matches(name.lower(), spelt, n)]


def did_you_mean(name: str, choices: Iterable[str], n: int = 1) -> str:
    """`` Did you mean 'seen'?`` with a leading space, for the end of a message; nothing where no choice is near.

    >>> did_you_mean("epoch", ["epochs", "objective"])
    " Did you mean 'epochs'?"
    """
    near = closest(name, choices, n)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
