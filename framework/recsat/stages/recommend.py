"""Stage recommend: every arm is tuned on validation, fitted on all that is known, and makes its lists for the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl
from pydantic import JsonValue

from recsat.config.settings import SplitSettings
from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.data.split import Split
from recsat.errors import ConfigError
from recsat.lists.attributes import attributes_of
from recsat.lists.candidates import StoreRetriever
from recsat.lists.filters import FilterPlan
from recsat.lists.make import Recommended, lists_of
from recsat.lists.of_kind import of_kind
from recsat.lists.request import Request, Retriever
from recsat.measure.pooled import Resampling
from recsat.result.leading import leader, may_lead
from recsat.result.model import PredictionError
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.embed import LEGIBILITY_FILE
from recsat.stages.index import opened_retriever, retriever_of
from recsat.stages.prepare import read_split
from recsat.stages.split_lists import (
    ArmLists,
    ListParts,
    SplitLists,
    remove_parts,
    write_kind_lists,
    write_split_lists,
)
from recsat.stages.trial.counterfactual import plain_lists, without_likes
from recsat.stages.trial.curves import CURVE_SCHEMA, CurveArm, curves
from recsat.stages.trial.fitting import choices_of, fitted_arm, without_choices
from recsat.stages.trial.fold import Fold, test_fold, validation_fold
from recsat.stages.trial.inputs import RunInputs, embedded_inputs
from recsat.stages.trial.learning import LEARNING_SCHEMA, learning_curve
from recsat.stages.trial.predictions import test_errors
from recsat.stages.trial.request import request_of, reranker_of
from recsat.stages.trial.rerank import PreparedRequest, with_reranker
from recsat.stages.trial.tune import settings_of, tune

COLD_ITEMS = "cold-items"
CHOSEN_ANEW = ("mixed",)
"""Protocols on whose further draws an arm makes its own choices again: where warm and unseen items share a list, what is learnt of a few hidden items moves every
user's, and were it learnt once, that chance would be in no interval (`docs/coverage-draws.md`)."""


def able_arms(arms: dict[str, RecommenderSpec], protocol: str) -> dict[str, RecommenderSpec]:
    """``arms`` that can say something on a split: where only unseen items are ranked, those that can order them."""
    return {name: spec for name, spec in arms.items() if protocol != COLD_ITEMS or spec.ranks_unseen_items}


def arms_of(context: StageContext, split: Split | SplitSettings) -> dict[str, RecommenderSpec]:
    """The run's arms that can say something on this split, the baseline first, each with the controls that the run asks for."""
    available = context.plugins.recommenders(context.domain)
    names = list(dict.fromkeys([context.config.measure.on(split.protocol).baseline, *context.config.arms]))
    arms = context.plugins.select("arm", available, names)
    for name, spec in list(arms.items()):
        for control in context.config.measure.controls:
            if control in spec.controls:
                arms |= context.plugins.select("arm", available, [f"{name}-{control}"])
    return able_arms(arms, split.protocol)


def legible_arms(context: StageContext, arms: dict[str, RecommenderSpec]) -> dict[str, RecommenderSpec]:
    """``arms``, the baseline first, without those that read, where all items look alike to them: their scores would tie, and the order of ties is no recommendation.

    Raises ConfigError where the baseline is such an arm.
    """
    legibility = context.folder.read_json(LEGIBILITY_FILE)
    blind = set[str]()
    if legibility["n_vectors"] < 2:
        blind.add("language model")
    if legibility["n_texts"] < 2:
        blind.add("words")
    able = {
        name: spec
        for name, spec in arms.items()
        # A control says something of the arm that it is the control of, and of nothing else.
        if spec.reads not in blind and _controlled(name, spec, arms).reads not in blind
    }
    baseline = next(iter(arms))
    if baseline not in able:
        raise ConfigError(
            f"measure.baseline: {baseline!r} reads, and all items look alike to it: {'; '.join(legibility_notes(context))}. Choose popularity."
        )
    return able


def _controlled(name: str, spec: RecommenderSpec, arms: Mapping[str, RecommenderSpec]) -> RecommenderSpec:
    """The arm of which ``spec`` is the control, where it is one of an arm of the run; else itself."""
    return arms.get(name.removesuffix(f"-{spec.control}"), spec) if spec.control else spec


