"""The feedback log: append-only, idempotent by event id, safe against kills and several writers at once.

One SQLite file with a write-ahead log. An event is acknowledged when its transaction is on the disk (``synchronous = FULL``); writers take turns,
so ``sequence`` grows in the order in which events became readable, and a reader that has all up to one has missed none. SQLite's locks need a
local disk: keep the log off network file systems.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from recsat.atomic import sync_folder
from recsat.config.home import state_folder
from recsat.config.settings import RunConfig
from recsat.errors import EventConflict, FeedbackError
from recsat.feedback.event import FeedbackEvent

FILE: Final = "events.sqlite"
FORMAT: Final = 1
"""``user_version`` of the file, raised with every change of its tables."""
WAIT_S: Final = 30.0
"""How long a writer waits for its turn."""
AT_ONCE: Final = 500
"""Names in one SQL condition, below every build's limit."""
_TYPES: Final[dict[str, pl.DataType]] = {
    "sequence": pl.Int64(),
    "event_id": pl.String(),
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event": pl.String(),
    "value": pl.Float64(),
    "timestamp": pl.Datetime("us", "UTC"),
    "list_id": pl.String(),
    "position": pl.Int64(),
    "columns": pl.String(),
}
SCHEMA: Final = pl.Schema(_TYPES)
"""Of what the log gives back; ``columns`` is JSON."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL, item_id TEXT NOT NULL, event TEXT NOT NULL,
    value REAL, timestamp INTEGER NOT NULL, list_id TEXT, position INTEGER, columns TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_user ON events (user_id, sequence);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the feedback log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the feedback log is append-only'); END;
"""
_COLUMNS: Final = ", ".join(SCHEMA)
_CONTENT: Final = ", ".join(list(SCHEMA)[1:])


def log_folder(config: RunConfig) -> Path:
    """Where the home of ``config`` keeps the feedback of its tenant and domain; there need be none."""
    return state_folder(config, "feedback") / f"{config.store.tenant}-{config.domain}"


def has_log(folder: Path) -> bool:
    """Whether ``folder`` has a log: to open one would make it."""
    return (folder / FILE).is_file()


@dataclass(frozen=True)
class Appended:
    """What became of a batch of events."""

    new: int
    """Events that the log did not have."""
    repeated: int
    """Events that it had already, with the same content."""
    sequence: int
    """Of the last event in the log."""


class FeedbackLog:
    """The log in a folder, made where it is missing; one object may be used by several threads, one folder by several processes.

    Raises FeedbackError where the folder cannot hold a log, or its file is none of recsat's.

    >>> import tempfile
    >>> from recsat.feedback.event import FeedbackEvent
    >>> with tempfile.TemporaryDirectory() as folder, FeedbackLog(Path(folder)) as log:
    ...     click = FeedbackEvent(event_id="1", user_id="ann", item_id="alien", event="click")
    ...     log.append([click]).new, log.append([click]).new
    (1, 0)
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._turn = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise FeedbackError(
                f"{self.path}: no feedback log can be opened ({error}). See that its folder can be written to."
            ) from error
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        with self._errors():
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                if version not in (0, FORMAT) or (version == 0 and tables):
                    raise FeedbackError(
                        f"{self.path} is no feedback log of this recsat (format {version}, not {FORMAT}). Name another folder, or "
                        "install the recsat that wrote it."
                    )
                for statement in _statements(_TABLES):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        sync_folder(self.path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the file back; what was appended is on the disk already."""
        with self._turn:
            self._connection.close()

    def append(self, events: Sequence[FeedbackEvent]) -> Appended:
        """Appends ``events`` in their order, all or none; they are on the disk when this returns.

        Events that the log has already are left aside; one without a timestamp gets the time of its first arrival. Raises EventConflict, and appends
        nothing, where an id is that of an event that came with other content.
        """
        arrival = datetime.now(UTC)
        with self._turn, self._errors(), self._transaction():
            new = 0
            for event in events:
                row = _row(event, arrival)
                added = self._connection.execute(
                    f"INSERT INTO events ({_CONTENT}) VALUES ({', '.join('?' * len(row))}) ON CONFLICT (event_id) DO NOTHING",
                    row,
                ).rowcount
                if not added:
                    self._refuse_other_content(event, row)
                new += added
            sequence = self._last()
        return Appended(new, len(events) - new, sequence)

    def _refuse_other_content(self, event: FeedbackEvent, row: tuple[object, ...]) -> None:
        known = self._connection.execute(f"SELECT {_CONTENT} FROM events WHERE event_id = ?", row[:1]).fetchone()
        different = [name for name, old, new in zip(list(SCHEMA)[1:], known, row, strict=True) if old != new]
        if event.timestamp is None and "timestamp" in different:
            different.remove("timestamp")
        if different:
            raise EventConflict(
                f"event {event.event_id!r} is in the feedback log already, with another {' and '.join(different)}. Give every event an id of "
                "its own."
            )

    def check_writable(self) -> None:
        """Takes a writer's turn and writes nothing; raises FeedbackError where there is none to be had."""
        with self._turn, self._errors(), self._transaction():
            pass

    @property
    def last(self) -> int:
        """Sequence number of the last event; 0 in an empty log."""
        with self._turn, self._errors():
            return self._last()

    def _last(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0])

    def since(self, sequence: int, limit: int | None = None) -> pl.DataFrame:
        """Events after ``sequence``, ``limit`` of them at most, in the order of the log, as :data:`SCHEMA`."""
        with self._turn, self._errors():
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (sequence, -1 if limit is None else limit),
            ).fetchall()
        return _table(rows)

    def of_users(self, user_ids: Sequence[str], since: int = 0) -> pl.DataFrame:
        """Events of some users after ``since``, in the order of the log, as :data:`SCHEMA`."""
        rows = []
        with self._turn, self._errors():
            for first in range(0, len(user_ids), AT_ONCE):
                block = user_ids[first : first + AT_ONCE]
                rows += self._connection.execute(
                    f"SELECT {_COLUMNS} FROM events WHERE user_id IN ({', '.join('?' * len(block))}) AND sequence > ?",
                    (*block, since),
                ).fetchall()
        return _table(sorted(rows))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise FeedbackError(
                f"{self.path}: the feedback log cannot be used ({error}). Nothing of this batch is in it: see that the disk has room, that "
                "it is a local one and that no other program holds the file, and send the batch again."
            ) from error


def _row(event: FeedbackEvent, arrival: datetime) -> tuple[object, ...]:
    since_1970 = (event.timestamp or arrival) - datetime(1970, 1, 1, tzinfo=UTC)
    return (
        event.event_id,
        event.user_id,
        event.item_id,
        event.event,
        event.value,
        (since_1970.days * 86_400 + since_1970.seconds) * 1_000_000 + since_1970.microseconds,
        event.list_id,
        event.position,
        json.dumps(event.columns, sort_keys=True, ensure_ascii=False),
    )


def _table(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """SQLite's rows as :data:`SCHEMA`; polars reads whole numbers as microseconds since 1970 where the schema says so."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _statements(script: str) -> Iterator[str]:
    """The statements of ``script``: executescript would end the transaction around it."""
    statement = ""
    for line in script.strip().splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
