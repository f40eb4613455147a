"""Is a model worse than the one that is served? Both judged on the same users and the same held-out events, of which neither has seen one.

See docs/decisions/0027-promotion.md for what stands against what, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from pydantic import JsonValue

from recsat.config.settings import MeasureSettings, PromoteSettings, RunConfig
from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec, SatisfactionMetric
from recsat.contract.interactions import Catalogue, UserBatch
from recsat.data.split import Split
from recsat.lists.make import Recommended, lists_of
from recsat.lists.request import Request, Retriever
from recsat.measure.across_runs import PAIR, JudgedLists, scores_of_both
from recsat.measure.comparisons import compare, mean_over_draws
from recsat.measure.intervals import finite_or_none
from recsat.measure.measures import comparable, key_of, measure_key
from recsat.plugins import Plugins
from recsat.stages.promotion.record import Against, Evidence
from recsat.stages.trial.evidence import evidence_of
from recsat.stages.trial.fitting import fitted_arm
from recsat.stages.trial.fold import Fold, test_fold, validation_fold
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.request import request_of, reranker_of
from recsat.stages.trial.rerank import with_reranker

Draws = Sequence[tuple[JudgedLists, JudgedLists]]
"""Of each draw of a split: the lists of what is held against, and of what is to be promoted."""
NAME = "model"
"""Both models' lists are compared under one name, whatever arm made them."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model came about, so that it can be made again of other events."""

    arm: str
    spec: RecommenderSpec
    parameters: Mapping[str, JsonValue]
    config: RunConfig
    """Of its run: filters, reranker, length of a list."""
    inputs: RunInputs
    """Of its run: item vectors, texts, filters."""


def lists_of_recipe(recipe: Recipe, inputs: RunInputs, split: Split, plugins: Plugins) -> JudgedLists:
    """The lists of ``recipe`` on ``split`` of ``inputs``, fitted on what is known there.

    Items that the recipe's run did not have are left out, for it has no vectors of them; the others keep the vectors of that run.
    """
    inputs, split = of_both(recipe, inputs, split)
    judging = test_fold(inputs, split)
    prepared = with_reranker(
        inputs,
        replace(request_of(recipe.config, inputs.domain), explain=False),
        reranker_of(recipe.config, inputs.domain, plugins),
        recipe.arm,
        recipe.spec,
        recipe.parameters,
        judging,
        split.name,
        lambda: validation_fold(inputs, split),
    )
    fitted = fitted_arm(recipe.spec, recipe.parameters, judging.train)
    lists = lists_of(judging, NAME, fitted, prepared.request).lists
    return judged(lists, judging, inputs, split)


def lists_of_fitted(
    recommender: Recommender,
    asking: Callable[[UserBatch], Request],
    inputs: RunInputs,
    split: Split,
    retriever: Retriever | None = None,
) -> tuple[JudgedLists, Recommended]:
    """The lists of an arm that was fitted on everything, for the users of ``split`` from their histories as known there.

    It has seen the held-out events too, so its lists should be as good as those that its run judged, or better.
    """
    judging = test_fold(inputs, split)
    request = replace(asking(judging.users), explain=False)
    recommended = lists_of(judging, NAME, recommender, request, retriever=retriever)
    return judged(recommended.lists, judging, inputs, split), recommended


def judged(lists: pl.DataFrame, fold: Fold, inputs: RunInputs, split: Split) -> JudgedLists:
    """``lists`` under :data:`NAME`, with what :func:`~recsat.measure.across_runs.scores_of_both` asks for."""
    known = pl.concat([split.train.select(PAIR), split.validation.select(PAIR)]).unique()
    items = inputs.catalogue.items["item_id"] if split.test_items is None else split.test_items
    tables = evidence_of(inputs, split, fold.users.id_series, fold.relevant)
    return JudgedLists(lists.with_columns(arm=pl.lit(NAME)), fold.relevant, known, items, tables)


