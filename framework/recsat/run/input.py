"""Tables that a run starts from where no domain's loader reads them: they lie in the run's own folder, so that it can be resumed and moved."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.errors import DataError
from recsat.run.folder import RunFolder

RECORD: Final = "input/dataset.json"
TABLES: Final = ("items", "events", "users", "exposures", "ties", "quarantine")


def write_input(folder: RunFolder, data: Dataset) -> None:
    """input/<table>.parquet for every table that ``data`` has, and what is known of them; raises DataError for a table that no file can hold."""
    tables: dict[str, pl.DataFrame | None] = {name: getattr(data, name) for name in TABLES}
    for name, table in tables.items():
        if table is not None:
            try:
                folder.write_table(f"input/{name}.parquet", table)
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                raise DataError(
                    f"{name}: the table cannot be written ({error}). Make it with recsat.Dataset.from_frames."
                ) from error
    names = [name for name, table in tables.items() if table is not None]
    folder.write_json(RECORD, {"tables": names, "simulated": data.simulated, "source": data.source})


def read_input(folder: RunFolder) -> Dataset | None:
    """What :func:`write_input` wrote; None where the domain loads the run's data."""
    if not folder.has(RECORD):
        return None
    record = folder.read_json(RECORD)
    tables: dict[str, Any] = {name: folder.read_table(f"input/{name}.parquet") for name in record["tables"]}
    return Dataset(**tables, simulated=record["simulated"], source=record["source"])
