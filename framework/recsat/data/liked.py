"""Whether what an operator calls liked is among the events at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from recsat.contract.domain import Domain, OwnTables
from recsat.data.loading import in_numbers_of_the_files
from recsat.data.notes import unreached_value
from recsat.errors import ConfigError, did_you_mean

N_NAMES: Final = 20
NO_EVENT: Final = "\0"


def refuse_unliked(domain: Domain, config: Any, events: pl.DataFrame) -> tuple[str, ...]:
    """What to note of ``liked_from`` beside ``liked_events``, where no value reaches it: that may be meant. Raises ConfigError, a line each, for names in ``liked_events`` that neither an event nor the domain has, for ``liked_events`` of which no
    event has one, and for a ``liked_from`` that no value reaches."""
    if not isinstance(config, OwnTables):
        return ()
    unreached = _unreached(domain, config, events)
    notes = [unreached_value(f"{config.liked_from:g}", unreached)] if unreached and config.liked_events else []
    messages = [*_unknown_names(domain, config, events)]
    if unreached and not config.liked_events:
        messages.append(
            f"domain_config.liked_from: no event counts as liked by a value of at least {config.liked_from:g}. Values are: {unreached}."
        )
    if messages:
        raise ConfigError("\n".join(messages))
    return tuple(notes)


def _unknown_names(domain: Domain, config: OwnTables, events: pl.DataFrame) -> Iterator[str]:
    there = events["event"].drop_nulls().unique().sort()
    listed = ", ".join(map(repr, there.head(N_NAMES)))
    absent = [name for name in config.liked_events if name not in there]
    unknown = [name for name in absent if name not in domain.events]
    for name in unknown if len(absent) < len(config.liked_events) else absent:
        yield f"domain_config.liked_events: no event is called {name!r}.{did_you_mean(name, there)} They are called {listed}."


def _unreached(domain: Domain, config: OwnTables, events: pl.DataFrame) -> str:
    """The values that there are, where none reaches ``liked_from``; else nothing."""
    if config.liked_from is None or domain.positive_of is None:
        return ""
    by_value = domain.positive_of(config.model_copy(update={"liked_events": [NO_EVENT]}))
    if events.select(by_value.any()).item():
        return ""
    scale = getattr(config, "rating_scale", None)
    valued = events.drop_nulls("value").group_by("event")
    ranges = valued.agg(low=pl.col("value").min(), high=pl.col("value").max()).sort("event").head(N_NAMES)
    listed = []
    for event, *ends in ranges.iter_rows():
        low, high = (in_numbers_of_the_files(end, scale) for end in ends) if event == "rating" else ends
        listed.append(f"{event!r} {low:g} to {high:g}")
    return ", ".join(listed) or "none"
