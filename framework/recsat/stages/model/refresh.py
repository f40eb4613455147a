"""Lists that follow the feedback log: whoever did something since the last time gets a new list; a new model gives everybody one.

A folder has the lists in parts, and the watermark up to which the log is answered::

    everybody-<model>.parquet    lists of everybody whom the model knew, when it began to serve
    <sequence>.parquet           lists of those who did something, made when the log had come to this event
    watermark.json               the model and the last event that are answered

The watermark moves last, so that after a kill the same part is made once more: each event is answered at least once, and a part has the same name each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from filelock import FileLock, Timeout

from recsat.atomic import replacing, write_text
from recsat.errors import ConfigError
from recsat.feedback.log import FeedbackLog
from recsat.stages.model.all_lists import write_all_lists
from recsat.stages.model.live import BLOCK, LiveModel
from recsat.stages.model.loaded import Model

WATERMARK: Final = "watermark.json"
USERS_A_BLOCK: Final = 2_048


@dataclass(frozen=True)
class Refreshed:
    """What one call did."""

    n_events: int
    """Events of the log that were answered."""
    n_users: int
    """Users who got a new list."""
    sequence: int
    """The last event that is answered."""
    is_new_model: bool
    """Whether everybody got a list, because the model is another than the last time."""


def refresh_lists(model: Model, log: FeedbackLog, folder: Path, *, k: int | None = None) -> Refreshed:
    """Makes the lists that are due in ``folder`` and returns how many; nothing where nobody did anything.

    Raises ConfigError while another process makes lists there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            return _refresh(model, log, folder, k)
    except Timeout as error:
        raise ConfigError(
            f"another process makes the lists in {folder}. Wait for it, or choose another folder."
        ) from error


def current_lists(folder: Path) -> pl.DataFrame:
    """Everybody's newest list, in order of user and rank."""
    first = sorted(folder.glob("everybody-*.parquet"), key=lambda path: path.stat().st_mtime_ns)[-1:]
    parts = sorted(path for path in folder.glob("*.parquet") if path.stem.isdigit())
    tables = [
        pl.read_parquet(path, glob=False).with_columns(part=pl.lit(place))
        for place, path in enumerate([*first, *parts])
    ]
    if not tables:
        raise ConfigError(f"{folder} has no lists. Refresh them first.")
    lists = pl.concat(tables)
    newest = lists.group_by("user_id").agg(pl.col("part").max())
    return lists.join(newest, on=["user_id", "part"]).drop("part").sort("user_id", "rank")


def _refresh(model: Model, log: FeedbackLog, folder: Path, k: int | None) -> Refreshed:
    before = _watermark(folder)
    live = LiveModel(model, log)
    if before.get("model") != model.fingerprint:
        target = folder / f"everybody-{model.fingerprint[:16]}.parquet"
        write_all_lists(live.model, target, k=k)
        for path in folder.glob("*.parquet"):
            if path != target:
                path.unlink()
        _advance(folder, model, live.sequence)
        return Refreshed(
            live.sequence - before.get("sequence", 0), len(live.model.histories), live.sequence, is_new_model=True
        )
    since = before["sequence"]
    users: set[str] = set()
    n_events, last = 0, since
    while len(feedback := log.since(last, BLOCK)) and last < live.sequence:
        users |= set(feedback["user_id"])
        n_events, last = n_events + len(feedback), int(feedback["sequence"][-1])
    if users:
        with replacing(folder / f"{last:015d}.parquet") as draft:
            _lists_of(live, sorted(users), k).write_parquet(draft)
        _advance(folder, model, last)
    return Refreshed(n_events, len(users), last, is_new_model=False)


def _lists_of(live: LiveModel, users: list[str], k: int | None) -> pl.DataFrame:
    blocks = range(0, len(users), USERS_A_BLOCK)
    return pl.concat([live.recommend(users[first : first + USERS_A_BLOCK], k) for first in blocks])


def _watermark(folder: Path) -> dict[str, Any]:
    path = folder / WATERMARK
    if not path.exists():
        return {}
    watermark: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return watermark


def _advance(folder: Path, model: Model, sequence: int) -> None:
    write_text(folder / WATERMARK, json.dumps({"model": model.fingerprint, "sequence": sequence}))
