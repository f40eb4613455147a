"""Tables that a run starts from where no domain's loader reads them: they lie in the run's own folder, so that it can be resumed and moved."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import polars as pl
from pydantic import BaseModel, JsonValue

from recsat.contract.dataset import Dataset
from recsat.errors import DataError
from recsat.run.folder import FileRecord, RunFolder

RECORD: Final = "input/dataset.json"
TABLES: Final = ("items", "events", "users", "exposures", "ties", "quarantine")


class InputRecord(BaseModel):
    """input/dataset.json: the files of the tables as they were written, and what else a dataset says."""

    files: dict[str, FileRecord]
    facts: dict[str, JsonValue]


def write_input(folder: RunFolder, data: Dataset) -> None:
    """input/<table>.parquet for every table that ``data`` has, and what is known of them; raises DataError for a table that no file can hold."""
    tables: dict[str, pl.DataFrame | None] = {name: getattr(data, name) for name in TABLES}
    files = {}
    for name, table in tables.items():
        if table is not None:
            try:
                folder.write_table(_file(name), table)
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                raise DataError(
                    f"{name}: the table cannot be written ({error}). Make it with recsat.Dataset.from_frames."
                ) from error
            files[name] = FileRecord.of(folder.path / _file(name))
    values = {one.name: getattr(data, one.name) for one in fields(data) if one.name not in TABLES}
    facts = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    folder.write_json(RECORD, InputRecord(files=files, facts=facts).model_dump(mode="json"))


def read_input(folder: RunFolder) -> Dataset | None:
    """What :func:`write_input` wrote; None where the domain loads the run's data. Raises :class:`~recsat.RunError` where it is not that any more."""
    if not folder.has(RECORD):
        return None
    record = folder.read_as(RECORD, InputRecord)
    tables: dict[str, Any] = {}
    for name, written in record.files.items():
        folder.check(_file(name), written, "the start of the run")
        tables[name] = folder.read_table(_file(name))
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.facts.items()
    }
    return Dataset(**tables, **facts)


def _file(table: str) -> str:
    return f"input/{table}.parquet"
