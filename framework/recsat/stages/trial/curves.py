"""What diversity costs: trade-offs of every reranker, swept for one arm on the validation part of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from recsat.arms.profile_text import fallbacks_for
from recsat.builtin.rerankers import TOPICAL, make_reranker
from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec, RerankerSpec
from recsat.contract.reranker import LearnedReranker, Reranker, TextReranker
from recsat.data.split import Split
from recsat.lists.make import Request
from recsat.lists.shortlist import shortlists
from recsat.measure.evidence import ItemVectors
from recsat.rerank.budget import DiversityBudget
from recsat.rerank.trade_off import LOSS, Point, ScoredUsers, chosen_point, measured, scored_users, sweep
from recsat.run.stage import StageContext
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.rerank import examples, features_of
from recsat.stages.trial.tune import validation_ndcg

BUDGET = "budget"
AROUND = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
"""Multiples of the trade-off that a budget learnt: its unit is a small one, the gain of an item against the diversity of a list."""
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
    """An arm that curves may be of: its parameters, and itself as fitted for the test part, which is not fitted again.

    ``ndcg`` is that on the validation part with which tuning chose the parameters; None where there was nothing to choose.
    """

    name: str
    spec: RecommenderSpec
    parameters: Mapping[str, Any]
    on_test: Recommender
    ndcg: float | None


def ahead(
    context: StageContext, best: CurveArm | None, arm: CurveArm, tuning: Fold, request: Request
) -> CurveArm | None:
    """``arm`` or the ``best`` before it: whichever the run's ``measure.curve_arm`` names, or has the larger nDCG on validation.

    Of equals the baseline gives way, then the first stays: where a split has few users with a history, none of them may have
    a hit. The other is let go of, so that no more than one fitted arm is kept. An arm that was not tuned is fitted for its nDCG.
    """
    settings = context.config.measure
    if not settings.curves or settings.curve_arm not in (None, arm.name):
        return best
    if settings.curve_arm is None and arm.ndcg is None:
        fallbacks = fallbacks_for(tuning.train)
        arm = replace(arm, ndcg=validation_ndcg(arm.spec, arm.parameters, tuning, fallbacks, request))
    if best is None:
        return arm
    new, old = ((one.ndcg or 0.0, one.name != settings.baseline) for one in (arm, best))
    return arm if new > old else best


def curves(
    context: StageContext, split: Split, arm: CurveArm | None, tuning: Fold, judging: Fold, request: Request
) -> pl.DataFrame:
    """The curve of every reranker with a trade-off, :data:`CURVE_SCHEMA`, for ``arm``, which is fitted for ``tuning`` anew.

    Empty where the named arm ranks nothing on this split, or nobody has a history.
    """
    if arm is None:
        return pl.DataFrame(schema=CURVE_SCHEMA)
    on_test = scored_fold(context, arm.on_test, judging, request)
    taught = arm.spec.make(**arm.parameters).fit(tuning.train)
    on_validation = scored_fold(context, taught, tuning, request)
    if not (on_validation.blocks and on_test.blocks):
        return pl.DataFrame(schema=CURVE_SCHEMA)
    curve_of = {name: _of_trade_offs(partial(_made, spec), on_validation) for name, spec in swept(context).items()}
    curve_of[BUDGET] = _of_budget(context, taught, tuning, request, on_validation)
    rows = []
    for reranker, curve in curve_of.items():
        rows += [("validation", reranker, point, point == curve.chosen) for point in curve.points]
        for trade_off in sorted({0.0, curve.chosen.trade_off}):
            point = measured(on_test, trade_off, curve.make(trade_off))
            rows.append(("test", reranker, point, trade_off == curve.chosen.trade_off))
    n_users = {"validation": len(on_validation.users), "test": len(on_test.users)}
    return pl.DataFrame(
        [
            (arm.name, split.name, part, reranker, point.trade_off, point.ndcg, point.ild, is_chosen, n_users[part])
            for part, reranker, point, is_chosen in rows
        ],
        schema=CURVE_SCHEMA,
        orient="row",
    )


@dataclass(frozen=True)
class _Curve:
    points: Sequence[Point]
    chosen: Point
    make: Callable[[float], Reranker]


def _of_trade_offs(make: Callable[[float], Reranker], on_validation: ScoredUsers) -> _Curve:
    points = sweep(on_validation, make)
    return _Curve(points, chosen_point(points), make)


def _of_budget(
    context: StageContext, arm: Recommender, tuning: Fold, request: Request, on_validation: ScoredUsers
) -> _Curve:
    """The curve around the trade-off at which the expected loss is that of :func:`chosen_point`, which is the one chosen."""
    spec = context.plugins.rerankers(context.domain)[BUDGET]
    budget = make_reranker(spec, {"loss": LOSS})
    assert isinstance(budget, DiversityBudget), "recsat's own; plugins cannot take its name"
    learnt = budget.fit(examples(context, arm, tuning, request, budget.events))
    points = sweep(on_validation, learnt.at, sorted({min(1.0, share * learnt.trade_off) for share in AROUND}))
    chosen = next(point for point in points if point.trade_off == learnt.trade_off)
    return _Curve(points, chosen, learnt.at)


def swept(context: StageContext) -> dict[str, RerankerSpec]:
    """The domain's rerankers that have a number for a trade-off, and nothing to learn or to read."""
    return dict(_with_trade_off(context))


def _with_trade_off(context: StageContext) -> Iterator[tuple[str, RerankerSpec]]:
    for name, spec in context.plugins.rerankers(context.domain).items():
        if not isinstance(spec.parameters.get("trade_off"), float | int):
            continue
        if name in TOPICAL and context.domain.topics is None:
            continue
        if not isinstance(_made(spec, 0.0), LearnedReranker | TextReranker):
            yield name, spec


def _made(spec: RerankerSpec, trade_off: float) -> Reranker:
    return make_reranker(spec, {"trade_off": trade_off})


def scored_fold(
    context: StageContext, fitted: Recommender, fold: Fold, request: Request, most_users: int = MOST_USERS
) -> ScoredUsers:
    """Candidates of an arm ``fitted`` for ``fold`` for the judged users with a history; ``most_users``, drawn at random."""
    wanted = fold.judged_with_history
    rows = np.flatnonzero(wanted)
    if len(rows) > most_users:
        dropped = np.random.default_rng(context.config.seed).permutation(rows)[most_users:]
        wanted[dropped] = False
    request = replace(request, features=features_of(context, fold.train, request.device))
    return scored_users(
        shortlists(fitted, fold.users, fold.plan, request),
        fold.users.ids,
        wanted,
        fold.relevant,
        ItemVectors(context.catalogue.items["item_id"], fold.train.vectors["text"]),
        request.k,
    )