def legibility_notes(context: StageContext) -> list[str]:
    """What the stage embed has to say of the items' texts."""
    notes: list[str] = context.folder.read_json(LEGIBILITY_FILE)["notes"]
    return notes


def fixed_parameters(context: StageContext, name: str, spec: RecommenderSpec) -> Mapping[str, JsonValue]:
    """What the run fixes of an arm; of a control what it fixes of the arm that this is the control of, unless it says otherwise."""
    fixed = context.config.parameters
    of_arm = name.removesuffix(f"-{spec.control}") if spec.control else name
    return fixed.get(name, fixed.get(of_arm, {}))


def recommend(context: StageContext) -> StageCounts:
    """Writes what :func:`~recsat.stages.split_lists.write_split_lists` does for every draw of every split, lists/<split>-tuning.parquet, and
    lists/<split>-curve.parquet and lists/<split>-learning.parquet where asked; lists/<split>-without-likes.parquet has the lists of those who were shown something after the cut and liked nothing,
    where the log can be judged, and lists/<split>-kinds.parquet the lists of one kind alone, where ``rank.kinds`` asks for them. Arms are tuned on the first
    draw of a split alone, and make choices of their own there and, by :data:`CHOSEN_ANEW`, on each further one.
    """
    remove_parts(context.folder)
    inputs = embedded_inputs(context, with_events=False)
    splits = context.config.splits
    n_draws = {settings.name: settings.n_draws for settings in splits}
    arms = {settings.name: legible_arms(context, arms_of(context, settings)) for settings in splits}
    context.progress.expect(
        sum(
            len(settings_of(spec, fixed_parameters(context, name, spec))) + n_draws[split]
            for split, of_split in arms.items()
            for name, spec in of_split.items()
        )
        + len(splits) * context.config.measure.curves
        + sum(name in of_split for of_split in arms.values() for name in context.config.measure.learning_curve)
    )
    n_lists = 0
    with opened_retriever(context) as retriever:
        for settings in splits:
            n_lists += lists_of_split(context, inputs, retriever, settings, arms[settings.name])
    return StageCounts(n_new=n_lists)


def lists_of_split(
    context: StageContext,
    inputs: RunInputs,
    retriever: StoreRetriever,
    settings: SplitSettings,
    arms: Mapping[str, RecommenderSpec],
) -> int:
    """What the stage writes of every draw of one split; returns the number of lists. Nothing of a split outlives it: its events are most of the memory."""
    trial = SplitTrial(context, inputs, retriever, read_split(context.folder, settings.name))
    for name, spec in arms.items():
        trial.add(name, spec)
    trial.write()
    n_lists = len(trial.lists) * len(trial.judging.users)
    for draw in range(2, settings.n_draws + 1):
        n_lists += trial.repeat(read_split(context.folder, settings.name, draw))
    return n_lists


