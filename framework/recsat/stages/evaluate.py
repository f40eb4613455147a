"""Stage evaluate: every arm's lists against what users went on to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from recsat.contract.domain import RecommenderSpec
from recsat.data.split import Split
from recsat.measure.evaluate import EvaluatedSplit, evaluate_split
from recsat.measure.evidence import Evidence, ItemVectors
from recsat.measure.verdict import verdicts
from recsat.result.model import (
    ArmInfo,
    ArmResult,
    CurvePoint,
    DataSummary,
    FilterCount,
    MeasureInfo,
    NotMeasured,
    PredictionError,
    Result,
    RetrievalResult,
    SplitSummary,
)
from recsat.run.stage import Outcome, StageContext
from recsat.stages.prepare import read_split
from recsat.stages.recommend import arms_of
from recsat.stages.trial.fold import Fold, test_fold
from recsat.stages.trial.samples import sample_users
from recsat.stages.versions import versions


def evaluate(context: StageContext) -> Outcome:
    """Writes measures.parquet, one value per user, and evaluated.json, the result without the stages' costs."""
    folder, config = context.folder, context.config
    vectors = folder.read_arrays("vectors/items.safetensors")
    specs = context.plugins.recommenders(context.domain)
    context.progress.expect(len(config.splits))
    evaluated: list[EvaluatedSplit] = []
    per_user: list[pl.DataFrame] = []
    parts: dict[str, list[Any]] = {
        "splits": [],
        "filters": [],
        "retrieval": [],
        "samples": [],
        "curves": [],
        "predictions": [],
    }
    for settings in config.splits:
        split = read_split(folder, settings.name)
        fold = test_fold(context, split, vectors)
        lists = folder.read_table(f"lists/{split.name}.parquet")
        made = folder.read_json(f"lists/{split.name}.json")
        by_arm = {name: lists.filter(pl.col("arm") == name) for name in arms_of(context, split)}
        found = evaluate_split(
            by_arm,
            _evidence(context, split, fold),
            metrics=context.plugins.metrics(context.domain),
            settings=config.measure,
            k=config.rank.k,
            seed=config.seed,
            parameters={name: made["arms"][name]["parameters"] for name in by_arm},
        )
        evaluated.append(found)
        per_user.append(found.per_user.with_columns(pl.lit(split.name).alias("split")))
        parts["splits"].append(_summary(split, fold))
        parts["filters"] += _filters(split, made)
        parts["retrieval"] += _retrieval(split, made)
        parts["curves"] += _curves(context, split)
        parts["predictions"] += [PredictionError.model_validate(row) for row in made.get("predictions", [])]
        parts["samples"] += sample_users(context, split, fold, by_arm)
        context.progress.advance()
    folder.write_table("measures.parquet", pl.concat(per_user))
    result = _result(context, evaluated, parts, specs)
    folder.write_json("evaluated.json", result.model_dump(mode="json"))
    return Outcome(n_new=sum(len(found.arms) for found in evaluated))


def _evidence(context: StageContext, split: Split, fold: Fold) -> Evidence:
    dataset, catalogue = context.dataset, context.catalogue
    return Evidence(
        split=split.name,
        users=pl.Series("user_id", fold.users.ids, dtype=pl.String),
        relevant=fold.relevant,
        known_likes=fold.known.filter(context.domain.positive).select("user_id", "item_id").unique(),
        history=fold.known,
        outcomes=fold.held_out,
        items=catalogue.items,
        candidates=split.test_items,
        vectors=ItemVectors(catalogue.items["item_id"], fold.train.vectors["text"]),
        topics=context.domain.topics,
        exposures=dataset.exposures,
        ties=dataset.ties,
        config=context.domain_config,
    )


def _summary(split: Split, fold: Fold) -> SplitSummary:
    return SplitSummary(
        name=split.name,
        protocol=split.protocol,
        description=split.description,
        n_train=split.train.height,
        n_validation=split.validation.height,
        n_test=split.test.height,
        n_users=len(fold.users),
        n_candidate_items=len(fold.train.catalogue) if split.test_items is None else len(split.test_items),
    )


def _filters(split: Split, made: Mapping[str, Any]) -> list[FilterCount]:
    return [
        FilterCount(name=name, split=split.name, n_removed=removed, n_candidates=made["n_pairs"])
        for name, removed in made["removed"].items()
    ]


def _retrieval(split: Split, made: Mapping[str, Any]) -> list[RetrievalResult]:
    return [
        RetrievalResult(
            arm=name,
            split=split.name,
            source=arm["source"],
            candidate_recall=arm["candidate_recall"],
            n_candidates=arm["n_candidates"],
            n_places=arm["n_places"],
            n_filled=arm["n_filled"],
        )
        for name, arm in made["arms"].items()
    ]


def _curves(context: StageContext, split: Split) -> list[CurvePoint]:
    if not context.config.measure.curves:
        return []
    table = context.folder.read_table(f"lists/{split.name}-curve.parquet")
    return [CurvePoint.model_validate(row) for row in table.iter_rows(named=True)]


def _result(
    context: StageContext,
    evaluated: list[EvaluatedSplit],
    parts: Mapping[str, list[Any]],
    specs: Mapping[str, RecommenderSpec],
) -> Result:
    config = context.config
    summary = context.folder.read_json("data/summary.json")
    arms: list[ArmResult] = [arm for found in evaluated for arm in found.arms]
    measures: dict[str, MeasureInfo] = {info.name: info for found in evaluated for info in found.measures}
    measured = {name for arm in arms for name in arm.measures}
    missing: dict[str, NotMeasured] = {
        absent.name: absent for found in evaluated for absent in found.not_measured if absent.name not in measured
    }
    infos = [
        ArmInfo(name=name, description=specs[name].description, uses_language=specs[name].uses_language)
        for name in dict.fromkeys(arm.name for arm in arms)
    ]
    language = {info.name for info in infos if info.uses_language}
    return Result(
        run_id=context.folder.run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        domain=config.domain,
        baseline=config.measure.baseline,
        seed=config.seed,
        data_fingerprint=summary["fingerprint"],
        data=DataSummary(**{name: summary[name] for name in DataSummary.model_fields}),
        splits=parts["splits"],
        arms=arms,
        arm_infos=infos,
        measures=list(measures.values()),
        not_measured=list(missing.values()),
        filters=parts["filters"],
        retrieval=parts["retrieval"],
        curves=parts["curves"],
        predictions=parts["predictions"],
        verdicts=[
            verdict
            for found in evaluated
            for verdict in verdicts(found, language, settings=config.measure, seed=config.seed)
        ],
        sample_users=parts["samples"],
        stages=[],
        config=config.model_dump(mode="json"),
        versions=versions(context.plugins),
    )
