"""Seconds, memory and disk of a run whose data are prepared, before anything is embedded or fitted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import JsonValue

from recsat.contract.domain import RecommenderSpec
from recsat.result.leading import may_lead
from recsat.result.model import Part
from recsat.result.numerals import duration, memory
from recsat.run.memory import free_memory
from recsat.run.meter import MIB
from recsat.run.stage import StageContext
from recsat.stages.dense_arms import bytes_of_pairs
from recsat.stages.estimate import unit_costs as unit
from recsat.stages.estimate.encoder_speed import token_seconds
from recsat.stages.estimate.sizes import FoldSize, RunSize, SplitSize, run_size
from recsat.stages.estimate.speed import Speed, machine_speed
from recsat.stages.prepare import read_split
from recsat.stages.recommend import CHOSEN_ANEW, arms_of, fixed_parameters
from recsat.stages.trial.learning import SHARES
from recsat.stages.trial.tune import settings_of

ESTIMATE_FILE: Final = "estimate.json"
MANY_ARMS: Final = 3
"""So many of the costliest arms are named."""


class StageNeed(Part):
    """What a stage will take."""

    name: str
    seconds: float
    peak_mib: float
    """Of the process while the stage runs."""
    disk_mib: float


class Estimate(Part):
    """What the stages that are still to come will take, in the order in which they run."""

    stages: list[StageNeed]
    arms: dict[str, float]
    """Seconds of ``recommend`` by arm, over all splits; those of one arm's controls are their own."""
    free_mib: float
    free_disk_mib: float
    not_counted: list[str]
    """What the seconds leave out."""
    too_small: list[str]
    """What of the machine may not suffice, with the remedy."""

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def peak_mib(self) -> float:
        return max(stage.peak_mib for stage in self.stages)

    @property
    def disk_mib(self) -> float:
        return sum(stage.disk_mib for stage in self.stages)

    @property
    def sentence(self) -> str:
        """In one line: how long, how much, and which arms it goes to."""
        costly = sorted(self.arms, key=self.arms.__getitem__, reverse=True)[:MANY_ARMS]
        of_arms = ", ".join(f"{name} {duration(self.arms[name])}" for name in costly)
        return (
            f"to come, reckoned: about {duration(self.seconds)}, {memory(self.peak_mib)} of memory, {memory(self.disk_mib)} of disk; "
            f"most of it {of_arms}"
        )


def estimate(context: StageContext) -> Estimate:
    """Of the stages after ``prepare``, which has finished; the machine's speed is that of this moment's threads.

    Raises EncoderError where the encoder of the run cannot be made.
    """
    config = context.config
    encoder = context.plugins.encoder(config.encoder.name).make(config.encoder)
    size, speed = run_size(context, encoder), machine_speed()
    arms = {settings.name: arms_of(context, read_split(context.folder, settings.name)) for settings in config.splits}
    n_tokens = size.item_texts.tokens + size.user_texts.tokens
    texts = context.folder.read_table("data/texts.parquet")["text"]
    a_token = token_seconds(encoder, texts, config.encoder.max_tokens, n_tokens, speed)
    by_arm: dict[str, float] = {}
    of_folds = 0.0
    for split in size.splits:
        of_folds += speed.tables * fold_seconds(size, split)
        for name, spec in arms[split.name].items():
            seconds = arm_seconds(context, name, spec, split, size.n_items, speed)
            by_arm[name] = by_arm.get(name, 0.0) + seconds
        of_folds += sum(curve_seconds(context, arms[split.name], split, size, speed).values())
    of_folds += (a_token or 0.0) * size.user_texts.tokens + speed.tables * unit.USER_TEXT * size.user_texts.n
    n_lists = {split.name: len(arms[split.name]) for split in size.splits}
    by_stage = {
        "embed": speed.tables * (unit.LOADING * bool(size.item_texts.n_new) + unit.WORDS_ITEM * size.n_items)
        + (a_token or 0.0) * size.item_texts.tokens,
        "index": speed.tables * (unit.INDEX + unit.INDEX_ITEM * size.n_items),
        "recommend": of_folds + sum(by_arm.values()),
        "evaluate": speed.tables
        * sum(evaluate_seconds(context, split, n_lists[split.name], size.topics_of_item) for split in size.splits),
        "model": speed.tables * unit.INDEX + max(_last_fit(context, size, name, speed) for name in by_arm),
        "report": speed.tables * (unit.REPORT + unit.REPORT_ARM * sum(n_lists.values())),
    }
    peaks, disks = peak_mib(context, size, arms), disk_mib(context, size, arms)
    needs = [
        StageNeed(name=name, seconds=of_stage, peak_mib=peaks[name], disk_mib=disks[name])
        for name, of_stage in by_stage.items()
    ]
    of_run = Estimate(
        stages=needs,
        arms=dict(sorted(by_arm.items(), key=lambda one: -one[1])),
        free_mib=free_memory() / MIB,
        free_disk_mib=shutil.disk_usage(context.folder.path).free / MIB,
        not_counted=not_counted(context, by_arm, encoder_is_known=a_token is not None),
        too_small=[],
    )
    return of_run.model_copy(update={"too_small": too_small(context, of_run)})