@dataclass
class SplitTrial:
    """The arms of one split, one after the other; of the fitted ones only that is kept whose curve may be drawn."""

    context: StageContext
    inputs: RunInputs
    retriever: StoreRetriever
    split: Split
    specs: dict[str, RecommenderSpec] = field(default_factory=dict)
    lists: dict[str, ArmLists] = field(default_factory=dict)
    tuning_tables: list[pl.DataFrame] = field(default_factory=list)
    tables_without_likes: list[pl.DataFrame] = field(default_factory=list)
    predictions: list[PredictionError] = field(default_factory=list)
    curve_arm: CurveArm | None = None

    def __post_init__(self) -> None:
        self.tuning: Fold = validation_fold(self.inputs, self.split)
        self.judging: Fold = test_fold(self.inputs, self.split)
        refuse_no_candidates(self.split.name, self.judging.plan)
        self.without_likes = without_likes(self.inputs, self.split, self.judging.users.id_series)
        self.parts, self.kind_parts = ListParts(self.context.folder), ListParts(self.context.folder)
        attributes = attributes_of(self.context.domain, self.inputs.catalogue, self.context.domain_config)
        self.request = replace(request_of(self.context.config, self.context.domain), attributes=attributes)
        self.make_reranker = reranker_of(self.context.config, self.context.domain, self.context.plugins)

    def add(self, name: str, spec: RecommenderSpec) -> None:
        """Tunes the arm, fits it, makes its lists."""
        context, split = self.context, self.split.name
        fixed = fixed_parameters(context, name, spec)
        advance = context.progress.advance
        tuned = tune(name, spec, fixed, self.tuning, self.request, advance, known=self.judging.train)
        prepared, fitted, recommended = self._lists(
            name, spec, tuned.parameters, self.inputs, self.request, self.judging, lambda: self.tuning, self.kind_parts
        )
        errors = test_errors(context.domain, name, fitted, split, self.judging, prepared.request, self._resampling)
        self.predictions += [*prepared.errors, *errors]
        self.parts.add(recommended.lists)
        if self.without_likes is not None:
            retriever = self._retriever(spec, fitted)
            of_others = plain_lists(self.inputs, self.without_likes, name, fitted, prepared.request, retriever)
            self.tables_without_likes.append(of_others)
            self.retriever.store.rest()
        self.tuning_tables.append(tuned.table)
        self.specs[name], self.lists[name] = spec, arm_lists(tuned.parameters, tuned.validation_ndcg, recommended)
        if name == (context.config.measure.curve_arm or self.leader):
            self.curve_arm = CurveArm(name, spec, tuned.parameters, fitted)

    def repeat(self, split: Split) -> int:
        """Fits the arms for a further draw of the split, with the parameters that they were tuned to on the first (:data:`CHOSEN_ANEW`); returns the number of lists."""
        inputs = replace(self.inputs, seed=self.inputs.seed + split.draw - 1)
        judging, request = test_fold(inputs, split), replace(self.request, explain=False)
        of_arms: dict[str, ArmLists] = {}
        parts, kind_parts = ListParts(self.context.folder), ListParts(self.context.folder)
        for name, spec in self.specs.items():
            parameters = self.lists[name].parameters
            if split.protocol in CHOSEN_ANEW:
                parameters = {**without_choices(spec, parameters), **fixed_parameters(self.context, name, spec)}
                parameters |= choices_of(spec, parameters, judging.train)
            _, _, recommended = self._lists(
                name, spec, parameters, inputs, request, judging, lambda: validation_fold(inputs, split), kind_parts
            )
            of_arms[name] = arm_lists(parameters, self.lists[name].validation_ndcg, recommended)
            parts.add(recommended.lists)
        record = SplitLists(
            split=split.name,
            draw=split.draw,
            leader=self.leader,
            arms=of_arms,
            removed=judging.plan.removed,
            n_pairs=judging.plan.n_candidates,
            predictions=[],
        )
        write_split_lists(self.context.folder, record, parts, judging.users.id_series, judging.relevant)
        write_kind_lists(self.context.folder, split.name, split.draw, kind_parts)
        return len(of_arms) * len(judging.users)

    def _lists(
        self,
        name: str,
        spec: RecommenderSpec,
        parameters: Mapping[str, JsonValue],
        inputs: RunInputs,
        request: Request,
        judging: Fold,
        tuning: Callable[[], Fold],
        kind_parts: ListParts,
    ) -> tuple[PreparedRequest, Recommender, Recommended]:
        split = self.split.name
        prepared = with_reranker(
            inputs, request, self.make_reranker, name, spec, parameters, judging, split, tuning, self._resampling
        )
        fitted = fitted_arm(spec, parameters, judging.train)
        retriever = self._retriever(spec, fitted)
        recommended = lists_of(judging, name, fitted, prepared.request, retriever=retriever)
        for kind in self.context.config.rank.kinds:
            kind_parts.add(lists_of_kind(judging, kind, name, fitted, prepared.request, retriever))
        self.retriever.store.rest()  # another run may have the store while the next arm is fitted
        self.context.progress.advance()
        return prepared, fitted, recommended

    @property
    def _resampling(self) -> Resampling:
        measure = self.context.config.measure
        return Resampling(measure.confidence, measure.n_bootstrap, self.context.config.seed)

    def _retriever(self, spec: RecommenderSpec, fitted: Recommender) -> Retriever | None:
        # What a control reads is in no store.
        without = spec.control is not None or self.context.config.rank.source == "catalogue"
        return None if without else retriever_of(self.context, self.retriever, fitted)

    @property
    def leader(self) -> str:
        """The arm that leads among those that were added."""
        ndcg = {name: self.lists[name].validation_ndcg for name, spec in self.specs.items() if may_lead(spec.control)}
        name = leader(ndcg, self.context.config.measure.on(self.split.protocol).baseline)
        assert name is not None, "the baseline ranks on every split"
        return name

    def write(self) -> None:
        """What the stage writes of this split."""
        context, judging, place = self.context, self.judging, f"lists/{self.split.name}"
        record = SplitLists(
            split=self.split.name,
            leader=self.leader,
            arms=self.lists,
            removed=judging.plan.removed,
            n_pairs=judging.plan.n_candidates,
            predictions=self.predictions,
        )
        n_listed = len(self.parts.listed)
        if n_listed < len(judging.users):
            context.progress.note(
                f"split {self.split.name}: {len(judging.users) - n_listed:,} of {len(judging.users):,} users have no list; filters leave them no candidate"
            )
        write_split_lists(context.folder, record, self.parts, judging.users.id_series, judging.relevant)
        write_kind_lists(context.folder, self.split.name, self.split.draw, self.kind_parts)
        context.folder.write_table(f"{place}-tuning.parquet", pl.concat(self.tuning_tables))
        if self.without_likes is not None:
            context.folder.write_table(f"{place}-without-likes.parquet", pl.concat(self.tables_without_likes))
        if context.config.measure.curves:
            context.folder.write_table(f"{place}-curve.parquet", self.curves())
            context.progress.advance()
        if context.config.measure.learning_curve:
            context.folder.write_table(f"{place}-learning.parquet", self.learning())

    def curves(self) -> pl.DataFrame:
        """Those of ``measure.curve_arm``, or of the arm that leads; empty where the named arm ranks nothing on this split."""
        if self.curve_arm is None:
            return pl.DataFrame(schema=CURVE_SCHEMA)
        rerankers = self.context.plugins.rerankers(self.context.domain)
        return curves(
            rerankers, self.context.domain, self.split.name, self.curve_arm, self.tuning, self.judging, self.request
        )

    def learning(self) -> pl.DataFrame:
        """Learning curves of the arms of ``measure.learning_curve`` that rank on this split."""
        tables = [pl.DataFrame(schema=LEARNING_SCHEMA)]
        for name in self.context.config.measure.learning_curve:
            if name in self.specs:
                parameters = self.lists[name].parameters
                tables.append(
                    learning_curve(self.split.name, name, self.specs[name], parameters, self.judging, self.request)
                )
                self.context.progress.advance()
        return pl.concat(tables)


