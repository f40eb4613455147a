"""The run folder: every stage reads and writes files here, so that a stage can be run alone, resumed, or moved."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.atomic import new_folder, replacing, sync_folder, write_bytes, write_text
from recsat.config.differences import differences
from recsat.config.home import at_home
from recsat.config.settings import RunConfig
from recsat.errors import ConfigError, RunError, says_no_room
from recsat.result.model import StageCost

KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LATEST: Final = "latest"


@dataclass(frozen=True)
class RunFolder:
    """Paths and reads and writes of one run; a file is replaced in one step and is on the disk when the call returns."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))

    def read_json(self, name: str) -> Any:
        return json.loads(self._existing(name).read_text(encoding="utf-8"))

    def write_table(self, name: str, table: pl.DataFrame) -> None:
        with replacing(self.path / name) as draft:
            table.write_parquet(draft)

    def write_csv(self, name: str, table: pl.DataFrame) -> None:
        with replacing(self.path / name) as draft:
            table.write_csv(draft)

    def write_text(self, name: str, text: str) -> None:
        write_text(self.path / name, text)

    def read_table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self._existing(name))

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        from safetensors.numpy import save

        write_bytes(self.path / name, save({key: np.ascontiguousarray(value) for key, value in arrays.items()}))

    def read_arrays(self, name: str) -> dict[str, NDArray[np.float32]]:
        from safetensors.numpy import load_file

        return dict(load_file(self._existing(name)))

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def costs(self) -> list[StageCost]:
        """What the finished stages cost, in order; empty before the first."""
        return (
            [StageCost.model_validate(cost) for cost in self.read_json("stages.json")]
            if self.has("stages.json")
            else []
        )

    def record(self, cost: StageCost) -> None:
        """Marks a stage as finished."""
        others = [known for known in self.costs() if known.name != cost.name]
        self.write_json("stages.json", [known.model_dump() for known in [*others, cost]])

    def config(self) -> RunConfig:
        return RunConfig.model_validate(self.read_json("config.json"))

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.exists():
            raise RunError(
                f"run folder {self.path}: {name} is missing. Run the stage that writes it, or start the run anew."
            )
        return path


def new_run(config: RunConfig, key: str | None = None) -> RunFolder:
    """A fresh folder under ``runs_dir``, its configuration written with every place absolute (:func:`~recsat.config.home.at_home`).

    Its name is the ``key``; without one it sorts by time and tells the domain. Where there is a run of this key already, that one's
    folder is returned, so that what was cut short goes on; of two processes that start a key at once one makes the folder.
    Raises :class:`RunError` where the run of this key has other settings, and says which.
    """
    settled = at_home(config)
    if key is None:
        return _fresh_run(settled)
    if not KEY.fullmatch(key) or key == LATEST:
        raise RunError(
            f"key {key!r} cannot be the name of a run folder. Use up to 100 letters, digits, '.', '_' and '-', a letter or digit first; "
            f"{LATEST!r} is taken."
        )
    path = Path(settled.runs_dir) / key
    try:
        return _created(path, settled)
    except FileExistsError:
        folder = open_run(path)
    changed = differences(folder.config().model_dump(mode="json"), settled.model_dump(mode="json"))
    if changed:
        raise RunError(
            f"run {key} is there with other settings ({'; '.join(changed)}). Choose another key, or go on by its own settings: "
            f"recsat run --resume {folder.path}"
        )
    return folder


def _fresh_run(config: RunConfig) -> RunFolder:
    digest = sha256(config.model_dump_json().encode()).hexdigest()[:6]
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    parent = Path(config.runs_dir)
    for attempt in range(100):
        try:
            return _created(parent / (f"{stamp}-{config.domain}-{digest}" + (f"-{attempt}" if attempt else "")), config)
        except FileExistsError:
            continue
    raise RunError(f"no free run folder under {parent} for {stamp}. Are a hundred runs started in one second?")


def _created(path: Path, config: RunConfig) -> RunFolder:
    try:
        with new_folder(path) as draft:
            RunFolder(draft).write_json("config.json", config.model_dump(mode="json"))
    except FileExistsError:
        raise
    except OSError as error:
        if says_no_room(error):
            raise
        raise ConfigError(
            f"runs_dir: no run folder can be made in {config.runs_dir[:200]}: {error.strerror}. Set runs_dir or home to a folder that can be written."
        ) from error
    return RunFolder(path)


def open_run(path: Path) -> RunFolder:
    """An existing run folder; raises :class:`RunError` where it is none."""
    if not (path / "config.json").exists():
        raise RunError(f"{path} is not a run folder: it has no config.json. Name a folder under runs/, or runs/latest.")
    return RunFolder(path.resolve())


def point_latest(folder: RunFolder) -> None:
    """Makes ``latest`` beside the run folder point to it, in one step."""
    link = folder.path.parent / LATEST
    temporary = folder.path.parent / f".latest-{folder.run_id}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.run_id, target_is_directory=True)
    os.replace(temporary, link)
    sync_folder(link.parent)
