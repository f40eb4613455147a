"""The table of `recsat plugins`."""

from __future__ import annotations

import polars as pl

from recsat.plugins._catalogue import Plugins


def describe(plugins: Plugins) -> pl.DataFrame:
    """One row for each plugin that was found: name, distribution, version, module, status, gives, error.

    ``gives`` reads ``domains: content; metrics: content.watch_time, content.finished``; it is empty for a failed plugin,
    and ``error`` for one that is ok.
    """
    rows = [
        {
            "name": record.name,
            "distribution": record.distribution,
            "version": record.version,
            "module": record.module,
            "status": record.status,
            "gives": "; ".join(f"{what}: {', '.join(names)}" for what, names in record.gives.items()),
            "error": record.error,
        }
        for record in plugins.records
    ]
    columns = ("name", "distribution", "version", "module", "status", "gives", "error")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))