def of_both(recipe: Recipe, inputs: RunInputs, split: Split) -> tuple[RunInputs, Split]:
    """``inputs`` and ``split`` with the items that the recipe's run has too, its vectors, filters and seed."""
    theirs = recipe.inputs.catalogue
    items = inputs.catalogue.items.join(theirs.items.select("item_id"), on="item_id", how="semi", maintain_order="left")
    catalogue = Catalogue(items)
    rows = theirs.positions(items["item_id"])
    places = inputs.catalogue.positions(items["item_id"]).tolist()
    dataset = inputs.dataset
    shared = RunInputs(
        dataset=replace(
            dataset,
            items=items,
            events=_on(dataset.events, items),
            exposures=None if dataset.exposures is None else _on(dataset.exposures, items),
        ),
        catalogue=catalogue,
        domain=inputs.domain,
        domain_config=inputs.domain_config,
        filters=recipe.inputs.filters,
        vectors={name: vectors[rows] for name, vectors in recipe.inputs.vectors.items()},
        item_texts=[inputs.item_texts[place] for place in places] if inputs.item_texts else (),
        encode=recipe.inputs.encode,
        encode_users=recipe.inputs.encode_users,
        seed=recipe.inputs.seed,
        encoder=recipe.inputs.encoder,
    )
    return shared, replace(
        split,
        train=_on(split.train, items),
        validation=_on(split.validation, items),
        test=_on(split.test, items),
        validation_items=_among(split.validation_items, items),
        test_items=_among(split.test_items, items),
    )


def _on(table: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    return table.join(items.select("item_id"), on="item_id", how="semi", maintain_order="left")


def _among(ids: pl.Series | None, items: pl.DataFrame) -> pl.Series | None:
    return None if ids is None else ids.filter(ids.is_in(items["item_id"].implode()))


def weigh(
    draws: Draws,
    against: Against,
    rule: PromoteSettings,
    settings: MeasureSettings,
    *,
    k: int,
    seed: int,
    metrics: Mapping[str, SatisfactionMetric] = {},
) -> list[Evidence]:
    r"""``rule.measure`` and its guards, each of which must hold.

    What is left of the margin m is the mean of :math:`x_{now,u} - (1 - m)\,x_{before,u}` over users u; of a measure that is better lower, of
    :math:`(1 + m)\,x_{before,u} - x_{now,u}`. Within the margin: it is not below 0, and there are users enough for an interval. This errs as often of a model that
    lost twice the margin as of one that lost nothing. Not worse: the lower end of its interval is not below 0, a test of non-inferiority at half of 1 − confidence that knows the mean before no better than the data do (Fieller's way
    with a ratio), and it has an interval where almost all lists are equal. Better: the same with m = 0, and above 0. As all must hold,
    nothing is corrected for (intersection-union test: Berger, Technometrics 1982). Where nobody can be compared by, nothing holds.
    """
    margins = {**rule.guards, rule.measure: rule.margin}
    names = [rule.measure, *rule.guards]
    is_better = rule.policy == "better" and against == "served model"
    if is_better:
        margins[rule.measure] = 0.0
    scores = scores_of_both(draws, arms=[NAME], measures=names, k=k, metrics=metrics)
    if scores is None:
        return [_nothing(against, key_of(rule.measure, k), margins[rule.measure])]
    sign = np.array([1 if comparable(metrics)[name] == "higher" else -1 for name in names])[None, :, None]
    share = 1 - sign * np.array([margins[name] for name in names])[None, :, None]
    plain, shifted = (
        compare(values, settings=settings, seed=seed).intervals
        for values in (scores.now - scores.before, sign * (scores.now - share * scores.before))
    )
    before, now = (np.nanmean(mean_over_draws(values), axis=0) for values in (scores.before, scores.now))
    return [
        Evidence(
            against=against,
            measure=measure_key(name, k, metrics),
            margin=margins[name],
            mean_before=float(before[at]),
            mean_now=float(now[at]),
            difference=float(plain.mean[at]),
            low=finite_or_none(plain.low[at]),
            high=finite_or_none(plain.high[at]),
            reserve=float(shifted.mean[at]),
            reserve_low=finite_or_none(shifted.low[at]),
            reserve_high=finite_or_none(shifted.high[at]),
            n_users=int(plain.n_users[at]),
            holds=_holds(rule, is_better and name == rule.measure, shifted.mean[at], shifted.low[at]),
        )
        if np.isfinite(plain.mean[at])
        else _nothing(against, measure_key(name, k, metrics), margins[name])
        for at, name in enumerate(names)
    ]


def _holds(rule: PromoteSettings, is_better: bool, reserve: float, low: float) -> bool:
    """What the policy asks of the mean that is left of the margin, ``reserve``, and of the lower end of its interval."""
    if rule.policy == "within-margin":
        return bool(np.isfinite(low) and reserve >= 0)
    return bool(low > 0 if is_better else low >= 0)


def _nothing(against: Against, measure: str, margin: float) -> Evidence:
    return Evidence(against=against, measure=measure, margin=margin, n_users=0, holds=False)
