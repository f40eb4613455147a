"""What the stage recommend did on a split, and the stage evaluate reads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl
from pydantic import Field, JsonValue

from recsat.result.model import Part, PredictionError
from recsat.run.folder import RunFolder
from recsat.stages.prepare import place_of


class ArmLists(Part):
    """How an arm's lists were made."""

    parameters: dict[str, JsonValue]
    validation_ndcg: float = Field(ge=0, le=1)
    """With these parameters, over the users by whom things are chosen: see :func:`~recsat.stages.trial.tune.validation_ndcg`."""
    source: str
    candidate_recall: float | None = Field(ge=0, le=1)
    n_candidates: float = Field(ge=0)
    n_places: int = Field(ge=0)
    n_filled: int = Field(ge=0)


class SplitLists(Part):
    """Every arm of a split, and what its filters removed."""

    split: str
    draw: int = 1
    leader: str
    """See :func:`~recsat.result.leading.leader`."""
    arms: dict[str, ArmLists]
    removed: dict[str, int]
    """Pairs of a user and an item that each filter removed, in the run's order."""
    n_pairs: int = Field(ge=0)
    """Pairs before any filter."""
    predictions: list[PredictionError]


@dataclass(frozen=True)
class ListTables:
    """The tables beside a :class:`SplitLists`."""

    lists: pl.DataFrame
    """Of every arm, :data:`~recsat.lists.make.LISTS_SCHEMA`."""
    users: pl.Series
    """Everybody who was served."""
    relevant: pl.DataFrame
    """(user_id, item_id): liked held-out pairs that the filters permit."""


PARTS: Final = ".lists-"
"""Begins the name of the folder of :class:`ListParts`."""


def remove_parts(folder: RunFolder) -> None:
    """What a stage that was killed left of its :class:`ListParts`."""
    for leftover in folder.path.glob(f"{PARTS}*"):
        shutil.rmtree(leftover)


class ListParts:
    """Lists of one arm after the other, of which no more than one arm's is in memory: each lies in a file until all are written as one table."""

    def __init__(self, folder: RunFolder) -> None:
        self._files = TemporaryDirectory(prefix=PARTS, dir=folder.path, ignore_cleanup_errors=True)
        self._n = 0
        self.listed = pl.Series("user_id", [], dtype=pl.String)
        """Ids of everybody with a list."""

    def add(self, lists: pl.DataFrame) -> None:
        lists.write_parquet(Path(self._files.name, f"{self._n}.parquet"))
        self._n += 1
        self.listed = pl.concat([self.listed, lists["user_id"].unique()]).unique()

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (pl.read_parquet(Path(self._files.name, f"{i}.parquet"), glob=False) for i in range(self._n))

    def close(self) -> None:
        self._files.cleanup()


def write_split_lists(
    folder: RunFolder, record: SplitLists, lists: ListParts, users: pl.Series, relevant: pl.DataFrame
) -> None:
    """lists/<split>.json, .parquet, -users.parquet and -relevant.parquet; of a further draw lists/<split>/draw-<draw>.json and so on."""
    place = f"lists/{place_of(record.split, record.draw)}"
    folder.write_table_parts(f"{place}.parquet", lists)
    lists.close()
    folder.write_table(f"{place}-users.parquet", users.to_frame("user_id"))
    folder.write_table(f"{place}-relevant.parquet", relevant)
    folder.write_json(f"{place}.json", record.model_dump(mode="json"))


def write_kind_lists(folder: RunFolder, split: str, draw: int, lists: ListParts) -> None:
    """lists/<split>-kinds.parquet, of a further draw lists/<split>/draw-<draw>-kinds.parquet; nothing where no kind was asked for."""
    if len(lists):
        folder.write_table_parts(f"lists/{place_of(split, draw)}-kinds.parquet", lists)
    lists.close()


def read_kind_lists(folder: RunFolder, split: str, draw: int, kind: str, arm: str) -> pl.DataFrame:
    """An arm's lists of items of ``kind`` alone, as :func:`write_kind_lists` wrote them."""
    of_one = (pl.col("kind") == kind) & (pl.col("arm") == arm)
    return folder.read_rows(f"lists/{place_of(split, draw)}-kinds.parquet", of_one)


@dataclass(frozen=True)
class StoredLists(Mapping[str, pl.DataFrame]):
    """Lists by arm, each read when it is looked at."""

    folder: RunFolder
    record: SplitLists

    def __getitem__(self, arm: str) -> pl.DataFrame:
        if arm not in self.record.arms:
            raise KeyError(arm)
        return self.folder.read_rows(
            f"lists/{place_of(self.record.split, self.record.draw)}.parquet", pl.col("arm") == arm
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.record.arms)

    def __len__(self) -> int:
        return len(self.record.arms)


def read_judged(folder: RunFolder, split: str, draw: int = 1) -> tuple[StoredLists, pl.Series, pl.DataFrame]:
    """What :func:`write_split_lists` wrote, for whoever judges one arm after the other: lists, users, relevant pairs."""
    place = f"lists/{place_of(split, draw)}"
    stored = StoredLists(folder, folder.read_as(f"{place}.json", SplitLists))
    users = folder.read_table(f"{place}-users.parquet")["user_id"]
    return stored, users, folder.read_table(f"{place}-relevant.parquet")


def read_split_lists(folder: RunFolder, split: str, draw: int = 1) -> tuple[SplitLists, ListTables]:
    """What :func:`write_split_lists` wrote."""
    place = f"lists/{place_of(split, draw)}"
    record = folder.read_as(f"{place}.json", SplitLists)
    tables = ListTables(
        lists=folder.read_table(f"{place}.parquet"),
        users=folder.read_table(f"{place}-users.parquet")["user_id"],
        relevant=folder.read_table(f"{place}-relevant.parquet"),
    )
    return record, tables
