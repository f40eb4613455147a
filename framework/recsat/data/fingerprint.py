"""A short name for the content of a dataset, the same on every machine."""

from __future__ import annotations

import hashlib

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.data.row_hashes import table_hash


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 (hex, 64 signs) of the tables' content.

    The order of rows and of columns does not matter; names, types, values, nulls and how often a row occurs do. Nothing is sorted: rows have hashes that
    add up (:mod:`recsat.data.row_hashes`), from plain numbers and UTF-8, so the result does not depend on the version of polars either.
    ``source`` and ``quarantine`` are left out: they are about the data, not the data.
    """
    digest = hashlib.sha256(f"recsat-2 simulated={dataset.simulated}".encode())
    for name in ("items", "users", "events", "exposures", "ties"):
        table: pl.DataFrame | None = getattr(dataset, name)
        if table is not None:
            types = {column: _type_of(table.schema[column]) for column in sorted(table.columns)}
            digest.update(f"\ntable {name} {table.height} {types}".encode())
            digest.update(table_hash(table))
    return digest.hexdigest()


def _type_of(dtype: pl.DataType) -> str:
    """A type by its kind: units of time and the categories of texts are no content."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "String"
    if isinstance(dtype, pl.Struct):
        return f"Struct({', '.join(f'{field.name}: {_type_of(field.dtype)}' for field in dtype.fields)})"  # type: ignore[arg-type]
    if isinstance(dtype, pl.List | pl.Array):
        return f"List({_type_of(dtype.inner)})"  # type: ignore[arg-type]
    return dtype.base_type().__name__