def lists_of_kind(
    judging: Fold, kind: str, arm: str, fitted: Recommender, request: Request, retriever: Retriever | None
) -> pl.DataFrame:
    """Everybody's lists of items of ``kind`` alone, by the same arm, reranker and fallbacks as the lists of all kinds; without reasons."""
    audience = replace(judging, plan=of_kind(judging.plan, judging.catalogue, kind))
    plain = replace(request, explain=False, recall=False)
    lists = lists_of(audience, arm, fitted, plain, retriever=retriever, fallbacks=judging.fallbacks).lists
    return lists.select(pl.lit(kind).alias("kind"), pl.exclude("reason"))


def refuse_no_candidates(split: str, plan: FilterPlan) -> None:
    """Raises ConfigError where filters leave no user anything to be shown: every measure would be 0, and nothing would be known by it."""
    if sum(plan.removed.values()) < plan.n_candidates or not plan.n_candidates:
        return
    listed = ", ".join(f"{name} removed {n:,}" for name, n in plan.removed.items() if n)
    raise ConfigError(
        f"split {split!r}: the filters leave no candidate of {plan.n_candidates:,} pairs of a user and an item: {listed}. "
        "Take one out of rank.filters, or change its settings in domain_config."
    )


def arm_lists(parameters: Mapping[str, JsonValue], validation_ndcg: float, recommended: Recommended) -> ArmLists:
    """How the lists were made."""
    return ArmLists(
        parameters=dict(parameters),
        validation_ndcg=validation_ndcg,
        source=recommended.source,
        candidate_recall=recommended.candidate_recall,
        n_candidates=recommended.n_candidates,
        n_places=recommended.lists.height,
        n_filled=recommended.n_filled,
    )
