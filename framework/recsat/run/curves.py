"""What diversity costs: trade-offs of every reranker, swept for one arm on the validation part of a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from recsat.data.split import Split
from recsat.domain import RecommenderSpec, RerankerSpec
from recsat.measure.vectors import ItemVectors
from recsat.rank.curve import ScoredUsers, chosen_point, measured, scored_users, sweep
from recsat.rank.recommend import Request
from recsat.rank.registry import TOPICAL, make_reranker
from recsat.rank.reranker import LearnedReranker, Reranker, TextReranker
from recsat.rank.shortlist import shortlists
from recsat.recommend.profile import fallbacks_for
from recsat.run.fold import Fold
from recsat.run.rerank import features_of
from recsat.run.stage import StageContext
from recsat.run.tune import validation_ndcg

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
class TunedArm:
    """An arm with its parameters, and the nDCG with which tuning chose them; None where there was nothing to choose."""

    spec: RecommenderSpec
    parameters: Mapping[str, Any]
    ndcg: float | None


def curves(
    context: StageContext, split: Split, arms: Mapping[str, TunedArm], tuning: Fold, judging: Fold, request: Request
) -> pl.DataFrame:
    """The curve of every reranker with a trade-off, :data:`CURVE_SCHEMA`, for the run's ``measure.curve_arm`` or the best.

    Candidates are scored once a part. Empty where the named arm ranks nothing on this split, or nobody has a history.
    """
    named = context.config.measure.curve_arm
    name = named or _best(arms, tuning, request)
    if name not in arms:
        return pl.DataFrame(schema=CURVE_SCHEMA)
    on_validation, on_test = (scored_fold(context, arms[name], fold, request) for fold in (tuning, judging))
    if not (on_validation.blocks and on_test.blocks):
        return pl.DataFrame(schema=CURVE_SCHEMA)
    rows = []
    for reranker, spec in swept(context).items():
        make = partial(_made, spec)
        points = sweep(on_validation, make)
        chosen = chosen_point(points)
        rows += [("validation", reranker, point, point == chosen) for point in points]
        for trade_off in sorted({0.0, chosen.trade_off}):
            point = measured(on_test, trade_off, make(trade_off))
            rows.append(("test", reranker, point, trade_off == chosen.trade_off))
    n_users = {"validation": len(on_validation.users), "test": len(on_test.users)}
    return pl.DataFrame(
        [
            (name, split.name, part, reranker, point.trade_off, point.ndcg, point.ild, is_chosen, n_users[part])
            for part, reranker, point, is_chosen in rows
        ],
        schema=CURVE_SCHEMA,
        orient="row",
    )


def _best(arms: Mapping[str, TunedArm], fold: Fold, request: Request) -> str:
    """The arm with the largest nDCG on the validation part; arms that were not tuned are fitted for it."""
    fallbacks = fallbacks_for(fold.train)
    found = {
        name: validation_ndcg(arm.spec, arm.parameters, fold, fallbacks, request) if arm.ndcg is None else arm.ndcg
        for name, arm in arms.items()
    }
    return max(found, key=found.__getitem__)


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
    context: StageContext, arm: TunedArm, fold: Fold, request: Request, most_users: int = MOST_USERS
) -> ScoredUsers:
    """The arm, fitted for ``fold``, and its candidates for the judged users with a history; ``most_users``, drawn at random."""
    recommender = arm.spec.make(**arm.parameters).fit(fold.train)
    judged = pl.Series(fold.users.ids, dtype=pl.String).is_in(fold.relevant["user_id"].unique().implode()).to_numpy()
    wanted = judged & (np.diff(fold.users.history.indptr) > 0)
    rows = np.flatnonzero(wanted)
    if len(rows) > most_users:
        dropped = np.random.default_rng(context.config.seed).permutation(rows)[most_users:]
        wanted[dropped] = False
    request = replace(request, features=features_of(context, fold.train, request.device))
    return scored_users(
        shortlists(recommender, fold.users, fold.plan, request),
        fold.users.ids,
        wanted,
        fold.relevant,
        ItemVectors(context.catalogue.items["item_id"], fold.train.vectors["text"]),
        request.k,
    )
