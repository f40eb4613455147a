"""Looks at the data of a run before anything is fitted: what is read, what is faulty, what is left, and what each split can answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from recsat.config.settings import RunConfig, SplitSettings
from recsat.config.sources import check_domain_config
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain
from recsat.data.core import core
from recsat.data.faults import sentences
from recsat.data.liked import refuse_unliked
from recsat.data.split import split_events
from recsat.data.validate import validate
from recsat.doctor.machine import Check
from recsat.errors import RecsatError
from recsat.plugins import Plugins
from recsat.report.fitness import reason, remedy, smallest_difference
from recsat.stages.prepare import split_fitness

N_FAULTS = 3
"""Faults that are shown; a run shows more."""


def diagnose_data(config: RunConfig, plugins: Plugins) -> Iterator[Check]:
    """The data as they are read, those that a run would keep, and a line for each split; ends where there is nothing to go on with."""
    try:
        domain = plugins.domain(config.domain)
        domain_config = check_domain_config(config, domain.config)
        domain = domain.configured(domain_config)
        loaded = domain.load(domain_config)
        data = validate(
            loaded,
            "quarantine",
            describe_item=domain.describe_item,
            events_of_domain=domain.events,
            topics=domain.topics,
        )
        data = replace(data, notes=(*data.notes, *refuse_unliked(domain, domain_config, data.events)))
    except RecsatError as error:
        yield Check("data", "fail", str(error))
        return
    yield _read(data, config)
    try:
        remaining = core(
            data,
            domain.positive,
            min_user_events=config.data.min_user_events,
            min_item_events=config.data.min_item_events,
        )
    except RecsatError as error:
        yield Check("core", "fail", str(error))
        return
    yield _core(data, remaining, config)
    for settings in config.splits:
        yield _split(remaining, domain, settings, config)


def _read(data: Dataset, config: RunConfig) -> Check:
    n_users = data.events["user_id"].n_unique()
    sizes = f"{data.items.height:,} items, {data.events.height:,} events of {n_users:,} users"
    more = [f"{table.height:,} {name}" for name in ("exposures", "ties") if (table := getattr(data, name)) is not None]
    text = f"{', '.join([sizes, *more])}. {data.source}".strip()
    faults = data.quarantine
    notes = "\n".join(note if note.endswith("?") else f"{note}." for note in data.notes)
    if faults.is_empty():
        return Check("data", "ok", text, notes)
    raises = config.data.on_bad_rows == "raise"
    first = " ".join(sentences(faults.head(N_FAULTS)))
    advice = (
        "A run refuses them: mend them, or set data.on_bad_rows to quarantine." if raises else "A run sets them aside."
    )
    return Check(
        "data",
        "fail" if raises else "warn",
        f"{text} {faults.height:,} faults: {first}",
        "\n".join(filter(None, [advice, notes])),
    )


def _core(data: Dataset, remaining: Dataset, config: RunConfig) -> Check:
    left = remaining.events["user_id"].n_unique()
    n_users = data.events["user_id"].n_unique()
    minimums = f"{config.data.min_user_events} liked items a user and {config.data.min_item_events} users an item"
    text = (
        f"{left:,} of {n_users:,} users and {remaining.items.height:,} of {data.items.height:,} items have {minimums}"
    )
    if 2 * left < n_users:
        advice = "Most users are left out: lower data.min_user_events and data.min_item_events, or say whom the run speaks of."
        return Check("core", "warn", text, advice)
    return Check("core", "ok", text)


def _split(remaining: Dataset, domain: Domain, settings: SplitSettings, config: RunConfig) -> Check:
    name = f"split {settings.name}"
    try:
        split = split_events(remaining.events, domain.positive, settings, seed=config.seed)
    except RecsatError as error:
        return Check(name, "fail", str(error))
    parts: dict[str, pl.DataFrame] = {part: getattr(split, part) for part in ("train", "validation", "test")}
    text = ", ".join(f"{table.height:,} {part}" for part, table in parts.items())
    fitness = split_fitness(split, domain, settings, config)
    if not fitness.can_answer:
        return Check(name, "warn", f"{text}: it cannot answer, because {reason(fitness)}", remedy(fitness))
    return Check(name, "ok", f"{text} events; {smallest_difference(fitness)}")
