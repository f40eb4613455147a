"""Stage prepare: load, validate, take the core, split; the tables of the run are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from recsat.config.settings import ExperimentSettings, MeasureSettings, RunConfig, SplitSettings
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain, FilterContext, RecommenderSpec
from recsat.contract.interactions import Catalogue
from recsat.data.codes import sorted_by
from recsat.data.core import core
from recsat.data.credit import with_value
from recsat.data.fingerprint import fingerprint
from recsat.data.liked import refuse_unliked
from recsat.data.moments import latest
from recsat.data.split import TIED_SHARE, TIES, Split, in_order_of_time, split_events
from recsat.data.validate import OnBadRows, validate
from recsat.embed.provenance import refuse_leaks
from recsat.errors import ConfigError, DataError, did_you_mean
from recsat.experiment import analyse, read_log
from recsat.measure.fitness import data_fitness
from recsat.measure.measures import key_of
from recsat.offpolicy.judged import judged_logs
from recsat.report.fitness import reason, remedy
from recsat.result.model import DataFitness
from recsat.run.folder import RunFolder
from recsat.run.input import read_input
from recsat.run.memory import free_memory
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.dense_arms import refuse_too_large
from recsat.stages.feedback import tables_with_feedback
from recsat.stages.other_encoders import refuse_other_encoders
from recsat.stages.plan import write_plan

EXPERIMENT_FILE = "data/experiment.json"
POLICY_LOGS_FILE = "data/policy_logs.json"
T = TypeVar("T")
MOSTLY_SOUND = 0.9
"""Share of the events that must be left when faulty rows are set aside, for the rest to say what else is wrong."""
SPREADS = (0.05, 0.2)
"""The least and the most of it that was seen of the verdict's pairs on splits of one draw: .05 to .20 on films, a shop, games and posts."""
SPREAD = 0.1
"""Standard deviation between users of a difference of nDCG@10 of two arms: .07 and .11 between the best two of the bundled films."""


def prepare(context: StageContext) -> StageCounts:
    """Writes plan.json, data/*.parquet, data/summary.json, data/texts.parquet and splits/<name>/*, among them what each split's data can answer.

    Raises DataError with all that is wrong with the rows, the settings that are about them, and every split; ConfigError where a fine-tuned model of the run was trained around other held-out events, or an arm needs more memory
    than is free: the earliest place where the data are known, and one that every run goes through.
    """
    folder, config, domain = context.folder, context.config, context.domain
    write_plan(folder, config, context.plugins)
    data = read_input(folder)
    loaded_data = domain.load(context.domain_config) if data is None else data
    with_feedback = tables_with_feedback(config, loaded_data, domain.events, domain.rating)
    faults = _Faults()
    loaded = _validated(context, with_feedback.dataset, faults)
    faults.gather(partial(refuse_unmatched, context, loaded))
    notes = faults.gather(partial(refuse_unliked, domain, context.domain_config, loaded.events))
    loaded = replace(loaded, notes=(*loaded.notes, *(notes or ())))
    loaded = replace(loaded, quarantine=pl.concat([loaded.quarantine, with_feedback.faults]))
    data_fingerprint = fingerprint(loaded)
    if not faults.errors:
        refuse_leaks(config, data_fingerprint)
    dataset = faults.gather(
        partial(
            core,
            loaded,
            domain.positive,
            min_user_events=config.data.min_user_events,
            min_item_events=config.data.min_item_events,
        )
    )
    if dataset is None:
        raise faults.error()
    # By all events: those of users outside the core brought something in as well.
    exposures = None if loaded.exposures is None else with_value(loaded.exposures, loaded.events, domain.amounts)
    with_feedback = replace(with_feedback, dataset=dataset)
    del loaded, loaded_data  # each may have a table of events of its own
    refuse_too_large(requested_arms(context), dataset.items.height, free_memory(), config.parameters)
    # Whoever sorts by time from here on finds events of one moment in an order that says nothing.
    fixed = sorted_by(dataset.events, ["user_id", "item_id", "event", "value", "timestamp"])
    events = in_order_of_time(fixed, np.random.default_rng([config.seed, TIES]))
    dataset = replace(dataset, items=dataset.items.sort("item_id"), events=events)
    refuse_other_encoders(context, requested_arms(context), Catalogue(dataset.items))
    folder.write_table("data/items.parquet", dataset.items)
    folder.write_table("data/events.parquet", dataset.events)
    folder.write_table("data/users.parquet", dataset.users)
    folder.write_table("data/quarantine.parquet", dataset.quarantine)
    refuse_unsimulated(domain, config.measure.experiment, simulated=dataset.simulated and data is None)
    write_experiment(folder, config.measure, dataset.exposures)
    if config.measure.logs:
        logs = [log for one in config.measure.logs for log in judged_logs(one, config.measure.confidence)]
        folder.write_json(POLICY_LOGS_FILE, [log.model_dump(mode="json") for log in logs])
    if exposures is not None:
        folder.write_table("data/exposures.parquet", exposures)
    if dataset.ties is not None:
        folder.write_table("data/ties.parquet", dataset.ties)
    if dataset.quarantine.height:
        folder.write_csv("quarantine.csv", dataset.quarantine)
        context.progress.note(f"{dataset.quarantine.height} rows set aside in {folder.path / 'quarantine.csv'}")
    for note in dataset.notes:
        context.progress.note(note)
    texts = pl.DataFrame(
        {"item_id": dataset.items["item_id"], "text": domain.describe_item(dataset.items).fill_null("")}
    )
    folder.write_table("data/texts.parquet", texts)
    for settings in config.splits:
        faults.gather(lambda settings=settings: _split(context, dataset, settings))  # type: ignore[misc]
    if faults.errors:
        raise faults.error()
    folder.write_json(
        "data/summary.json",
        {
            "fingerprint": data_fingerprint,
            "n_users": dataset.events["user_id"].n_unique(),
            "n_items": dataset.items.height,
            "n_events": dataset.events.height,
            "n_quarantined": dataset.quarantine.height,
            "notes": list(dataset.notes),
            "simulated": dataset.simulated,
            "source": dataset.source,
            "feedback_until": with_feedback.until,
            "feedback": with_feedback.counts,
        },
    )
    return StageCounts(n_new=dataset.events.height)


