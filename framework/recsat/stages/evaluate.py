"""Stage evaluate: every arm's lists against what users went on to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import polars as pl

from recsat.data.split import Split
from recsat.experiment.causal import causal_tables
from recsat.measure.attribution import attribution
from recsat.measure.behaviour import who_gains
from recsat.measure.evaluate import Draw, evaluate_split
from recsat.measure.evidence import Evidence
from recsat.measure.kinds import KindsOfDraw, kind_accuracy
from recsat.measure.leaders import leaders_of
from recsat.measure.learning import learning_points
from recsat.measure.verdict import verdicts
from recsat.measure.within_slices import within_slices
from recsat.result.leading import may_lead
from recsat.result.model import (
    ArmInfo,
    ArmResult,
    Attribution,
    Counterfactual,
    CurvePoint,
    DataFitness,
    DataSummary,
    Experiment,
    FilterCount,
    KindAccuracy,
    LearningPoint,
    MeasureInfo,
    NotMeasured,
    PolicyLog,
    PredictionError,
    RatingError,
    Result,
    RetrievalResult,
    SampleUser,
    SplitSummary,
    Verdict,
    WithinSlices,
)
from recsat.run.folder import RunFolder
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.index import compression_notes
from recsat.stages.plan import kept_plan
from recsat.stages.prepare import EXPERIMENT_FILE, POLICY_LOGS_FILE, read_split
from recsat.stages.recommend import fixed_parameters, legibility_notes
from recsat.stages.split_lists import SplitLists, read_judged, read_kind_lists
from recsat.stages.trial.counterfactual import counterfactual, counterfactual_lack, rewards_of
from recsat.stages.trial.evidence import evidence_of
from recsat.stages.trial.inputs import RunInputs, embedded_inputs
from recsat.stages.trial.outcomes import outcome_errors
from recsat.stages.trial.ratings import rating_errors
from recsat.stages.trial.samples import sample_users
from recsat.stages.trial.simulated_experiment import simulated_experiment
from recsat.stages.versions import versions


@dataclass
class Parts:
    """The lists of a :class:`~recsat.result.model.Result`, split after split."""

    arms: list[ArmResult] = field(default_factory=list)
    measures: dict[str, MeasureInfo] = field(default_factory=dict)
    not_measured: list[NotMeasured] = field(default_factory=list)
    splits: list[SplitSummary] = field(default_factory=list)
    filters: list[FilterCount] = field(default_factory=list)
    retrieval: list[RetrievalResult] = field(default_factory=list)
    samples: list[SampleUser] = field(default_factory=list)
    curves: list[CurvePoint] = field(default_factory=list)
    learning: list[LearningPoint] = field(default_factory=list)
    predictions: list[PredictionError] = field(default_factory=list)
    ratings: list[RatingError] = field(default_factory=list)
    unpredicted: list[NotMeasured] = field(default_factory=list)
    """What no outcome model and no arm could predict on a split, and why."""
    counterfactuals: list[Counterfactual] = field(default_factory=list)
    experiment: Experiment | None = None
    """The simulated one; that of a log is there before an arm is fitted."""
    without_counterfactual: list[NotMeasured] = field(default_factory=list)
    """Why the log says nothing of a split; empty where nobody recorded what was shown, which is said elsewhere."""
    fitness: list[DataFitness] = field(default_factory=list)
    attributions: list[Attribution] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    within_slices: list[WithinSlices] = field(default_factory=list)
    who_gains: list[WithinSlices] = field(default_factory=list)
    kind_accuracy: list[KindAccuracy] = field(default_factory=list)

    def add_predictions(self, context: StageContext, inputs: RunInputs, split: Split) -> None:
        """Errors of predicted ratings, and of predicted outcomes of what was shown, on ``split``."""
        available = context.plugins.recommenders(context.domain)
        specs = context.plugins.select("arm", available, context.config.arms)
        # All events are the largest table of a run, and nothing else of the stage reads them.
        events = context.folder.read_table("data/events.parquet")
        inputs = replace(inputs, dataset=replace(inputs.dataset, events=events))
        ratings, no_ratings = rating_errors(
            inputs, split, specs, partial(fixed_parameters, context), context.config.measure
        )
        outcomes, no_outcomes = outcome_errors(inputs, split, context.config.measure)
        self.ratings += ratings
        self.predictions += outcomes
        self.unpredicted += [*no_ratings, *no_outcomes]

    def add_counterfactual(
        self,
        context: StageContext,
        inputs: RunInputs,
        split: Split,
        lists_by_arm: Mapping[str, pl.DataFrame],
        pair: tuple[str, str] | None,
    ) -> None:
        """What the log after the cut of ``split`` says of its arms, and of the verdict's ``pair``."""
        lack = counterfactual_lack(inputs, split)
        if lack is None:
            lists = _everybodys_lists(context, split, lists_by_arm)
            assert inputs.dataset.exposures is not None
            self.counterfactuals += [
                counterfactual(inputs, split, lists, context.config.measure, pair, reward)
                for reward in rewards_of(inputs.dataset.exposures, split)
            ]
        elif inputs.dataset.exposures is not None:
            self.without_counterfactual.append(NotMeasured(name="counterfactual-value", reason=lack))

    def add_experiment(
        self, context: StageContext, split: Split, lists_by_arm: Mapping[str, pl.DataFrame], pair: tuple[str, str]
    ) -> None:
        """That of the verdict's ``pair``, where ``measure.experiment`` has the domain's simulator show the lists of ``split``."""
        settings = context.config.measure.experiment
        if settings is None or settings.simulated_split != split.name:
            return
        self.experiment = simulated_experiment(
            context.domain,
            context.domain_config,
            _everybodys_lists(context, split, {name: lists_by_arm[name] for name in pair}),
            pair,
            settings,
            seed=context.config.seed,
            confidence=context.config.measure.confidence,
        )

    def never_predicted(self) -> list[NotMeasured]:
        """Of ``unpredicted`` what no other split has either, each once."""
        names = {f"{error.event}-error" for error in self.predictions if error.arm is None}
        names |= {"outcome-error"} if names else set()
        names |= {"rating-error"} if self.ratings else set()
        return list({lack.name: lack for lack in reversed(self.unpredicted) if lack.name not in names}.values())


