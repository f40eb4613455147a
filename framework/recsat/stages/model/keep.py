"""Stage model: the arm that leads, fitted on everything known, is kept with all that makes lists of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from recsat.arms.saved import ArmItems, not_saveable, read_description, save_arm
from recsat.atomic import replacing_folder
from recsat.contract.arm import Recommender, Saveable
from recsat.contract.domain import FilterContext, RecommenderSpec
from recsat.contract.reranker import LearnedReranker, Reranker, TextReranker
from recsat.errors import ConfigError
from recsat.lists.make import Served
from recsat.result.model import Result
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.model.card import EncoderCard, ModelCard, ModelRecord
from recsat.stages.model.files import (
    ARM,
    CARD,
    EVENTS,
    FALLBACKS,
    FILTERS,
    FOLDER,
    HISTORIES,
    ITEMS,
    RECORD,
    RERANKER,
    TEXTS,
    USERS,
    VECTORS,
    ModelFiles,
    write_arrays,
    write_sums,
)
from recsat.stages.model.histories import everybody
from recsat.stages.model.rules import asks_of_users, item_masks
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import filter_context, last_moment, serve_known, validation_fold
from recsat.stages.trial.inputs import RunInputs, embedded_inputs
from recsat.stages.trial.request import request_of, reranker_of
from recsat.stages.trial.rerank import with_reranker
from recsat.stages.versions import versions


def model(context: StageContext, arm: str | None = None) -> StageCounts:
    """Writes model/ and model.json, of ``arm`` or of the one that leads (None).

    A run whose arm cannot be saved is judged as any other; its model.json says why it has no model.
    """
    result = context.folder.read_as("evaluated.json", Result)
    first = result.splits[0]
    assert first.leader is not None, "the stage evaluate names it"
    context.progress.expect(1)
    record = keep_arm(context, result, arm or first.leader, context.folder.path / FOLDER)
    context.folder.write_json(RECORD, record.model_dump(mode="json"))
    if record.reason is not None:
        context.progress.note(f"no model is kept: {record.reason}")
    context.progress.advance()
    return StageCounts(n_new=int(record.fingerprint is not None))


def keep_arm(context: StageContext, result: Result, arm: str, target: Path) -> ModelRecord:
    """Fits ``arm`` on everything that the run knows, with its parameters of the first split, and writes the model folder ``target``.

    Raises ConfigError for an arm that the run does not have there.
    """
    first = result.splits[0].name
    results = {one.name: one for one in result.arms if (one.split, one.slice) == (first, "all")}
    if arm not in results:
        raise ConfigError(f"run {result.run_id} has no arm {arm!r} on split {first!r}. It has: {', '.join(results)}.")
    parameters = results[arm].parameters
    spec = context.plugins.recommenders(context.domain)[arm]
    inputs = embedded_inputs(context)
    if not spec.reads_users:
        inputs = replace(inputs, encode_users=None)  # what other arms of the run read is not the model's
    known = context.dataset.events
    at_end = filter_context(inputs, known)
    protocol = result.splits[0].protocol
    served = serve_known(inputs, [], known, at_end, protocol=protocol, now=last_moment(known))
    reranker = _reranker(context, inputs, spec, parameters, served, first)
    recommender = spec.make(**parameters)
    for name, part in ((arm, recommender), (context.config.rank.reranker, reranker)):
        if part is not None and not isinstance(part, Saveable) and _learns(part):
            return ModelRecord(arm=arm, fingerprint=None, reason=not_saveable(str(name), part))
    recommender.fit(served.train)
    card = _card(context, result, arm, inputs, served, reranker is not None, at_end.now)
    write_model(target, card, inputs, at_end, recommender, served.fallbacks, reranker)
    return ModelRecord(arm=arm, fingerprint=ModelFiles(target).fingerprint)


def write_model(
    target: Path,
    card: ModelCard,
    inputs: RunInputs,
    at_end: FilterContext,
    recommender: Recommender,
    fallbacks: Sequence[Recommender],
    reranker: Reranker | None = None,
) -> None:
    """Writes a model folder, in one step in the place of what is there, of parts that were fitted on everything of ``inputs``."""
    with replacing_folder(target) as draft:
        _write_arms(draft, card, inputs, recommender, fallbacks, reranker)
        _write_tables(draft, inputs, at_end, reranker)
        (draft / CARD).write_text(card.model_dump_json(indent=2), encoding="utf-8")
        write_sums(draft)


def _learns(part: Recommender | Reranker) -> bool:
    return isinstance(part, Recommender | LearnedReranker)


def _reranker(
    context: StageContext,
    inputs: RunInputs,
    spec: RecommenderSpec,
    parameters: Mapping[str, object],
    served: Served,
    split: str,
) -> Reranker | None:
    """The run's, taught on the validation part of ``split``; None where the run names none or there is nobody to learn from."""
    prepared = with_reranker(
        inputs,
        request_of(context.config, context.domain),
        reranker_of(context.config, context.domain, context.plugins),
        spec.name,
        spec,
        parameters,
        served,
        split,
        lambda: validation_fold(inputs, read_split(context.folder, split)),
    )
    return prepared.request.reranker