def not_counted(context: StageContext, arms: Iterable[str], *, encoder_is_known: bool) -> list[str]:
    """What the estimate leaves out, in sentences."""
    sentences = []
    if not encoder_is_known:
        sentences.append(
            f"not counted: how long encoder {context.config.encoder.name} takes, of which nothing is known"
        )
    unknown = [name for name in arms if base_of(name) not in unit.FITS]
    if unknown:
        sentences.append(f"not counted: fits of {', '.join(unknown)}, of which nothing is known")
    return sentences


def too_small(context: StageContext, of_run: Estimate) -> list[str]:
    """Where the machine may be too small, in sentences."""
    sentences = []
    if of_run.peak_mib > of_run.free_mib:
        sentences.append(
            f"memory: {memory(of_run.peak_mib)} may be needed and {memory(of_run.free_mib)} are free. Have fewer items or users by higher "
            "data.min_item_events and data.min_user_events, name fewer arms, or use a larger machine."
        )
    if of_run.disk_mib > of_run.free_disk_mib:
        sentences.append(
            f"disk: {memory(of_run.disk_mib)} may be needed and {memory(of_run.free_disk_mib)} are free at {context.folder.path.parent}. "
            "Set home to another disk."
        )
    return sentences


def base_of(name: str) -> str:
    """The arm that ``name`` is a form of: a control, or one with words beside."""
    if name in unit.FITS:
        return name
    return next(
        (name.removesuffix(end) for end in ("-words", "-permuted", "-masked", "-both") if name.endswith(end)), name
    )


def arm_seconds(
    context: StageContext, name: str, spec: RecommenderSpec, split: SplitSize, n_items: int, speed: Speed
) -> float:
    """Tuning, choosing, fits and lists of one arm on every draw of a split, and its learning curve."""
    base = base_of(name)
    choice = unit.CHOICES.get(base, unit.NOTHING)
    parameters = fixed_parameters(context, name, spec)
    limit = dense_limit_of(spec, parameters)
    share = choice_share(base, split.protocol)
    fits = [fit_seconds(context, name, spec, split, fold, n_items, speed) for fold in (split.validation, split.test)]
    tuning = list_seconds(base, split.validation.served, n_items, speed)
    asks = not spec.control and context.config.rank.source == "index"
    first = list_seconds(base, split.test.served, n_items, speed, explained=True, retrieved=asks)
    again = list_seconds(base, split.test.served, n_items, speed, retrieved=asks)
    n_trials = unit.n_trials(split.test.users)
    sought = choice.seconds(split.test, n_items, speed, limit, n_trials)
    sought *= 1 + unit.DRAWN_AGAIN * max(0, unit.fewest_trials(split.protocol, n_items) - n_trials)
    n_choices = split.n_draws if split.protocol in CHOSEN_ANEW else 1
    seconds = share * (unit.ONE_TEXT if spec.control else 1.0) * n_choices * sought
    seconds += len(settings_of(spec, parameters)) * (fits[0] + tuning)
    seconds += fits[1] + first + (split.n_draws - 1) * (fits[1] + again)
    seconds += list_seconds(base, split.test.further, n_items, speed) if split.test.further else 0.0
    seconds += len(context.config.rank.kinds) * split.n_draws * again
    measure = context.config.measure
    if name in measure.learning_curve:
        seconds += len(SHARES) * (fits[1] + again)
    return seconds


