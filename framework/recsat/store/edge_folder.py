"""How collections and aliases lie on disk: a folder for each collection, one file for the aliases.

A collection's folder appears under its name only when it is whole, and disappears from its name before it is deleted, so
a killed process leaves nothing half made. Names that start with a dot are such leftovers.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qdrant_client import models

from recsat.atomic import sync_folder, write_text
from recsat.errors import DiskFull, StoreError
from recsat.store.port import CollectionShape

MIB = 2**20
ON_DISK = 3
"""Bytes on disk of one of a point's: vector, log, index, and what merging them takes for a while."""
FIXED = 4 * MIB
"""Of a collection without points, its log and its empty files."""
_ALIASES = "aliases.json"
_SHAPE = "collection.json"
_METADATA = "metadata.json"
_HOLE = bytes(1 << 16)


def sweep(root: Path) -> None:
    """Delete what a killed process left half made or half deleted."""
    for leftover in root.glob(".*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def require_room(root: Path, n_points: int, n_bytes: int) -> None:
    """Raises DiskFull where the disk has no room for ``n_points`` of ``n_bytes``: the engine maps its files, and where these end the process does.

    Measured with vectors of 64 and 384 numbers, 500 to 20,000 points: 2.3 to 2.5 times their bytes, log and index included.
    """
    needed = FIXED + ON_DISK * n_bytes
    free = shutil.disk_usage(root).free
    if free < needed:
        raise DiskFull(
            f"{root}: {n_points:,} points take up to {needed / MIB:,.0f} MiB of the disk and {free / MIB:,.0f} MiB are free. Free some space, or set "
            "store.directory to another disk, and go on with the same run: what is there already is not sent again."
        )


def holder(root: Path) -> str:
    """The process that has the store open, as it says itself."""
    try:
        return (root / "holder").read_text().strip() or "unknown"
    except OSError:
        return "unknown"


def shard_path(root: Path, name: str) -> Path:
    return root / name / "shard"


def collection_names(root: Path) -> list[str]:
    return sorted(p.parent.name for p in root.glob(f"*/{_SHAPE}") if not p.parent.name.startswith("."))


def new_folder(root: Path, name: str, shape: CollectionShape, metadata: Mapping[str, Any] | None = None) -> Path:
    """A hidden folder for a collection that is being made; :func:`reveal` gives it its name."""
    hidden = root / f".new-{name}"
    shutil.rmtree(hidden, ignore_errors=True)
    (hidden / "shard").mkdir(parents=True)
    write_shape(hidden, shape)
    write_metadata(hidden, metadata or {})
    return hidden


def copy_shard(root: Path, source: str, name: str, shape: CollectionShape) -> Path:
    """A hidden copy of a closed collection. The engine's files are mostly holes: 20,000 vectors of 384 numbers take 72 MB of 194."""
    hidden = new_folder(root, name, shape)
    write_metadata(hidden, read_metadata(root, source))
    for path in sorted(shard_path(root, source).rglob("*")):
        target = hidden / path.relative_to(root / source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            _copy_file(path, target)
    return hidden


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(len(_HOLE)):
            if block == _HOLE[: len(block)]:
                writer.seek(len(block), os.SEEK_CUR)
            else:
                writer.write(block)
        writer.truncate(writer.tell())
        writer.flush()
        os.fsync(writer.fileno())


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    write_json(folder / _METADATA, metadata)


def read_metadata(root: Path, name: str) -> dict[str, Any]:
    path = root / name / _METADATA
    return _read_mapping(path) if path.exists() else {}


def reveal(hidden: Path, root: Path, name: str) -> None:
    os.replace(hidden, root / name)
    sync_folder(root)


def remove(root: Path, name: str) -> None:
    hidden = root / f".dropped-{name}"
    shutil.rmtree(hidden, ignore_errors=True)
    os.replace(root / name, hidden)
    sync_folder(root)
    shutil.rmtree(hidden)


def write_shape(folder: Path, shape: CollectionShape) -> None:
    write_json(folder / _SHAPE, {**asdict(shape), "distance": shape.distance.value})


def read_shape(root: Path, name: str) -> CollectionShape:
    path = root / name / _SHAPE
    stored = _read_mapping(path)
    try:
        vectors, indexes = dict(stored["vectors"]), dict(stored["payload_indexes"])
        return CollectionShape(vectors, models.Distance(stored["distance"]), indexes)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(_unreadable(path, f"no shape of a collection: {error!r}")) from error


def read_aliases(root: Path) -> dict[str, str]:
    path = root / _ALIASES
    aliases = _read_mapping(path) if path.exists() else {}
    if not all(isinstance(name, str) for name in aliases.values()):
        raise StoreError(_unreadable(path, "no names of collections"))
    return aliases


def write_aliases(root: Path, aliases: Mapping[str, str]) -> None:
    write_json(root / _ALIASES, aliases)


def write_json(path: Path, value: Any) -> None:
    """Replace the file in one step: a reader, or a process after a kill, sees the old text or the new."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True))


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(_unreadable(path, error)) from error
    if not isinstance(content, dict):
        raise StoreError(_unreadable(path, "no mapping"))
    return content


def _unreadable(path: Path, reason: object) -> str:
    return f"{path}: not readable ({reason}). Delete the store's folder and publish again."