def _card(
    context: StageContext,
    result: Result,
    arm: str,
    inputs: RunInputs,
    served: Served,
    has_reranker: bool,
    last_event: datetime,
) -> ModelCard:
    arms = [one for one in result.arms if (one.name, one.slice) == (arm, "all")]
    return ModelCard(
        run_id=result.run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        domain=result.domain,
        arm=arm,
        parameters=arms[0].parameters,
        split=result.splits[0].name,
        measures={one.split: one.measures for one in arms},
        data_fingerprint=result.data_fingerprint,
        data=result.data,
        last_event=last_event,
        feedback_until=context.folder.read_json("data/summary.json").get("feedback_until", 0),
        seed=result.seed,
        encoder=context.folder.read_as("vectors/encoder.json", EncoderCard),
        reranker=context.config.rank.reranker if has_reranker else None,
        filters=list(inputs.filters),
        fallbacks=[type(fallback).__name__ for fallback in served.fallbacks],
        config=context.config.model_dump(mode="json"),
        versions=versions(context.plugins),
    )


def _write_arms(
    draft: Path,
    card: ModelCard,
    inputs: RunInputs,
    recommender: Recommender,
    fallbacks: Sequence[Recommender],
    reranker: Reranker | None,
) -> None:
    """The arm, the fallbacks, a reranker that has learnt, and the item vectors that these read."""
    items = ArmItems(inputs.catalogue, inputs.vectors)
    save_arm(recommender, draft / ARM, name=card.arm, items=items)
    for name, fallback in zip(card.fallbacks, fallbacks, strict=True):
        save_arm(fallback, draft / FALLBACKS / name, name=name, items=items)
    if reranker is not None and isinstance(reranker, LearnedReranker):
        save_arm(reranker, draft / RERANKER, name=str(card.reranker), items=items)
    names = {"text"} if reranker is not None else set()
    for folder in (draft / ARM, *(draft / FALLBACKS / name for name in card.fallbacks)):
        names |= {reference.name for reference in read_description(folder).vectors.values()}
    write_arrays(draft / VECTORS, {name: inputs.vectors[name] for name in sorted(names)})


def _write_tables(draft: Path, inputs: RunInputs, at_end: FilterContext, reranker: Reranker | None) -> None:
    """The catalogue, the histories, what filters say of items, and the tables that filters or a reranker look at for a user."""
    histories = everybody(inputs)
    inputs.catalogue.items.write_parquet(draft / ITEMS)
    at_end.known.events.clear().write_parquet(draft / EVENTS)
    histories.users_table().write_parquet(draft / USERS)
    write_arrays(draft / HISTORIES, histories.arrays())
    pl.DataFrame(item_masks(inputs.filters, inputs.catalogue, at_end)).write_parquet(draft / FILTERS)
    reads = isinstance(reranker, TextReranker)
    if not reads and not any(asks_of_users(rule) for rule in inputs.filters.values()):
        return
    (draft / "known").mkdir()
    for name in ("events", "users", "exposures", "ties"):
        table: pl.DataFrame | None = getattr(at_end.known, name)
        if table is not None:
            table.write_parquet(draft / "known" / f"{name}.parquet")
    if reads:
        pl.DataFrame({"text": list(inputs.item_texts)}).write_parquet(draft / TEXTS)