def choice_share(base: str, protocol: str) -> float:
    """Of what a choice, and a fit of what was chosen, takes on a random split; 1 of an arm that chooses nothing."""
    return unit.CHOICE_SHARES.get(protocol, 1.0) if base in unit.CHOICES else 1.0


def fit_seconds(
    context: StageContext,
    name: str,
    spec: RecommenderSpec,
    split: SplitSize,
    fold: FoldSize,
    n_items: int,
    speed: Speed,
) -> float:
    """One fit of an arm on a ``fold`` of a split."""
    base = base_of(name)
    limit = dense_limit_of(spec, fixed_parameters(context, name, spec))
    return choice_share(base, split.protocol) * unit.FITS.get(base, unit.NOTHING).seconds(fold, n_items, speed, limit)


def curve_seconds(
    context: StageContext, specs: Mapping[str, RecommenderSpec], split: SplitSize, size: RunSize, speed: Speed
) -> dict[str, float]:
    """The fit on which the curve of a split is chosen, and every reranker at every trade-off, by the name of its arm.

    That is the one that is named; else the default arm, which mostly leads; else the costliest that may lead.
    """
    measure = context.config.measure
    if not measure.curves:
        return {}
    fits = {
        name: fit_seconds(context, name, spec, split, split.validation, size.n_items, speed)
        for name, spec in specs.items()
        if may_lead(spec.control)
    }
    name = measure.curve_arm or ("hybrid" if "hybrid" in fits else max(fits, key=lambda one: fits[one]))
    if name not in fits:
        return {}
    a_user = unit.CURVE_USER + unit.CURVE_TOPIC * size.topics_of_item
    n_users = min(split.test.served, unit.MOST_CURVE_USERS)
    return {name: fits[name] + speed.products * (unit.CURVES + a_user * n_users)}


def dense_limit_of(spec: RecommenderSpec, parameters: Mapping[str, JsonValue]) -> int | None:
    limit = parameters.get("dense_limit", spec.dense_limit)
    return limit if isinstance(limit, int) else None


def list_seconds(
    arm: str, served: int, n_items: int, speed: Speed, *, explained: bool = False, retrieved: bool = False
) -> float:
    """Lists of ``served`` users by a fitted arm."""
    a_user = unit.LIST_USER
    if explained:
        a_user += unit.EXPLAINED_BY.get(arm, unit.EXPLAINED_USER)
    if retrieved:
        search = unit.SEARCH + unit.SEARCH_ITEM * min(n_items, unit.MOST_SCANNED)
        a_user += unit.SEARCHES.get(arm, 0) * search
    a_cell = unit.LIST_CELLS.get(arm, unit.LIST_CELL)
    return speed.tables * (unit.LIST_FIXED + a_user * served) + speed.products * a_cell * served * n_items


def fold_seconds(size: RunSize, split: SplitSize) -> float:
    """Both folds, and the test part's further draws, made ready for arms."""
    return (1 + split.n_draws) * (unit.FOLD + unit.EVENT_OF_FOLD * size.n_events)


def evaluate_seconds(context: StageContext, split: SplitSize, n_arms: int, topics_of_item: float) -> float:
    resampled = unit.RESAMPLED_USER * context.config.measure.n_bootstrap / 1000
    a_user = unit.MEASURED_USER + unit.MEASURED_TOPIC * topics_of_item * context.config.rank.k
    of_draw = unit.MEASURED_ARM + a_user * split.test.served
    exposures = context.dataset_without_events.exposures
    log = 0 if exposures is None or split.protocol != "timeline" else exposures.height
    return n_arms * (split.n_draws * of_draw + resampled * split.test.served) + unit.LOG_EXPOSURE * log