class _Faults:
    """What is wrong with the data of a run, gathered: whoever mends one fault should not have to run anew to hear of the next."""

    def __init__(self) -> None:
        self.errors: list[ConfigError | DataError] = []

    def gather(self, work: Callable[[], T]) -> T | None:
        """What ``work`` gives; None where it refuses."""
        try:
            return work()
        except (ConfigError, DataError) as error:
            self.errors.append(error)
            return None

    def error(self) -> ConfigError | DataError:
        """The only error as it is, and several as one with the lines of each."""
        if len(self.errors) == 1:
            return self.errors[0]
        kind = DataError if any(isinstance(error, DataError) for error in self.errors) else ConfigError
        return kind("\n".join(dict.fromkeys(map(str, self.errors))))


def _validated(context: StageContext, dataset: Dataset, faults: _Faults) -> Dataset:
    """``dataset`` as it may be split; where its rows are refused, the sound ones, by which it shows what else is wrong.

    Raises DataError where no more can be known: too few rows are sound for what is left to say something of the whole.
    """
    domain = context.domain

    def sound(on_bad_rows: OnBadRows) -> Dataset:
        return validate(
            dataset,
            on_bad_rows,
            describe_item=domain.describe_item,
            events_of_domain=domain.events,
            topics=domain.topics,
        )

    clean = faults.gather(lambda: sound(context.config.data.on_bad_rows))
    if clean is not None:
        return clean
    rest = faults.gather(lambda: sound("quarantine")) if context.config.data.on_bad_rows == "raise" else None
    if rest is None or rest.events.height < MOSTLY_SOUND * dataset.events.height:
        raise faults.errors[0]
    return rest


def _split(context: StageContext, dataset: Dataset, settings: SplitSettings) -> None:
    """Every draw of a split, written, and whether its data can answer."""
    config, domain, folder = context.config, context.domain, context.folder
    for draw in range(settings.n_draws, 0, -1):  # one at a time; the first, which is judged, comes last
        split = split_events(dataset.events, domain.positive, settings, seed=config.seed, draw=draw)
        write_split(folder, split)
    n_users = split.test["user_id"].n_unique()
    if split.tied_users > TIED_SHARE * n_users:
        context.progress.note(
            f"split {split.name}: of {split.tied_users:,} of {n_users:,} users it is drawn which events are the last, since they have others of the same moment. "
            "Give times to the second, or a column position"
        )
    fitness = split_fitness(split, domain, settings, config)
    folder.write_json(f"splits/{split.name}/fitness.json", fitness.model_dump(mode="json"))
    if not fitness.can_answer:
        context.progress.note(f"split {split.name} cannot answer: {reason(fitness)} {remedy(fitness)}")


def split_fitness(split: Split, domain: Domain, settings: SplitSettings, config: RunConfig) -> DataFitness:
    """What the data of a run can answer on ``split``, the first draw of ``settings``, before an arm is fitted."""
    return data_fitness(
        split,
        domain.positive,
        spread=SPREAD,
        spreads=SPREADS,
        worth_having=config.measure.worth_having.get(key_of("ndcg", config.rank.k)),
        confidence=config.measure.confidence,
        seed=config.seed,
        n_draws=settings.n_draws,
    )


