"""The tables that a domain's loader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

QUARANTINE_SCHEMA = pl.Schema(
    {"file": pl.String, "row": pl.Int64, "column": pl.String, "value": pl.String, "reason": pl.String, "fix": pl.String}
)


_NO_QUARANTINE = pl.DataFrame(schema=QUARANTINE_SCHEMA)


def no_quarantine() -> pl.DataFrame:
    """An empty quarantine table."""
    return _NO_QUARANTINE.clone()


@dataclass(frozen=True, kw_only=True, repr=False)
class Dataset:
    """Tables of one domain. Ids are strings; timestamps are UTC.

    - ``items``: ``item_id`` (unique), ``kind``, and the plugin's own columns (title, genres, price …).
    - ``events``: ``user_id``, ``item_id``, ``event``, ``value`` (float, null where the event has no amount), ``timestamp``.
    - ``users``: ``user_id`` (unique) and the plugin's own columns. A user may exist only in events.
    - ``exposures`` (optional): ``user_id``, ``item_id``, ``position`` (1 is first), ``timestamp``, ``policy``,
      ``propensity`` (probability that the policy showed this item at this position), ``click`` (boolean, where clicks were
      logged), ``value`` (float, what each brought in, where that was logged; else it is the sum of the events that are put down to it), and the plugin's own outcome columns,
      each named after its event.
    - ``ties`` (optional): ``user_id``, ``other_id``, ``timestamp`` (null where unknown).
    - ``quarantine``: rows that were set aside at the door, one fault a row.
    - ``notes``: sentences on how the files were read and what is odd about them, for the report.

    ``simulated`` is true where the data come from a simulator: the report says so wherever the data show.

    ``domain`` and ``domain_config`` say whose tables these are and by which settings they were read; :func:`recsat.load` and
    :meth:`from_frames` write them, a domain's ``load`` need not.
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
    domain: str = ""
    domain_config: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_frames(
        items: Any,
        events: Any,
        users: Any = None,
        exposures: Any = None,
        ties: Any = None,
        *,
        domain: str | None = None,
        **settings: Any,
    ) -> Dataset:
        """The data of ``domain`` (None: the one that a run takes) from polars or pandas frames, by the rules by which its files are read.

        ``items`` needs ``item_id`` and what the domain's README asks for, such as ``title``; ``events`` needs ``user_id``, ``item_id``, ``event``
        and ``timestamp``. ``settings`` are the domain's own, such as ``timestamp_format="unix"``. Rows that cannot be read are in
        ``quarantine``, by the name of their frame, the first row being 1.

        Raises :class:`~recsat.DataError` for what is no polars or pandas frame, or has no column that it needs.
        """
        from recsat.api.data import dataset_of_frames

        return dataset_of_frames(items, events, users, exposures, ties, domain=domain, **settings)

    def __repr__(self) -> str:
        bad = f", {self.quarantine.height} faults in rows set aside" if self.quarantine.height else ""
        tables = [f"{self.items.height} items", f"{self.events.height} events"]
        if "user_id" in self.events.columns:
            tables.append(f"{self.events['user_id'].n_unique()} users in them")
        tables += [
            f"{table.height} {name}" for name in ("exposures", "ties") if (table := getattr(self, name)) is not None
        ]
        return f"Dataset({self.domain or 'no domain'}: {', '.join(tables)}{bad})"