def peak_mib(
    context: StageContext, size: RunSize, arms: Mapping[str, Mapping[str, RecommenderSpec]]
) -> dict[str, float]:
    """Of the process, by stage: libraries, vectors and tables, and the largest of what is held at once beside them."""
    resident = (
        unit.PROCESS_MIB + (unit.EVENT_BYTES * size.n_events + 4 * unit.N_VECTORS * size.dimension * size.n_items) / MIB
    )
    fits, lists, values = 0.0, 0.0, 0.0
    for split in size.splits:
        of_split, served = arms[split.name], split.test.served
        for name, spec in of_split.items():
            of_fit = bytes_of_pairs(spec, fixed_parameters(context, name, spec), size.n_items)
            if base_of(name) in unit.CHOICES:
                n_trials = max(unit.n_trials(split.test.users), unit.fewest_trials(split.protocol, size.n_items))
                of_cell = unit.CELL_BYTES + unit.FURTHER_CELL_BYTES * (n_trials - 1)
                of_fit = unit.PAIR_SHARE * of_fit + of_cell * unit.cells(split.test.users, size.n_items)
            fits = max(fits, of_fit)
        lists = max(lists, unit.PLACE_BYTES * context.config.rank.k * served * len(of_split))
        values = max(values, unit.VALUE_BYTES * served * len(of_split))
    reading = unit.READING_MIB * bool(size.item_texts.n_new or size.user_texts.n_new)
    return {
        "embed": resident + unit.READING_MIB * bool(size.item_texts.n_new),
        "index": resident + unit.READING_MIB * bool(size.item_texts.n_new),
        "recommend": resident + reading + unit.FITTING_MIB + (fits + lists) / MIB,
        "evaluate": resident + reading + unit.FITTING_MIB + (lists + values) / MIB,
        "model": resident + reading + unit.FITTING_MIB + lists / MIB,
        "report": resident + reading + unit.FITTING_MIB,
    }


def disk_mib(
    context: StageContext, size: RunSize, arms: Mapping[str, Mapping[str, RecommenderSpec]]
) -> dict[str, float]:
    """What each stage writes: into the run's folder, the cache and the store."""
    n_arms = {split: len(of_split) for split, of_split in arms.items()}
    vectors = 4 * size.dimension * size.n_items
    data = sum(path.stat().st_size for path in (context.folder.path / "data").iterdir())
    served = {split.name: split.n_draws * split.test.served * n_arms[split.name] for split in size.splits}
    columns = sum(n_arms.values())
    new_texts = size.item_texts.n_new + size.user_texts.n_new * unit.DISTINCT_SHARE
    return {
        "embed": (unit.N_VECTORS * vectors + unit.TEXT_BYTES * (4 * size.dimension) * size.item_texts.n_new) / MIB,
        "index": collection_mib(size, unit.N_INDEXED * size.dimension),
        "recommend": sum(split.n_draws * collections_mib(context, size, arms[split.name]) for split in size.splits)
        + (
            unit.PLACE_DISK * context.config.rank.k * sum(served.values())
            + unit.TEXT_BYTES * 4 * size.dimension * (new_texts - size.item_texts.n_new)
        )
        / MIB,
        "evaluate": (unit.VALUE_DISK * sum(served.values()) + unit.RESULT_BYTES * columns) / MIB,
        "model": (data + 2 * vectors) / MIB,
        "report": 2 * unit.RESULT_BYTES * columns / MIB,
    }


def collections_mib(context: StageContext, size: RunSize, arms: Iterable[str]) -> float:
    """What the store keeps of one draw: of each of the ``arms`` with vectors of its own a collection, which has the run's beside."""
    if context.config.rank.source != "index":
        return 0.0
    extra = [unit.OWN_VECTORS[name] for name in arms if name in unit.OWN_VECTORS]
    return sum(collection_mib(size, (unit.N_INDEXED + vectors) * size.dimension + more) for vectors, more in extra)


def collection_mib(size: RunSize, width: float) -> float:
    """Of ``width`` numbers an item, in segments and in the log of what was written."""
    stored = 4 * width * size.n_items / MIB
    return unit.SEGMENT_SHARE * stored + min(unit.LOG_SHARE * stored, unit.MOST_LOG_MIB)


def _last_fit(context: StageContext, size: RunSize, name: str, speed: Speed) -> float:
    spec = context.plugins.recommenders(context.domain)[name]
    limit = dense_limit_of(spec, fixed_parameters(context, name, spec))
    return unit.FITS.get(base_of(name), unit.NOTHING).seconds(size.splits[0].test, size.n_items, speed, limit)
