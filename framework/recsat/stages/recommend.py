"""Stage recommend: every arm is tuned on validation, fitted on all that is known, and makes its lists for the test."""

from __future__ import annotations

from typing import Any

import polars as pl

from recsat.arms.profile_text import fallbacks_for
from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.data.split import Split
from recsat.embed.device import pick_device
from recsat.lists.candidates import StoreRetriever
from recsat.lists.make import Recommended
from recsat.lists.make import recommend as make_lists
from recsat.lists.request import Request
from recsat.run.stage import Outcome, StageContext
from recsat.stages.index import opened_retriever, retriever_of
from recsat.stages.prepare import read_split
from recsat.stages.trial.curves import CurveArm, ahead, curves
from recsat.stages.trial.fold import Fold, test_fold, validation_fold
from recsat.stages.trial.rerank import test_errors, with_reranker
from recsat.stages.trial.tune import settings_of, tune
from recsat.stages.trial.users import Texts

COLD_ITEMS = "cold-items"


def arms_of(context: StageContext, split: Split) -> dict[str, RecommenderSpec]:
    """The run's arms that can say something on this split, the baseline first.

    Where only unseen items are ranked, arms that cannot order them are left out.
    """
    available = context.plugins.recommenders(context.domain)
    wanted = list(dict.fromkeys([context.config.measure.baseline, *context.config.arms]))
    chosen = context.plugins.select("arm", available, wanted)
    if split.protocol != COLD_ITEMS:
        return chosen
    return {name: spec for name, spec in chosen.items() if spec.ranks_unseen_items}


def request_of(context: StageContext) -> Request:
    """The run's way of asking for lists."""
    rank = context.config.rank
    return Request(
        k=rank.k,
        n_candidates=max(rank.n_candidates, rank.k),
        device=pick_device(rank.device),
        user_block=rank.user_block,
        seed=context.config.seed,
        templates=context.domain.reasons,
        title=context.domain.title,
        topics=context.domain.topics,
    )


def recommend(context: StageContext) -> Outcome:
    """Writes lists/<split>.parquet and lists/<split>.json for every split, and lists/<split>-curve.parquet where asked."""
    vectors = context.folder.read_arrays("vectors/items.safetensors")
    request = request_of(context)
    splits = [read_split(context.folder, settings.name) for settings in context.config.splits]
    arms = {split.name: arms_of(context, split) for split in splits}
    fixed = context.config.parameters
    context.progress.expect(
        sum(len(settings_of(spec, fixed.get(name, {}))) + 1 for of in arms.values() for name, spec in of.items())
        + len(splits) * context.config.measure.curves
    )
    n_lists = 0
    with opened_retriever(context) as retriever:
        for split in splits:
            tuning, judging = validation_fold(context, split, vectors), test_fold(context, split, vectors)
            texts = Texts(context, judging.known, judging.users)
            of_curves: CurveArm | None = None
            made: list[pl.DataFrame] = []
            tried: list[pl.DataFrame] = []
            summary: dict[str, Any] = {
                "arms": {},
                "predictions": [],
                "removed": judging.plan.removed,
                "n_pairs": judging.plan.n_candidates,
            }
            for name, spec in arms[split.name].items():
                parameters, table = tune(
                    spec, fixed.get(name, {}), tuning, fallbacks_for(tuning.train), request, context.progress.advance
                )
                asked = with_reranker(
                    context,
                    request,
                    spec,
                    parameters,
                    judging.train,
                    texts,
                    lambda fold=tuning: fold,  # type: ignore[misc]
                )
                fitted = spec.make(**parameters).fit(judging.train)
                own = retriever_of(context, retriever, fitted, f"-{split.name}-{name}")
                out = _serve(name, fitted, judging, own, asked.request)
                context.progress.advance()
                tuned = best if isinstance(best := table["ndcg"].max(), float) else None
                of_curves = ahead(context, of_curves, CurveArm(name, spec, parameters, fitted, tuned), tuning, request)
                errors = [*asked.predictions, *test_errors(context, fitted, judging, asked.request)]
                summary["predictions"] += [{"arm": name, "split": split.name, **row} for row in errors]
                made.append(out.lists)
                tried.append(table)
                summary["arms"][name] = {
                    "parameters": parameters,
                    "source": out.source,
                    "candidate_recall": out.candidate_recall,
                    "n_candidates": out.n_candidates,
                    "n_places": out.lists.height,
                    "n_filled": out.n_filled,
                }
            context.folder.write_table(f"lists/{split.name}.parquet", pl.concat(made))
            context.folder.write_table(f"lists/{split.name}-tuning.parquet", pl.concat(tried))
            context.folder.write_json(f"lists/{split.name}.json", summary)
            if context.config.measure.curves:
                swept = curves(context, split, of_curves, tuning, judging, request)
                context.folder.write_table(f"lists/{split.name}-curve.parquet", swept)
                context.progress.advance()
            n_lists += len(made) * len(judging.users)
    return Outcome(n_new=n_lists)


def _serve(name: str, fitted: Recommender, fold: Fold, retriever: StoreRetriever, request: Request) -> Recommended:
    return make_lists(
        name,
        fitted,
        fold.users,
        fold.train.catalogue,
        fold.plan,
        fallbacks=fallbacks_for(fold.train),
        retriever=retriever,
        request=request,
    )
