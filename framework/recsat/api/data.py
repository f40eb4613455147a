"""A domain's data, from a folder or from frames."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsat.api.frames import polars_frame
from recsat.config.faults import faults, sentence
from recsat.config.settings import RunConfig
from recsat.config.tables import Tables
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain, DomainConfig
from recsat.data.faults import FILE
from recsat.data.reading import find_table
from recsat.errors import ConfigError, DataError
from recsat.plugins import load_plugins

FROM_FRAMES: Final = "tables from Python"
"""In the place of the folder in a run's settings: its tables lie in the run's own folder."""
TABLES_LAYOUT: Final = "tables"


def load(domain: str, *, folder: str | Path | None = None, **settings: Any) -> Dataset:
    """The data of ``domain``, read as ``recsat run`` reads them.

    ``folder`` has the files (None: the domain's bundled sample), and ``settings`` are the domain's own, as under ``domain_config`` in a settings
    file: ``recsat.load("content", folder="my-data", timestamp_format="unix")``. Where the folder has a table ``items`` and no ``layout`` is named,
    the layout is ``tables``. Rows that cannot be read are in ``quarantine``; :func:`recsat.run` refuses them, or sets them aside, as
    ``data.on_bad_rows`` says.

    Raises :class:`~recsat.ConfigError` for a domain or a setting that there is not, and :class:`~recsat.DataError` where nothing can be read.
    """
    spec = load_plugins().domain(domain)
    if folder is not None:
        place = Path(folder).expanduser().absolute()
        settings = {**_layout(spec, place, settings), "folder": str(place)}
    return _loaded(spec, settings)


def dataset_of_frames(
    items: Any,
    events: Any,
    users: Any = None,
    exposures: Any = None,
    ties: Any = None,
    *,
    domain: str | None,
    **settings: Any,
) -> Dataset:
    """See :meth:`recsat.Dataset.from_frames`.

    The frames go through the domain's reader as Parquet files, so that one rule holds for both.
    """
    spec = load_plugins().domain(domain or RunConfig.model_fields["domain"].default)
    if not {"folder", "layout"} & spec.config.model_fields.keys():
        raise ConfigError(f"domain {domain!r} reads no folder of tables, so it takes no frames. Use recsat.load.")
    _refuse_files(settings)
    tables = {"items": items, "events": events, "users": users, "exposures": exposures, "ties": ties}
    frames = {name: polars_frame(name, table) for name, table in tables.items() if table is not None}
    files = {f"{name}.parquet": name for name in frames}
    settings = {**_tables_layout(spec), **settings}
    with tempfile.TemporaryDirectory(prefix="recsat-frames-", ignore_cleanup_errors=True) as folder:
        for file, name in files.items():
            frames[name].write_parquet(Path(folder, file))
        try:
            data = _renamed(_loaded(spec, {**settings, "folder": folder}), files)
        except DataError as error:
            raise DataError(_without_suffixes(str(error), files)) from error
    without = [name for name in frames if getattr(data, name) is None]
    if without:
        raise DataError(f"{without[0]}: domain {spec.name} has no such table. Leave it out.")
    place = {**data.domain_config, "folder": FROM_FRAMES}
    return replace(data, source="Tables given in Python.", domain_config=place)


def _refuse_files(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError for settings that name files beside frames: nobody could say which of the two count."""
    named = ["folder"] if settings.get("folder") is not None else []
    named += ["layout"] if settings.get("layout", TABLES_LAYOUT) != TABLES_LAYOUT else []
    tables = settings.get("tables", {})
    tree = tables.model_dump(exclude_unset=True) if isinstance(tables, Tables) else tables
    for name, one in tree.items() if isinstance(tree, Mapping) else ():
        if isinstance(one, Mapping) and one.get("path") is not None:
            named.append(f"tables.{name}.path")
    if named:
        raise ConfigError(
            f"{' and '.join(named)}: the tables are given as frames, and files beside them are not read. Leave {'it' if len(named) == 1 else 'them'} out, "
            "or use recsat.load."
        )


def _loaded(spec: Domain, settings: Mapping[str, Any]) -> Dataset:
    config = _checked(spec, settings)
    explicit = config.model_dump(mode="json", exclude_unset=True)
    return replace(spec.load(config), domain=spec.name, domain_config=explicit)


def _checked(spec: Domain, settings: Mapping[str, Any]) -> DomainConfig:
    from pydantic import ValidationError

    try:
        return spec.config.model_validate(settings)
    except ValidationError as error:
        messages = [sentence(fault, path, spec.config) for path, fault in faults(error, spec.config)]
        raise ConfigError(f"domain {spec.name}: {' '.join(messages)}") from error


def _layout(spec: Domain, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``settings`` with the layout of tables where the folder has them and nobody says another."""
    if "layout" in settings or find_table(folder, "items") is None:
        return dict(settings)
    return {**_tables_layout(spec), **settings}


def _tables_layout(spec: Domain) -> dict[str, str]:
    return {"layout": TABLES_LAYOUT} if "layout" in spec.config.model_fields else {}


def _renamed(data: Dataset, names: Mapping[str, str]) -> Dataset:
    """``data`` whose places name the frames and not the files that they went through."""
    tables: dict[str, Any] = {}
    for name in ("items", "events", "users", "exposures", "ties"):
        table: pl.DataFrame | None = getattr(data, name)
        if table is not None and FILE in table.columns:
            tables[name] = table.with_columns(pl.col(FILE).replace(names))
    quarantine = data.quarantine.with_columns(pl.col("file").replace(names))
    return replace(
        data, **tables, quarantine=quarantine, notes=tuple(_without_suffixes(note, names) for note in data.notes)
    )


def _without_suffixes(message: str, files: Mapping[str, str]) -> str:
    for file, name in files.items():
        message = message.replace(file, name)
    return message
