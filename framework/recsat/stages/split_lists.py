"""What the stage recommend did on a split, and the stage evaluate reads."""

from __future__ import annotations

from dataclasses import dataclass

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


def write_split_lists(folder: RunFolder, record: SplitLists, tables: ListTables) -> None:
    """lists/<split>.json, .parquet, -users.parquet and -relevant.parquet; of a further draw lists/<split>/draw-<draw>.json and so on."""
    place = f"lists/{place_of(record.split, record.draw)}"
    folder.write_table(f"{place}.parquet", tables.lists)
    folder.write_table(f"{place}-users.parquet", tables.users.to_frame("user_id"))
    folder.write_table(f"{place}-relevant.parquet", tables.relevant)
    folder.write_json(f"{place}.json", record.model_dump(mode="json"))


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
