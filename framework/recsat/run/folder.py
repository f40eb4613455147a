"""The run folder: every stage reads and writes files here, so that a stage can be run alone, resumed, or moved."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from recsat.atomic import new_folder, replacing, sync_folder, write_text
from recsat.config.differences import differences
from recsat.config.home import at_home
from recsat.config.settings import RunConfig
from recsat.data.damage import UNREADABLE
from recsat.data.spreadsheets import without_formulas
from recsat.embed.digest import sha256_of_large_file
from recsat.errors import ConfigError, NotWritable, RunError
from recsat.result.model import Part, StageCost

KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LATEST: Final = "latest"


STAGES: Final = "stages.json"
CONFIG: Final = "config.json"
Model = TypeVar("Model", bound=BaseModel)


class FileRecord(Part):
    """What a file was when the stage that wrote it ended."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        return cls(size=path.stat().st_size, sha256=sha256_of_large_file(path))

    def difference(self, path: Path) -> str | None:
        """What is otherwise by now, in words; None where nothing is."""
        size = path.stat().st_size
        if size != self.size:
            return f"it has {size:,} bytes and had {self.size:,}"
        return None if sha256_of_large_file(path) == self.sha256 else "its content is another"


class StageRecord(StageCost):
    """A finished stage in stages.json: what it cost, and the files that it wrote."""

    files: dict[str, FileRecord] = Field(default_factory=dict)


STAGE_RECORDS: Final = TypeAdapter(list[StageRecord])


