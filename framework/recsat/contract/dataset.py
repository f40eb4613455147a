"""The tables that a domain's loader returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

QUARANTINE_SCHEMA = pl.Schema(
    {"file": pl.String, "row": pl.Int64, "column": pl.String, "value": pl.String, "reason": pl.String, "fix": pl.String}
)


def no_quarantine() -> pl.DataFrame:
    """An empty quarantine table."""
    return pl.DataFrame(schema=QUARANTINE_SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Tables of one domain. Ids are strings; timestamps are UTC.

    - ``items``: ``item_id`` (unique), ``kind``, and the plugin's own columns (title, genres, price …).
    - ``events``: ``user_id``, ``item_id``, ``event``, ``value`` (float, null where the event has no amount), ``timestamp``.
    - ``users``: ``user_id`` (unique) and the plugin's own columns. A user may exist only in events.
    - ``exposures`` (optional): ``user_id``, ``item_id``, ``position`` (1 is first), ``timestamp``, ``policy``,
      ``propensity`` (probability that the policy showed this item at this position), ``click`` (boolean, where clicks were
      logged), and the plugin's own outcome columns, each named after its event.
    - ``ties`` (optional): ``user_id``, ``other_id``, ``timestamp`` (null where unknown).
    - ``quarantine``: rows that were set aside at the door, one fault a row.
    - ``notes``: sentences on how the files were read and what is odd about them, for the report.

    ``simulated`` is true where the data come from a simulator: the report says so wherever the data show.
    """

    items: pl.DataFrame
    events: pl.DataFrame
    users: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"user_id": pl.String}))
    exposures: pl.DataFrame | None = None
    ties: pl.DataFrame | None = None
    quarantine: pl.DataFrame = field(default_factory=no_quarantine)
    notes: tuple[str, ...] = ()
    simulated: bool = False
    source: str = ""
    """Where the data come from and under which licence, in a sentence that the report can print."""
