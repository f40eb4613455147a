"""What diversity costs: trade-offs of every reranker, swept for one arm on the validation part of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl

from recsat.contract.arm import Recommender
from recsat.contract.domain import Domain, RecommenderSpec, RerankerSpec
from recsat.contract.reranker import LearnedReranker, Reranker, TextReranker
from recsat.lists.request import Request
from recsat.lists.shortlist import shortlists
from recsat.measure.evidence import ItemVectors
from recsat.rerank.budget import DiversityBudget
from recsat.rerank.make import TOPICAL, make_reranker
from recsat.rerank.trade_off import LOSS, ScoredUsers, TradeOffPoint, chosen_point, measured, scored_users, sweep
from recsat.stages.trial.examples import examples, features_of
from recsat.stages.trial.fitting import fitted_arm
from recsat.stages.trial.fold import Fold, some_of

BUDGET = "budget"
BUDGET_MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Multiples of the trade-off that a budget learnt, at which its curve is drawn. That trade-off is often far below the 0.05 of the fixed ones,
since it weighs one item's expected gain against the diversity of a whole list."""
MOST_USERS = 1_000
"""More are sampled: a point is a mean over users, and the price of a sweep grows with them."""
CURVE_SCHEMA = pl.Schema(
    {
        "arm": pl.String,
        "split": pl.String,
        "part": pl.String,
        "reranker": pl.String,
        "parameter": pl.Float64,
        "ndcg": pl.Float64,
        "ild": pl.Float64,
        "chosen": pl.Boolean,
        "n_users": pl.Int64,
    }
)


@dataclass(frozen=True)
class CurveArm:
    """The arm that curves are of: its parameters, and itself as fitted for the test part, which is not fitted again."""

    name: str
    spec: RecommenderSpec
    parameters: Mapping[str, Any]
    on_test: Recommender


def curves(
    rerankers: Mapping[str, RerankerSpec],
    domain: Domain,
    split: str,
    arm: CurveArm,
    tuning: Fold,
    judging: Fold,
    request: Request,
) -> pl.DataFrame:
    """The curve of every one of the ``domain``'s ``rerankers`` with a trade-off, :data:`CURVE_SCHEMA`, for ``arm``, which is
    fitted for ``tuning`` anew. Empty where nobody has a history.
    """
    on_test = scored_fold(arm.on_test, domain, judging, request)
    fitted = fitted_arm(arm.spec, arm.parameters, tuning.train)
    on_validation = scored_fold(fitted, domain, tuning, request)
    if not (on_validation.blocks and on_test.blocks):
        return pl.DataFrame(schema=CURVE_SCHEMA)
    sweepable = with_trade_off(rerankers, domain)
    curve_of = {name: _of_trade_offs(partial(_with, spec), on_validation) for name, spec in sweepable.items()}
    curve_of[BUDGET] = _of_budget(rerankers[BUDGET], domain, fitted, tuning, request, on_validation)
    rows = []
    for reranker, curve in curve_of.items():
        rows += [("validation", reranker, point, point == curve.point) for point in curve.points]
        for trade_off in sorted({0.0, curve.point.trade_off}):
            point = measured(on_test, trade_off, curve.make(trade_off))
            rows.append(("test", reranker, point, trade_off == curve.point.trade_off))
    n_users = {"validation": len(on_validation.users), "test": len(on_test.users)}
    return pl.DataFrame(
        [
            (arm.name, split, part, reranker, point.trade_off, point.ndcg, point.ild, is_chosen, n_users[part])
            for part, reranker, point, is_chosen in rows
        ],
        schema=CURVE_SCHEMA,
        orient="row",
    )


@dataclass(frozen=True)
class _Curve:
    points: Sequence[TradeOffPoint]
    point: TradeOffPoint
    make: Callable[[float], Reranker]


def _of_trade_offs(make: Callable[[float], Reranker], on_validation: ScoredUsers) -> _Curve:
    points = sweep(on_validation, make)
    return _Curve(points, chosen_point(points), make)


def _of_budget(
    spec: RerankerSpec, domain: Domain, arm: Recommender, tuning: Fold, request: Request, on_validation: ScoredUsers
) -> _Curve:
    """The curve around the trade-off at which the expected loss is that of :func:`chosen_point`, which is the one chosen."""
    budget = make_reranker(spec, {"loss": LOSS})
    assert isinstance(budget, DiversityBudget), "recsat's own; plugins cannot take its name"
    learnt = budget.fit(examples(domain, arm, tuning, request, budget.events))
    points = sweep(on_validation, learnt.at, sorted({min(1.0, share * learnt.trade_off) for share in BUDGET_MULTIPLES}))
    point = next(point for point in points if point.trade_off == learnt.trade_off)
    return _Curve(points, point, learnt.at)


def with_trade_off(rerankers: Mapping[str, RerankerSpec], domain: Domain) -> dict[str, RerankerSpec]:
    """Those that have a number for a trade-off, and nothing to learn or to read."""
    able = {
        name: spec
        for name, spec in rerankers.items()
        if isinstance(spec.parameters.get("trade_off"), float | int)
        and (domain.topics is not None or name not in TOPICAL)
    }
    return {
        name: spec for name, spec in able.items() if not isinstance(_with(spec, 0.0), LearnedReranker | TextReranker)
    }


def _with(spec: RerankerSpec, trade_off: float) -> Reranker:
    return make_reranker(spec, {"trade_off": trade_off})


def scored_fold(
    fitted: Recommender, domain: Domain, fold: Fold, request: Request, most_users: int = MOST_USERS
) -> ScoredUsers:
    """Candidates of an arm ``fitted`` for ``fold`` for the judged users with a history; ``most_users``, drawn at random."""
    request = replace(request, features=features_of(fold.train, domain.topics, request.device))
    return scored_users(
        shortlists(fitted, fold.users, fold.plan, request),
        fold.users.ids,
        some_of(fold.judged_with_history, most_users, request.seed),
        fold.relevant,
        ItemVectors(fold.train.catalogue.items["item_id"], fold.train.vectors["text"]),
        request.k,
    )
