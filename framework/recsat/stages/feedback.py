"""Events of home's feedback log as input of a run, beside the domain's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import polars as pl

from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset, no_quarantine
from recsat.data.faults import FILE, ROW, with_origin
from recsat.data.oddities import misspelt_events
from recsat.data.schema import amount_faults, future_faults, table_faults
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


def tables_with_feedback(config: RunConfig, dataset: Dataset, events_of_domain: Collection[str] = ()) -> WithFeedback:
    """What ``domain.load`` gave, with the log's events where ``data.feedback`` asks for them and there is a log; none is made.

    An event that is none of the domain's is a row of the quarantine, and no reason to stop: what users did cannot be put right. One on an item
    that the domain does not have is counted and left out.
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
    later, faults = as_events(known, schema)
    sequences = known["sequence"].filter(~known["sequence"].is_in(faults["row"].implode()))
    later = later.with_columns(pl.lit("feedback").alias(FILE), sequences.alias(ROW)).select(events.columns)
    names = {*events_of_domain, *events["event"].drop_nulls().unique().to_list()}
    faults = pl.concat(
        [
            faults,
            table_faults("events", later),
            amount_faults(later),
            future_faults(later, dataset.events),
            misspelt_events(later, names),
        ]
    )
    later = later.filter(~pl.col(ROW).is_in(faults["row"].implode()))
    counts = {
        "n_events": later.height,
        "n_faults": known.height - later.height,
        "n_unknown_items": feedback.height - known.height,
    }
    return WithFeedback(replace(dataset, events=pl.concat([events, later])), until, counts, faults)


def _has_tables(dataset: object) -> bool:
    """Whether there is something to add to; what is wrong otherwise is said where every table is checked."""
    return isinstance(dataset, Dataset) and all(
        isinstance(one, pl.DataFrame) for one in (dataset.items, dataset.events)
    )
