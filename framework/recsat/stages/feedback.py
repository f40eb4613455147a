"""Events of home's feedback log as input of a run, beside the domain's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset, no_quarantine
from recsat.data.faults import FILE, ROW, faults_at, with_origin
from recsat.data.oddities import misspelt_events
from recsat.data.schema import all_between, amount_faults, future_faults, table_faults
from recsat.feedback.events import as_events
from recsat.feedback.log import FeedbackLog, has_log, log_folder


@dataclass(frozen=True)
class WithFeedback:
    """A domain's tables with the events of the log up to ``until``; 0 where none is taken."""

    dataset: Dataset
    until: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """What became of the log's events."""
    faults: pl.DataFrame = field(default_factory=no_quarantine)
    """Of events that are none of the domain's; ``row`` is the sequence number."""


STARS = 5.0
"""The scale of ratings where the domain's own end below it."""


def tables_with_feedback(
    config: RunConfig, dataset: Dataset, events_of_domain: Collection[str] = (), rating: str | None = None
) -> WithFeedback:
    """What ``domain.load`` gave, with the log's events where ``data.feedback`` asks for them and there is a log; none is made.

    An event that is none of the domain's is a row of the quarantine, and no reason to stop: what users did cannot be put right. One on an item
    that the domain does not have is counted and left out. ``rating`` is the domain's event of that kind, and must lie on the scale of its own.
    """
    folder = log_folder(config)
    if not config.data.feedback or not has_log(folder) or not _has_tables(dataset):
        return WithFeedback(dataset)
    with FeedbackLog(folder) as log:
        feedback = log.since(0, log.last)
    until = int(feedback["sequence"][-1]) if len(feedback) else 0
    known = feedback.filter(pl.col("item_id").is_in(dataset.items["item_id"].implode()))
    events = with_origin(dataset.events, "events")
    schema = {name: dtype for name, dtype in events.schema.items() if name not in (FILE, ROW)}
    names = {*events_of_domain, *events["event"].drop_nulls().unique().to_list()}
    rated = (
        dataset.events.filter(pl.lit(value=False) if rating is None else pl.col("event") == rating)["value"]
        .drop_nulls()
        .drop_nans()
    )
    later, faults = sound_events(known, schema, names, rating, rated.to_numpy())
    faults = pl.concat([faults, table_faults("events", later), future_faults(later, dataset.events)])
    later = later.filter(~pl.col(ROW).is_in(faults["row"].implode())).select(events.columns)
    counts = {
        "n_events": later.height,
        "n_faults": known.height - later.height,
        "n_unknown_items": feedback.height - known.height,
    }
    return WithFeedback(replace(dataset, events=pl.concat([events, later])), until, counts, faults)


def sound_events(
    feedback: pl.DataFrame,
    schema: Mapping[str, pl.DataType],
    names: Collection[str],
    rating: str | None,
    rated: NDArray[np.float64],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``feedback``, as the log gives it, as events of a domain with the columns of ``schema`` and origin, without those that are none; and the faults of these.

    ``names`` are the domain's events, of which ``rating`` has a value between the ends of ``rated``, which is 0 to 5 at least.
    """
    later, faults = as_events(feedback, schema)
    sequences = _without(feedback, "sequence", faults)["sequence"]
    later = later.hstack([pl.Series(FILE, ["feedback"]).new_from_index(0, later.height), sequences.alias(ROW)])
    low, high = float(rated.min(initial=0.0)), float(rated.max(initial=STARS))
    off_scale = no_quarantine()
    if rating is not None and not all_between(later["value"], low, high):
        is_off = (pl.col("event") == rating) & pl.col("value").is_finite() & ~pl.col("value").is_between(low, high)
        fix = "Send ratings on the scale on which the domain has its own, whatever that of its files is."
        off_scale = faults_at(later.filter(is_off), "value", f"is not between {low:g} and {high:g}", fix)
    all_faults = [one for one in (faults, amount_faults(later), misspelt_events(later, names), off_scale) if len(one)]
    faults = pl.concat(all_faults) if all_faults else faults
    return _without(later, ROW, faults), faults


def _without(table: pl.DataFrame, row: str, faults: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``table`` whose number, in the column ``row``, no fault names."""
    return table if faults.is_empty() else table.filter(~pl.col(row).is_in(faults["row"].implode()))


def _has_tables(dataset: object) -> bool:
    """Whether there is something to add to; what is wrong otherwise is said where every table is checked."""
    return isinstance(dataset, Dataset) and all(
        isinstance(one, pl.DataFrame) for one in (dataset.items, dataset.events)
    )
