"""What a budget of diversity costs and buys on warm films: lists with ``rank.reranker=budget`` against the same arm's without.

Run: ``python tests/benchmarks/diversity_budget.py --out docs/diversity.md``. Of each seed, as in a run: arms are tuned on validation, the budget is spent by what validation
lets expect, and test alone is shown. Intervals: bootstrap over users, who are drawn with all their seeds. Seeds are kept under ``--work`` and not made again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from folds import folds, prepared

from recsat.contract.reranker import LearnedReranker
from recsat.lists.make import lists_of
from recsat.measure.accuracy import ndcg
from recsat.measure.concentration import coverage
from recsat.measure.diversity import intra_list_diversity
from recsat.measure.evidence import ItemVectors
from recsat.rerank.make import make_reranker
from recsat.stages.trial.examples import examples, features_of
from recsat.stages.trial.fitting import fitted_arm
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.request import request_of
from recsat.stages.trial.tune import tune

ARMS = ("ease", "hybrid")
BUDGETS = (("msd", 0.009), ("dpp", 0.009), ("dpp", 0.011), ("mmr", 0.009))
"""Which reranker spends which share of the expected nDCG: what kept 99 % of it on the draws of seeds 100 to 107, and for dpp what bought 5 %."""
PLAIN = ("", 0.0)
N_BOOTSTRAP = 2000


def of_seed(seed: int, place: Path) -> pl.DataFrame:
    """(arm, by, loss, user_id, ndcg, ild, coverage) on test, of plain lists (``by`` empty) and of each budget; coverage is that of all lists."""
    context = prepared(
        "content", place, [{"name": "warm", "protocol": "random"}], seed=seed, arms=["popularity", *ARMS]
    )
    validation, test = folds(context)["warm"]
    request = replace(request_of(context.config, context.domain), explain=False)
    features = features_of(test.train, context.domain.topics, request.device)
    spec_of_budget = context.plugins.rerankers(context.domain)["budget"]
    tables = []
    for name in ARMS:
        spec = context.plugins.recommenders(context.domain)[name]
        parameters = tune(name, spec, {}, validation, request, known=test.train).parameters
        on_validation, on_test = (fitted_arm(spec, parameters, fold.train) for fold in (validation, test))
        for by, loss in (PLAIN, *BUDGETS):
            request_of_budget = request
            if by:
                reranker = make_reranker(spec_of_budget, {"by": by, "loss": loss})
                assert isinstance(reranker, LearnedReranker)
                taught = list(examples(context.domain, on_validation, validation, request, reranker.events))
                request_of_budget = replace(request, reranker=reranker.fit(taught), features=features)
            lists = lists_of(test, name, on_test, request_of_budget).lists
            tables.append(
                measured(lists, test, request.k).with_columns(arm=pl.lit(name), by=pl.lit(by), loss=pl.lit(loss))
            )
    return pl.concat(tables)


def measured(lists: pl.DataFrame, fold: Fold, k: int) -> pl.DataFrame:
    """(user_id, ndcg, ild, coverage)."""
    item_ids = fold.train.catalogue.items["item_id"]
    judged = fold.relevant["user_id"].unique().sort()
    of_judged = lists.filter(pl.col("user_id").is_in(judged.implode()))
    distances = intra_list_diversity(of_judged, ItemVectors(item_ids, fold.train.vectors["text"]))
    return (
        ndcg(lists, fold.relevant, judged, k=k)
        .rename({"value": "ndcg"})
        .join(distances.rename({"value": "ild"}), on="user_id", how="left")
        .with_columns(coverage=pl.lit(coverage(of_judged, item_ids)))
    )


def changed(before: pl.DataFrame, after: pl.DataFrame, measure: str) -> str:
    """Relative change of the mean over users, each the mean over seeds, with its 95 % interval."""
    means = [table.group_by("user_id").agg(pl.col(measure).mean()) for table in (before, after)]
    both = means[0].join(means[1], on="user_id", suffix="_after").drop_nulls().sort("user_id")
    old, new = both[measure].to_numpy(), both[f"{measure}_after"].to_numpy()
    rows = np.random.default_rng(0).integers(0, len(old), (N_BOOTSTRAP, len(old)))
    low, high = np.quantile(new[rows].sum(axis=1) / old[rows].sum(axis=1) - 1, [0.025, 0.975])
    return f"{new.sum() / old.sum() - 1:+.1%} ({low:+.1%} to {high:+.1%})"


def page(values: pl.DataFrame, seeds: Sequence[int]) -> str:
    lines = [
        "# Diversity: what a budget of it costs and buys",
        "",
        "Made by `python tests/benchmarks/diversity_budget.py --out docs/diversity.md`, with the hybrid that ships.",
        "",
        "## MovieLens, warm items",
        "",
        "Lists with `rank.reranker=budget` against the same arm's without: as much diversity as a share of the nDCG buys that the validation part lets expect, spent by three rerankers. "
        f"Changes of means over users, who are drawn with all their seeds ({', '.join(map(str, seeds))}); nothing was chosen on test.",
        "",
        "| arm | by | to spend | nDCG@10 | intra-list diversity@10 | catalogue coverage@10 |",
        "|---|---|---|---|---|---|",
    ]
    for arm in ARMS:
        of_arm = values.filter(arm=arm)
        before = of_arm.filter(by="")
        for by, loss in BUDGETS:
            after = of_arm.filter(by=by, loss=loss)
            covered = " → ".join(f"{table['coverage'].unique().mean():.3f}" for table in (before, after))
            cells = " | ".join(changed(before, after, measure) for measure in ("ndcg", "ild"))
            lines.append(f"| {arm} | {by} | {loss:.1%} | {cells} | {covered} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(42, 52)])
    parser.add_argument("--work", type=Path, default=Path(".recsat/diversity"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for seed in arguments.seeds:
            file = arguments.work / f"{seed}.parquet"
            if not file.exists():
                of_seed(seed, Path(place)).write_parquet(file)
            print(f"seed {seed}", file=sys.stderr, flush=True)
    files = [arguments.work / f"{seed}.parquet" for seed in arguments.seeds]
    text = page(pl.concat([pl.read_parquet(file) for file in files]), arguments.seeds)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