def evaluate(context: StageContext) -> StageCounts:
    """Writes measures/<split>.parquet, what every user has of every measure, and evaluated.json, the result without the stages' costs.

    Who was served and what their lists could have held is what the stage ``recommend`` wrote, so that both speak of one fold.
    """
    folder, config = context.folder, context.config
    inputs = embedded_inputs(context, with_events=False)
    context.progress.expect(len(config.splits))
    parts = Parts()
    for settings in config.splits:
        _evaluate_split(context, inputs, read_split(folder, settings.name), settings.n_draws, parts)
        context.progress.advance()
    result = _result(context, parts)
    folder.write_json("evaluated.json", result.model_dump(mode="json"))
    return StageCounts(n_new=len(parts.arms))


def values_file(split: str) -> str:
    """Where the values of a split's users are: see :meth:`~recsat.measure.user_values.UserValues.wide`."""
    return f"measures/{split}.parquet"


def _everybodys_lists(context: StageContext, split: Split, lists_by_arm: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """(user_id, item_id, rank, arm): also of those who were shown something after the cut and liked nothing, where there are lists of theirs."""
    tables = list(lists_by_arm.values())
    if context.folder.has(place := f"lists/{split.name}-without-likes.parquet"):
        tables.append(context.folder.read_table(place))
    return pl.concat([table.select("user_id", "item_id", "rank", "arm") for table in tables])


def _draw(context: StageContext, inputs: RunInputs, split: Split) -> tuple[SplitLists, Draw]:
    """What the stage recommend made of one draw of a split; each arm's lists are read when they are judged."""
    stored, users, relevant = read_judged(context.folder, split.name, split.draw)
    return stored.record, Draw(stored, evidence_of(inputs, split, users, relevant))


def _evaluate_split(context: StageContext, inputs: RunInputs, split: Split, n_draws: int, parts: Parts) -> None:
    config = context.config
    measure = config.measure.on(split.protocol)
    record, draw = _draw(context, inputs, split)
    further = [
        _draw(context, inputs, read_split(context.folder, split.name, number))[1] for number in range(2, n_draws + 1)
    ]
    by_arm, evidence = draw.lists_by_arm, draw.evidence
    validation_ndcg = {name: arm.validation_ndcg for name, arm in record.arms.items()}
    evaluated = evaluate_split(
        by_arm,
        evidence,
        further,
        metrics=context.plugins.metrics(context.domain),
        settings=measure,
        k=config.rank.k,
        seed=config.seed,
        parameters={name: arm.parameters for name, arm in record.arms.items()},
        validation_ndcg=validation_ndcg,
    )
    context.folder.write_table_parts(values_file(split.name), evaluated.values.wide())
    parts.arms += evaluated.arms
    parts.measures |= {info.name: info for info in evaluated.measures}
    parts.not_measured += evaluated.not_measured
    parts.fitness.append(context.folder.read_as(f"splits/{split.name}/fitness.json", DataFitness))
    parts.splits.append(_summary(split, record, n_draws, len(evidence.users), len(inputs.catalogue), measure.baseline))
    parts.filters += _filters(record)
    parts.retrieval += _retrieval(record)
    parts.curves += _curves(context, split)
    if measure.learning_curve:
        table = context.folder.read_table(f"lists/{split.name}-learning.parquet")
        parts.learning += learning_points(table, settings=measure, seed=config.seed)
    parts.predictions += record.predictions
    parts.add_predictions(context, inputs, split)
    of_kinds = {
        (kind, record.leader): read_kind_lists(context.folder, split.name, split.draw, kind, record.leader)
        for kind in config.rank.kinds
    }
    n_sample = config.measure.n_sample_users
    parts.samples += sample_users(context.domain, evidence, by_arm, n_sample, config.seed, of_kinds)
    specs = context.plugins.recommenders(context.domain)
    leading = {name: ndcg for name, ndcg in validation_ndcg.items() if may_lead(specs[name].control)}
    reads = {name: specs[name].reads for name in leading}
    leaders = leaders_of(evaluated, leading, reads, measure.baseline)
    of_split = verdicts(evaluated, leaders, settings=measure, seed=config.seed)
    parts.verdicts += of_split.values()
    parts.attributions.append(
        attribution(
            evaluated,
            leaders,
            of_split["accuracy"].outcome,
            reranker=config.rank.reranker,
            settings=measure,
            seed=config.seed,
        )
    )
    accuracy = of_split["accuracy"].primary
    pair = None if accuracy is None else (accuracy.arm, accuracy.other)
    parts.add_counterfactual(context, inputs, split, by_arm, pair)
    if pair is not None:
        parts.add_experiment(context, split, by_arm, pair)
    if config.rank.kinds:
        of_draws = [_kinds_of_draw(context, one.evidence, number) for number, one in enumerate((draw, *further), 1)]
        parts.kind_accuracy += kind_accuracy(
            split.name,
            config.rank.kinds,
            list(record.arms),
            of_draws,
            pair=pair,
            settings=measure,
            k=config.rank.k,
            seed=config.seed,
        )
    if accuracy is not None:
        parts.within_slices.append(within_slices(evaluated, accuracy, settings=measure, seed=config.seed))
        histories = [one.evidence for one in (draw, *further)]
        parts.who_gains.append(
            who_gains(evaluated, accuracy, histories, settings=measure, seed=config.seed, kinds=config.rank.kinds)
        )


def _kinds_of_draw(context: StageContext, evidence: Evidence, number: int) -> KindsOfDraw:
    """What the stage recommend listed of each kind in that draw, and what it is judged by."""
    ranked = evidence.items.select("item_id", "kind")
    if evidence.candidates is not None:
        ranked = ranked.filter(pl.col("item_id").is_in(evidence.candidates.implode()))
    return KindsOfDraw(partial(read_kind_lists, context.folder, evidence.split, number), evidence.relevant, ranked)


def _summary(split: Split, record: SplitLists, n_draws: int, n_users: int, n_items: int, baseline: str) -> SplitSummary:
    return SplitSummary(
        name=split.name,
        protocol=split.protocol,
        description=split.description,
        n_train=split.train.height,
        n_validation=split.validation.height,
        n_test=split.test.height,
        n_users=n_users,
        n_draws=n_draws,
        n_candidate_items=n_items if split.test_items is None else len(split.test_items),
        leader=record.leader,
        baseline=baseline,
    )


def _filters(record: SplitLists) -> list[FilterCount]:
    return [
        FilterCount(name=name, split=record.split, n_removed=removed, n_candidates=record.n_pairs)
        for name, removed in record.removed.items()
    ]


def _retrieval(record: SplitLists) -> list[RetrievalResult]:
    return [
        RetrievalResult(
            arm=name,
            split=record.split,
            source=arm.source,
            candidate_recall=arm.candidate_recall,
            n_candidates=arm.n_candidates,
            n_places=arm.n_places,
            n_filled=arm.n_filled,
        )
        for name, arm in record.arms.items()
    ]


def _policy_logs(folder: RunFolder) -> list[PolicyLog]:
    rows = folder.read_json(POLICY_LOGS_FILE) if folder.has(POLICY_LOGS_FILE) else []
    return [PolicyLog.model_validate(row) for row in rows]


def _curves(context: StageContext, split: Split) -> list[CurvePoint]:
    if not context.config.measure.curves:
        return []
    table = context.folder.read_table(f"lists/{split.name}-curve.parquet")
    return [CurvePoint.model_validate(row) for row in table.iter_rows(named=True)]


def _without_lists(context: StageContext) -> Iterator[str]:
    """A sentence for each split on which users have no list."""
    for settings in context.config.splits:
        stored, users, _ = read_judged(context.folder, settings.name)
        listed = pl.concat([lists["user_id"].unique() for lists in stored.values()]).n_unique()
        if listed < len(users):
            yield f"split {settings.name}: {len(users) - listed:,} of {len(users):,} users have no list, because filters leave them no candidate; their measures are 0"


def _result(context: StageContext, parts: Parts) -> Result:
    config = context.config
    specs = context.plugins.recommenders(context.domain)
    summary = context.folder.read_json("data/summary.json")
    arms, measures = parts.arms, parts.measures
    measured = {name for arm in arms for name in arm.measures}
    missing = {absent.name: absent for absent in parts.not_measured if absent.name not in measured}
    experiment = parts.experiment
    if context.folder.has(EXPERIMENT_FILE):
        experiment = context.folder.read_as(EXPERIMENT_FILE, Experiment)
    return Result(
        run_id=context.folder.run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        domain=config.domain,
        baseline=str(parts.splits[0].baseline),
        seed=config.seed,
        data_fingerprint=summary["fingerprint"],
        data=DataSummary(
            **{name: summary[name] for name in DataSummary.model_fields if name in summary and name != "notes"},
            notes=[
                *summary.get("notes", []),
                *legibility_notes(context),
                *compression_notes(context),
                *_without_lists(context),
            ],
        ),
        splits=parts.splits,
        arms=arms,
        arm_infos=[
            ArmInfo(
                name=name,
                description=specs[name].description,
                reads=specs[name].reads,
                control=specs[name].control,
            )
            for name in dict.fromkeys(arm.name for arm in arms)
        ],
        measures=list(measures.values()),
        not_measured=[
            *missing.values(),
            *parts.never_predicted(),
            *([] if parts.counterfactuals else parts.without_counterfactual[:1]),
        ],
        filters=parts.filters,
        retrieval=parts.retrieval,
        curves=parts.curves,
        learning=parts.learning,
        predictions=parts.predictions,
        ratings=parts.ratings,
        counterfactuals=parts.counterfactuals,
        policy_logs=_policy_logs(context.folder),
        causal=causal_tables(
            parts.verdicts,
            parts.counterfactuals,
            experiment,
            labels={name: info.label for name, info in measures.items()},
            simulated=summary["simulated"],
        ),
        experiment=experiment,
        fitness=parts.fitness,
        attributions=parts.attributions,
        verdicts=parts.verdicts,
        within_slices=parts.within_slices,
        who_gains=parts.who_gains,
        kind_accuracy=parts.kind_accuracy,
        plan=kept_plan(context.folder, config, context.plugins),
        sample_users=parts.samples,
        stages=[],
        config=config.model_dump(mode="json"),
        versions=versions(context.plugins),
    )
