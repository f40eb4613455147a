"""What every run of a home measured: one table, a row for each run, split, arm and measure.

It lies in ``.recsat/history``, a parquet file for each run, each written whole in one step: any number of runs may end at once, a crash
leaves no half row, and a run that reports again replaces its own rows. It stays when run folders are cleaned away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsat.atomic import replacing
from recsat.config.home import state_folder
from recsat.config.settings import RunConfig
from recsat.data.damage import UNREADABLE, require_sound_parquet
from recsat.errors import DataError, RunError
from recsat.result.model import Result
from recsat.run.folder import RunFolder

_COLUMNS: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "run": pl.String,
    "folder": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "domain": pl.String,
    "series": pl.String,
    "split": pl.String,
    "arm": pl.String,
    "measure": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n_users": pl.Int64,
    "data_fingerprint": pl.String,
    "config_sha256": pl.String,
    "plan_sha256": pl.String,
}
HISTORY_SCHEMA: Final = pl.Schema(_COLUMNS)
PLACES: Final[Mapping[str, Any]] = {"home": True, "runs_dir": True, "cache_dir": True, "store": {"directory"}}
"""Settings that say where, which ``config_sha256`` leaves out."""


def write_history(folder: RunFolder, result: Result) -> None:
    """Puts the run's rows in place of those that it may have written before."""
    config = folder.config()
    target = _file(config, folder)
    with replacing(target) as draft:
        history_rows(folder, config, result).write_parquet(draft)


def history_rows(folder: RunFolder, config: RunConfig, result: Result) -> pl.DataFrame:
    """The run's rows, :data:`HISTORY_SCHEMA`; measures of slices are left out."""
    of_run = {
        "run": folder.run_id,
        "folder": str(folder.path.resolve()),
        "time": datetime.fromisoformat(result.created),
        "domain": config.domain,
        "series": config.series,
        "data_fingerprint": result.data_fingerprint,
        "config_sha256": _sha256(config.model_dump(mode="json", exclude=dict(PLACES))),
        "plan_sha256": None if result.plan is None else result.plan.sha256,
    }
    rows = [
        {
            **of_run,
            "split": arm.split,
            "arm": arm.name,
            "measure": name,
            "mean": measure.mean,
            "low": measure.low,
            "high": measure.high,
            "n_users": measure.n_users,
        }
        for arm in result.arms
        if arm.slice == "all"
        for name, measure in arm.measures.items()
    ]
    return pl.DataFrame(rows, schema=HISTORY_SCHEMA)


def read_history(config: RunConfig) -> pl.DataFrame:
    """The table of the home that ``config`` names, :data:`HISTORY_SCHEMA`, the oldest run first; empty before the first.

    Raises :class:`~recsat.RunError` that names a file which cannot be read.
    """
    files = sorted(state_folder(config, "history").glob("*.parquet"))
    tables = [_rows_of(file) for file in files]
    return pl.concat([HISTORY_SCHEMA.to_frame(), *tables]).sort("time", "run", maintain_order=True)


def previous_run(folder: RunFolder, result: Result) -> RunFolder | None:
    """The last run before this one of the same domain and series whose folder is still there; None where there is none."""
    config, now = folder.config(), datetime.fromisoformat(result.created)
    of_series = pl.DataFrame({"domain": [config.domain], "series": [config.series]})
    earlier = (
        read_history(config)
        .join(of_series, on=["domain", "series"], how="semi", maintain_order="left")
        .filter((pl.col("time") < now) | ((pl.col("time") == now) & (pl.col("run") < folder.run_id)))
    )
    places = [Path(place) for place in earlier["folder"].unique(maintain_order=True).reverse()]
    return next((RunFolder(place) for place in places if (place / "result.json").exists()), None)


def _rows_of(file: Path) -> pl.DataFrame:
    try:
        require_sound_parquet([file])
        return pl.read_parquet(file, glob=False).select(HISTORY_SCHEMA.names()).cast(HISTORY_SCHEMA)
    except (DataError, *UNREADABLE) as error:
        raise RunError(
            f"history {file} cannot be read ({error}). Move it away; recsat report FOLDER writes a run's rows anew."
        ) from error


def _file(config: RunConfig, folder: RunFolder) -> Path:
    """Two runs of one name in two folders of runs do not meet."""
    place = sha256(str(folder.path.resolve()).encode()).hexdigest()[:8]
    return state_folder(config, "history") / f"{folder.run_id}-{place}.parquet"


def _sha256(settings: Mapping[str, Any]) -> str:
    return sha256(json.dumps(settings, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
