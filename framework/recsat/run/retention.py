"""Which run folders stay, and which may go: pinned ones stay, and of each domain and series the newest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from recsat.atomic import sync_folder
from recsat.config.home import places_of
from recsat.config.settings import RunConfig
from recsat.errors import RunError
from recsat.run.claim import claimed, is_claimed
from recsat.run.folder import LATEST, RunFolder

PIN: Final = "pinned.json"
DRAFT_AGE: Final = timedelta(days=1)
"""What a killed process left half written is swept after this long: nobody writes to a draft for a day."""


class Pin(BaseModel):
    """pinned.json."""

    why: str


@dataclass(frozen=True)
class KnownRun:
    """A run folder as a list of runs shows it."""

    folder: RunFolder
    domain: str
    series: str
    started: datetime
    finished: bool
    """Whether it has a result."""
    trained: bool
    """Whether it is a fine-tuning run, whose model other runs may read."""
    pinned: str | None
    """Why it must stay; None where nobody said so."""


def runs_of(config: RunConfig) -> list[KnownRun]:
    """Every run folder of the home that ``config`` names, the newest first; folders that are no runs, or cannot be read, are left out."""
    runs = [run for path in _folders(config) if (run := _known(RunFolder(path))) is not None]
    return sorted(runs, key=lambda run: (run.started, run.folder.run_id), reverse=True)


def unreadable_runs(config: RunConfig) -> list[Path]:
    """Folders of the home that have a config.json which says no run's settings: damaged ones, which :func:`runs_of` leaves out."""
    return sorted(path for path in _folders(config) if _known(RunFolder(path)) is None)


def _folders(config: RunConfig) -> list[Path]:
    parent = Path(places_of(config).runs_dir)
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()] if parent.is_dir() else []
    return [path for path in folders if (path / "config.json").is_file()]


def _known(folder: RunFolder) -> KnownRun | None:
    try:
        settings = folder.read_json("config.json")
        why = pin_reason(folder)
        domain, series = str(settings["domain"]), str(settings.get("series", ""))
    except (RunError, OSError, KeyError, TypeError, AttributeError):
        return None  # damaged, so nobody knows what it is: it is neither shown as a run nor cleaned away
    return KnownRun(
        folder=folder,
        domain=domain,
        series=series,
        started=datetime.fromtimestamp((folder.path / "config.json").stat().st_mtime, UTC),
        finished=folder.has("result.json"),
        trained=folder.has("finetune"),
        pinned=why,
    )


def pin(folder: RunFolder, why: str) -> None:
    """Keeps the run folder whatever is cleaned, until :func:`unpin`."""
    folder.write_json(PIN, Pin(why=why).model_dump())


def pin_reason(folder: RunFolder) -> str | None:
    """Why the run must stay; None where it is not pinned. Raises :class:`~recsat.RunError` where the file does not say it."""
    return folder.read_as(PIN, Pin).why if folder.has(PIN) else None


def unpin(folder: RunFolder) -> None:
    """Lets the run folder be cleaned away as any other; nothing happens where it is not pinned."""
    (folder.path / PIN).unlink(missing_ok=True)


def superseded(runs: Sequence[KnownRun], keep: int) -> list[KnownRun]:
    """Those of ``runs`` that may go: not among the ``keep`` newest finished ones of their domain and series, nor newer than all of these.

    Pinned runs, fine-tuning runs, the one that ``latest`` points to and those that a process works on stay and do not count.
    """
    seen: dict[tuple[str, str], int] = {}
    going = []
    for run in sorted(runs, key=lambda run: (run.started, run.folder.run_id), reverse=True):
        if run.pinned is not None or run.trained or _is_latest(run.folder):
            continue
        group = run.domain, run.series
        n_newer = seen.get(group, 0)
        seen[group] = n_newer + run.finished
        if n_newer >= keep and not is_claimed(run.folder):
            going.append(run)
    return going


def remove(run: KnownRun) -> None:
    """Removes the run folder; it loses its name first, so that no half of a run is left under it. Its rows stay in the history.

    Raises RunError where a process works on it, or where it was pinned meanwhile.
    """
    folder = run.folder
    with claimed(folder):
        if folder.has(PIN):
            raise RunError(
                f"run {folder.run_id} is pinned now, so it stays. recsat runs unpin {folder.run_id} lets it go."
            )
        nameless = folder.path.with_name(f".{folder.run_id}.removed.tmp")
        os.replace(folder.path, nameless)
        sync_folder(folder.path.parent)
    shutil.rmtree(nameless)


def drafts(config: RunConfig) -> Iterator[Path]:
    """Folders that killed processes left half written or half removed, older than :data:`DRAFT_AGE`."""
    parent = Path(places_of(config).runs_dir)
    limit = (datetime.now(UTC) - DRAFT_AGE).timestamp()
    for path in parent.glob(".*.tmp"):
        if path.is_dir() and path.stat().st_mtime < limit:
            yield path


def size(folder: RunFolder) -> int:
    """Bytes of its files."""
    return sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file() and not path.is_symlink())


def _is_latest(folder: RunFolder) -> bool:
    return (folder.path.parent / LATEST).resolve() == folder.path.resolve()