@dataclass(frozen=True)
class RunFolder:
    """Paths and reads and writes of one run; a file is replaced in one step and is on the disk when the call returns.

    What a stage wrote is in stages.json with its size and SHA-256, and is read again only where it is still that. Every read raises
    :class:`~recsat.RunError` that names the file where it is missing, cannot be read or was changed.
    """

    path: Path
    written: set[str] = field(default_factory=set, compare=False, repr=False)
    """Files that were written since a stage was last recorded."""

    @property
    def run_id(self) -> str:
        return self.path.name

    def write_json(self, name: str, value: Any) -> None:
        """Raises ValueError where a number is not finite."""
        json.dumps(value, allow_nan=False)  # without indent it is compiled code, as to_json is
        self.write_text(name, to_json(value, indent=2).decode())

    def read_json(self, name: str) -> Any:
        try:
            return json.loads(self._unchanged(name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise self._unreadable(name, error) from error

    def read_as(self, name: str, model: type[Model]) -> Model:
        """A JSON file as what it is; :class:`~recsat.RunError` also where it is something else."""
        try:
            return model.model_validate(self.read_json(name))
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"]))
            raise self._unreadable(name, f"{place}: {fault['msg']}".removeprefix(": ")) from error

    def write_table(self, name: str, table: pl.DataFrame) -> None:
        with self._replacing(name) as draft:
            table.write_parquet(draft)

    def write_table_parts(self, name: str, parts: Iterable[pl.DataFrame]) -> None:
        """One table of ``parts`` of the same columns, one after the other, of which one at a time is in memory; there must be one."""
        from pyarrow.parquet import ParquetWriter

        with self._replacing(name) as draft:
            writer: ParquetWriter | None = None
            try:
                for part in parts:
                    rows = part.to_arrow()
                    writer = writer or ParquetWriter(draft, rows.schema, compression="zstd")
                    writer.write_table(rows)
            finally:
                if writer is not None:
                    writer.close()

    def write_csv(self, name: str, table: pl.DataFrame) -> None:
        with self._replacing(name) as draft:
            without_formulas(table).write_csv(draft)

    def write_text(self, name: str, text: str) -> None:
        with self._replacing(name) as draft:
            draft.write_bytes(text.encode("utf-8"))

    def read_table(self, name: str) -> pl.DataFrame:
        try:
            return pl.read_parquet(self._unchanged(name), glob=False)
        except UNREADABLE as error:
            raise self._unreadable(name, error) from error

    def read_rows(self, name: str, rows: pl.Expr) -> pl.DataFrame:
        """Those rows of a table for which ``rows`` holds; parts of the file that have none are passed over."""
        try:
            return pl.scan_parquet(self._unchanged(name), glob=False).filter(rows).collect()
        except UNREADABLE as error:
            raise self._unreadable(name, error) from error

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        from safetensors.numpy import save

        with self._replacing(name) as draft:
            draft.write_bytes(save({key: np.ascontiguousarray(value) for key, value in arrays.items()}))

    def read_arrays(self, name: str) -> dict[str, NDArray[np.float32]]:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return dict(load_file(self._unchanged(name)))
        except (OSError, SafetensorError) as error:
            raise self._unreadable(name, error) from error

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def costs(self) -> list[StageCost]:
        """What the finished stages cost, in order; empty before the first."""
        return [StageCost.model_validate(one.model_dump(exclude={"files"})) for one in self._records()]

    def record(self, cost: StageCost) -> None:
        """Marks a stage as finished, with what it wrote and the settings that it had."""
        others = [known for known in self._records() if known.name != cost.name]
        names = sorted(name for name in {CONFIG, *self.written} if (self.path / name).is_file())
        files = {name: FileRecord.of(self.path / name) for name in names}
        record = StageRecord(**cost.model_dump(), files=files)
        write_text(self.path / STAGES, json.dumps([one.model_dump() for one in [*others, record]], indent=2))
        self.written.clear()

    def config(self) -> RunConfig:
        return self.read_as(CONFIG, RunConfig)

    def check_config(self) -> None:
        """Raises :class:`~recsat.RunError` where the settings are not those of the last finished stage; earlier versions recorded none."""
        for record in self._records()[-1:]:
            if CONFIG in record.files:
                self.check(CONFIG, record.files[CONFIG], "the run")

    def _records(self) -> list[StageRecord]:
        """Of the finished stages, in order."""
        if not self.has(STAGES):
            return []
        try:
            return STAGE_RECORDS.validate_json((self.path / STAGES).read_bytes())
        except (OSError, ValueError) as error:
            raise self._unreadable(STAGES, str(error).splitlines()[0]) from error

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        with replacing(self.path / name) as draft:
            yield draft
        self.written.add(name)

    def _unchanged(self, name: str) -> Path:
        """The path of a file that is what the stage that wrote it last left, or that no finished stage wrote."""
        path = self._existing(name)
        if name in self.written or name == CONFIG:
            return path
        for record in reversed(self._records()):
            if name in record.files:
                self.check(name, record.files[name], f"stage {record.name}")
                break
        return path

    def check(self, name: str, written: FileRecord, by: str) -> None:
        """Raises :class:`~recsat.RunError` where a file is not what was written any more."""
        difference = written.difference(self._existing(name))
        if difference is not None:
            raise RunError(
                f"run folder {self.path}: {name} is not what {by} wrote: {difference}. Bring it back, or start the run anew."
            )

    def _unreadable(self, name: str, error: object) -> RunError:
        reason = " ".join(str(error).split())[:300]
        return RunError(
            f"run folder {self.path}: {name} cannot be read ({reason}): it is damaged, or another version of recsat wrote it. Bring it back, or start "
            "the run anew."
        )

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.exists():
            raise RunError(
                f"run folder {self.path}: {name} is missing. Run the stage that writes it, or start the run anew."
            )
        return path


def new_run(
    config: RunConfig, key: str | None = None, *, write: Callable[[RunFolder], None] = lambda draft: None
) -> RunFolder:
    """A fresh folder under ``runs_dir``, its configuration written with every place absolute (:func:`~recsat.config.home.at_home`).

    ``write`` puts further files there before the folder has its name.

    Its name is the ``key``; without one it sorts by time and tells the domain. Where there is a run of this key already, that one's
    folder is returned, so that what was cut short goes on; of two processes that start a key at once one makes the folder.
    Raises :class:`RunError` where the run of this key has other settings, and says which.
    """
    settled = at_home(config)
    if key is None:
        return _fresh_run(settled, write)
    if not KEY.fullmatch(key) or key == LATEST:
        raise RunError(
            f"key {key!r} cannot be the name of a run folder. Use up to 100 letters, digits, '.', '_' and '-', a letter or digit first; "
            f"{LATEST!r} is taken."
        )
    path = Path(settled.runs_dir) / key
    try:
        return _created(path, settled, write)
    except FileExistsError:
        folder = open_run(path)
    changed = differences(folder.config().model_dump(mode="json"), settled.model_dump(mode="json"))
    if changed:
        raise RunError(
            f"run {key} is there with other settings ({'; '.join(changed)}). Choose another key, or go on by its own settings: "
            f"recsat run --resume {folder.path}"
        )
    return folder


def _fresh_run(config: RunConfig, write: Callable[[RunFolder], None]) -> RunFolder:
    digest = sha256(config.model_dump_json().encode()).hexdigest()[:6]
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    parent = Path(config.runs_dir)
    for attempt in range(100):
        try:
            name = f"{stamp}-{config.domain}-{digest}" + (f"-{attempt}" if attempt else "")
            return _created(parent / name, config, write)
        except FileExistsError:
            continue
    raise RunError(f"no free run folder under {parent} for {stamp}. Are a hundred runs started in one second?")


def _created(path: Path, config: RunConfig, write: Callable[[RunFolder], None]) -> RunFolder:
    try:
        with new_folder(path) as draft:
            write(RunFolder(draft))
            RunFolder(draft).write_json(CONFIG, config.model_dump(mode="json"))
    except FileExistsError:
        raise
    except (NotWritable, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        raise ConfigError(
            f"runs_dir: no run folder can be made in {config.runs_dir[:200]}: {getattr(cause, 'strerror', cause)}. Set runs_dir or home to a folder "
            "that can be written."
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
