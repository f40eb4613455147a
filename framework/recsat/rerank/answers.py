"""What a language model answered before, by the content of the question: nothing is asked, or paid for, twice."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recsat.config.home import absolute_home
from recsat.errors import RunError

_SECONDS_TO_WAIT: Final = 60.0
_A_QUERY: Final = 500


def answers_folder(folder: str | None = None) -> Path:
    """``folder``, or ``.recsat/answers`` below home."""
    home = absolute_home(os.environ.get("RECSAT_HOME") or ".")
    return absolute_home(folder) if folder else home / ".recsat" / "answers"


@dataclass(frozen=True)
class Answers:
    """Answers in ``folder/answers.sqlite``; several processes may share it. Raises RunError where it cannot be read or written."""

    folder: Path

    def read(self, keys: Sequence[str]) -> dict[str, str]:
        """The answers that are there, by key."""
        answers: dict[str, str] = {}
        with self._open() as file:
            for start in range(0, len(keys), _A_QUERY):
                part = list(keys[start : start + _A_QUERY])
                marks = ",".join("?" * len(part))
                answers |= dict(file.execute(f"select key, answer from answers where key in ({marks})", part))
        return answers

    def write(self, answers: Mapping[str, str]) -> None:
        """Each survives a kill once this returns; one that is there already stays."""
        with self._open() as file, file:
            file.executemany("insert or ignore into answers values (?, ?)", list(answers.items()))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / "answers.sqlite"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)) as file:
                file.execute("create table if not exists answers (key text primary key, answer text) without rowid")
                yield file
        except (OSError, sqlite3.DatabaseError) as error:
            raise RunError(
                f"{path}: answers of the language model cannot be read or written ({error}). Free some space, or delete the file if it is "
                "damaged: what it has is then asked again."
            ) from error


def key_of(*content: object) -> str:
    """SHA-256 of everything that an answer depends on, in hexadecimal."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()
