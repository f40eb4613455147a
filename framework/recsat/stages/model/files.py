"""The files of a model folder, each under a digest that is checked when the file is read.

::

    card.json              what the model is
    items.parquet          the catalogue; an item index is a row of it
    vectors.safetensors    the item vectors that the arm, the fallbacks or the reranker read
    events.parquet         the columns of the domain's events, no rows
    users.parquet          everybody who is known, by id; histories.safetensors has their rows
    filters.parquet        a column for each filter: False where it removes the item for everybody
    known/*.parquet        the tables that filters and rerankers look at for a user; where there are such
    arm/ fallbacks/ reranker/    as recsat.arms.saved writes them
    SHA256SUMS             of all of these, and of the sums inside arm, fallbacks and reranker; the model's fingerprint is its own SHA-256
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from recsat.arms.saved import SUMS as ARM_SUMS
from recsat.arms.saved import read_description
from recsat.atomic import replacing_folder
from recsat.data.damage import UNREADABLE
from recsat.embed.digest import sha256_of
from recsat.errors import SavedModelError
from recsat.run.folder import RunFolder
from recsat.stages.model.card import FORMAT, ModelCard, ModelRecord

CARD, SUMS, RECORD, FOLDER = "card.json", "SHA256SUMS", "model.json", "model"
ITEMS, EVENTS, USERS, FILTERS = "items.parquet", "events.parquet", "users.parquet", "filters.parquet"
TEXTS = "known/texts.parquet"
VECTORS, HISTORIES = "vectors.safetensors", "histories.safetensors"
ARM, FALLBACKS, RERANKER = "arm", "fallbacks", "reranker"
ANEW: Final = "Copy it again, or run the run again."


@dataclass(frozen=True)
class ModelFiles:
    """A model folder that exists."""

    path: Path

    @cached_property
    def sums(self) -> dict[str, str]:
        """SHA-256 by the file's name."""
        lines = self._bytes(SUMS).decode(errors="replace").splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of :data:`SUMS`, and so of everything in the folder."""
        return hashlib.sha256(self._bytes(SUMS)).hexdigest()

    def card(self) -> ModelCard:
        text = self.checked(CARD).read_bytes()
        try:
            return ModelCard.model_validate_json(text)
        except ValidationError as error:
            raise SavedModelError(
                f"{self.path / CARD} is of no model of format {FORMAT}. Install the recsat that wrote it, or run the run again."
            ) from error

    def table(self, name: str) -> pl.DataFrame:
        try:
            return pl.read_parquet(self.checked(name), glob=False)
        except UNREADABLE as error:
            raise SavedModelError(f"{self.path / name} cannot be read ({error}). {ANEW}") from error

    def optional_table(self, name: str) -> pl.DataFrame | None:
        return self.table(name) if name in self.sums else None

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        try:
            return dict(load_file(self.checked(name)))
        except SafetensorError as error:
            raise SavedModelError(f"{self.path / name} cannot be read ({error}). {ANEW}") from error

    def folder(self, name: str) -> Path:
        """A folder of :func:`~recsat.arms.saved.save_arm` inside, its own sums checked."""
        return self.checked(f"{name}/{ARM_SUMS}").parent

    def checked(self, name: str) -> Path:
        """The path of a file whose content is what was written."""
        path = self.path / name
        if not path.is_file():
            raise SavedModelError(f"model folder {self.path} has no {name}. {ANEW}")
        if name not in self.sums:
            raise SavedModelError(f"model folder {self.path} is damaged: {SUMS} does not list {name}. {ANEW}")
        if sha256_of(path) != self.sums[name]:
            raise SavedModelError(f"model folder {self.path} is damaged: {name} is not what {SUMS} says. {ANEW}")
        return path

    def check_all(self) -> None:
        """Reads every file against its digest, those inside ``arm``, ``fallbacks`` and ``reranker`` too.

        Raises SavedModelError, or SavedArmError, for the first that is missing or damaged.
        """
        for name in self.sums:
            path = self.checked(name)
            if path.name == ARM_SUMS and path.parent != self.path:
                read_description(path.parent)

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise SavedModelError(f"model folder {self.path} has no {name}. {ANEW}") from error


def open_model(path: Path) -> ModelFiles:
    """The model in ``path``: a model folder, or the run that has one. SavedModelError where there is none."""
    for folder in (path, path / FOLDER):
        if (folder / CARD).is_file():
            return ModelFiles(folder.resolve())
    if (path / FOLDER).is_dir():
        raise SavedModelError(f"model folder {path / FOLDER} has no {CARD}. {ANEW}")
    if (path / RECORD).is_file():
        record = RunFolder(path).read_as(RECORD, ModelRecord)
        if record.fingerprint is None:
            raise SavedModelError(f"run {path} keeps no model: {record.reason}")
    if (path / "config.json").is_file():
        raise SavedModelError(
            f"run {path} has no model: it is not finished, or an earlier recsat made it. "
            f"Make what is missing with recsat run --resume {path}."
        )
    raise SavedModelError(f"{path} is neither a run nor a model folder. Name one, such as runs/latest.")


def copy_model(files: ModelFiles, fingerprint: str, target: Path) -> Path:
    """The folder ``target`` with the files of a model, each checked; SavedModelError where it has something else, or the model is another one by now."""
    target = target.expanduser().absolute()
    if target.exists() and not (target / CARD).is_file() and not (target.is_dir() and not any(target.iterdir())):
        raise SavedModelError(f"{target} is there and no model folder. Name a new folder, or an earlier model's.")
    current = ModelFiles(files.path)
    if current.fingerprint != fingerprint:
        raise SavedModelError(f"model folder {files.path} has another model by now. Load it again, and save that.")
    current.check_all()
    if target != files.path:
        with replacing_folder(target) as draft:
            shutil.copytree(files.path, draft, dirs_exist_ok=True)
    return target


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def write_sums(folder: Path) -> None:
    """SUMS over all files of ``folder``; of those that an arm's own sums cover, these."""
    inner = {path.parent for path in folder.rglob(ARM_SUMS)}
    files = [path for path in folder.rglob("*") if path.is_file()]
    listed = sorted(path for path in files if path.parent not in inner or path.name == ARM_SUMS)
    lines = [f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in listed]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