def refuse_unsimulated(domain: Domain, settings: ExperimentSettings | None, *, simulated: bool) -> None:
    """Raises ConfigError where an experiment is to be simulated on data that no simulator made: nobody knows what their users would do."""
    if settings is None or settings.simulated_split is None or (simulated and domain.simulate_exposures is not None):
        return
    raise ConfigError(
        f"measure.experiment.simulated_split: the data of domain {domain.name!r} come from no simulator that knows what users would do with other lists. "
        "Leave it out, or name the log of an experiment in measure.experiment.file."
    )


def write_experiment(folder: RunFolder, settings: MeasureSettings, exposures: pl.DataFrame | None) -> None:
    """data/experiment.json, where ``measure.experiment`` says that users were assigned at random: of its file, or of the domain's exposures, all of them."""
    experiment = settings.experiment
    if experiment is None or experiment.simulated_split is not None:  # the latter needs lists
        return
    if experiment.file is not None:
        path = Path(experiment.file)
        log, source = read_log(path, experiment), path.name
    elif exposures is not None:
        log, source = exposures, "exposures"
    else:
        raise ConfigError(
            "measure.experiment: the data have no exposures. Name a log in measure.experiment.file, or leave it out."
        )
    analysed = analyse(log, experiment, source=source, confidence=settings.confidence)
    folder.write_json(EXPERIMENT_FILE, analysed.model_dump(mode="json"))


def requested_arms(context: StageContext) -> dict[str, RecommenderSpec]:
    """The arms that the settings name, in their order."""
    available = context.plugins.recommenders(context.domain)
    return context.plugins.select("arm", available, context.config.arms)


def refuse_unmatched(context: StageContext, dataset: Dataset) -> None:
    """Raises ConfigError for every text in the domain's settings that a filter of the run compares a column with and no item has."""
    domain, last = context.domain, latest(dataset.events["timestamp"])
    now = datetime.now(UTC) if last is None else last
    known = FilterContext(known=dataset, config=context.domain_config, now=now)
    messages = []
    for name, one in context.plugins.filters_of_run(domain, context.config.rank.filters).items():
        bound = None if one.rule is None else one.rule.bind(known)
        for column, words in () if bound is None else bound.texts():
            there = words_of(dataset.items, column)
            for word in [] if there.is_empty() else [word for word in words if word not in there]:
                messages.append(
                    f"filter {name}: no item has {column} {word!r}.{did_you_mean(word, there)} There are {', '.join(there.head(20))}."
                )
    if messages:
        raise ConfigError("\n".join(messages))


def words_of(items: pl.DataFrame, column: str) -> pl.Series:
    """The texts that a column of the items has, its lists' too; empty where it has none, or is no column of texts."""
    dtype = items.schema.get(column)
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    if inner is None or not isinstance(inner, pl.String | pl.Categorical | pl.Enum):
        return pl.Series(dtype=pl.String)
    return items.select(pl.col(column).explode().cast(pl.String)).to_series().drop_nulls().unique().sort()


def place_of(split: str, draw: int) -> str:
    """Where a run folder keeps what belongs to one draw of a split."""
    return split if draw == 1 else f"{split}/draw-{draw}"


def write_split(folder: RunFolder, split: Split) -> None:
    """Three tables and what is known of the split."""
    place = f"splits/{place_of(split.name, split.draw)}"
    for part in ("train", "validation", "test"):
        folder.write_table(f"{place}/{part}.parquet", getattr(split, part))
    folder.write_json(
        f"{place}/split.json",
        {
            "name": split.name,
            "protocol": split.protocol,
            "test_share": split.test_share,
            "description": split.description,
            "tied_users": split.tied_users,
            "validation_items": None if split.validation_items is None else split.validation_items.to_list(),
            "test_items": None if split.test_items is None else split.test_items.to_list(),
        },
    )


def read_split(folder: RunFolder, name: str, draw: int = 1) -> Split:
    """What :func:`write_split` wrote."""
    place = f"splits/{place_of(name, draw)}"
    known = folder.read_json(f"{place}/split.json")
    train, validation, test = (folder.read_table(f"{place}/{part}.parquet") for part in ("train", "validation", "test"))
    return Split(
        name=known["name"],
        protocol=known["protocol"],
        test_share=known.get("test_share"),
        description=known["description"],
        tied_users=known.get("tied_users", 0),
        draw=draw,
        train=train,
        validation=validation,
        test=test,
        validation_items=_ids(known["validation_items"]),
        test_items=_ids(known["test_items"]),
    )


def _ids(values: list[str] | None) -> pl.Series | None:
    return None if values is None else pl.Series("item_id", values, dtype=pl.String)
