"""Which rows of ties and exposures were known at a cut: whatever reveals a held-out event was not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recsat.people import PREFIX

TIMELINE = "timeline"
LAST_N = "last-n"


@dataclass(frozen=True)
class Withheld:
    """Events that are not known, and the protocol of the split that holds them out."""

    events: pl.DataFrame
    protocol: str


def known_so_far(
    table: pl.DataFrame, other: str, known: pl.DataFrame, now: datetime, withheld: Withheld | None
) -> pl.DataFrame:
    """Rows of ``table`` (user_id, ``other``, timestamp) that were there when ``known`` events were all that had happened.

    - Nothing later than ``now``. A row without a time may be of any.
    - Where one cut in time holds out (timeline), an earlier row was there. One of the very moment, or without a time, was not
      if its pair is withheld.
    - Elsewhere no moment divides what is known: a pair with a withheld event is left out, whenever it was logged, and so is
      every row of a user or an item that has withheld events alone: one that the split wants to be new has no ties and was
      never shown.
    - last-n besides cuts each user's own time: nothing after the user's last known event.

    A tie of (a, b) reveals (b, a) too, so pairs are looked for both ways. People who are items have two ids, ``7`` in ties and
    ``user:7`` in events (:mod:`recsat.people`): the two are one here.
    """
    rows = table.filter((pl.col("timestamp") <= now) | pl.col("timestamp").is_null())
    if withheld is None:
        return rows
    rows = rows.with_columns(_one=_plain("user_id"), _other=_plain(other))
    pairs = withheld.events.select(_one=_plain("user_id"), _other=_plain("item_id")).unique()
    pairs = pl.concat([pairs, pairs.select(_one="_other", _other="_one")]).unique()
    return _without(rows, pairs, known, now, withheld).drop("_one", "_other")


def _without(
    rows: pl.DataFrame, pairs: pl.DataFrame, known: pl.DataFrame, now: datetime, withheld: Withheld
) -> pl.DataFrame:
    if withheld.protocol == TIMELINE:
        earlier = pl.col("timestamp") < now
        at_cut = rows.filter(~earlier.fill_null(value=False)).join(pairs, on=["_one", "_other"], how="anti")
        return pl.concat([rows.filter(earlier), at_cut])
    rows = rows.join(pairs, on=["_one", "_other"], how="anti", maintain_order="left")
    new = pl.concat([_new(withheld.events, known, column) for column in ("user_id", "item_id")]).implode()
    rows = rows.filter(~pl.col("_one").is_in(new) & ~pl.col("_other").is_in(new))
    if withheld.protocol == LAST_N:
        last = known.group_by("user_id").agg(pl.col("timestamp").max().alias("_last"))
        rows = rows.join(last, on="user_id", how="left", maintain_order="left")
        rows = rows.filter((pl.col("timestamp") <= pl.col("_last")).fill_null(value=True)).drop("_last")
    return rows


def _new(withheld: pl.DataFrame, known: pl.DataFrame, column: str) -> pl.Series:
    """Plain ids that have withheld events and no known one."""
    ids, of_known = (table.select(id=_plain(column)).to_series().unique() for table in (withheld, known))
    return ids.filter(~ids.is_in(of_known.implode()))


def _plain(column: str) -> pl.Expr:
    """An id without what marks a person among items."""
    return pl.col(column).str.strip_prefix(PREFIX)
