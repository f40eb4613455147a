"""How much intra-list diversity one per cent of nDCG buys, on warm items of a domain's bundled sample.

For every seed: arms are tuned on validation, every reranker is swept there, the most diverse trade-off that keeps 99 % of the
nDCG is chosen, and what it changes is measured on test against the arm's own order. The last columns are what the same
choice would have been had it been made on test: the price itself, free of the noise of choosing.
Run: ``python tests/benchmarks/diversity.py --arms ease hybrid --seeds 1 2 3``. Intervals: bootstrap over users.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from folds import folds, prepared

from recsat.rerank.make import make_reranker
from recsat.rerank.trade_off import by_user, chosen_point, sweep
from recsat.stages.trial.curves import scored_fold, with_trade_off
from recsat.stages.trial.request import request_of
from recsat.stages.trial.tune import tune

N_BOOTSTRAP = 2000


def of_seed(
    domain: str, seed: int, arms: Sequence[str], fixed: Mapping[str, dict[str, Any]], place: Path
) -> pl.DataFrame:
    """Per-user values of the plain order and of the chosen trade-offs on test, for every arm and reranker."""
    context = prepared(domain, place, [{"name": "warm", "protocol": "random"}], seed=seed)
    validation, test = folds(context)["warm"]
    request = request_of(context.config, context.domain)
    tables = []
    for name in arms:
        spec = context.plugins.recommenders(context.domain)[name]
        parameters = tune(name, spec, fixed.get(name, {}), validation, request).parameters
        on_validation, on_test = (
            scored_fold(spec.make(**parameters).fit(fold.train), context.domain, fold, request, most_users=10**6)
            for fold in (validation, test)
        )
        rerankers = with_trade_off(context.plugins.rerankers(context.domain), context.domain)
        for reranker, reranker_spec in rerankers.items():
            make = partial(lambda spec, t: make_reranker(spec, {"trade_off": t}), reranker_spec)
            start = time.perf_counter()
            points = sweep(on_validation, make)
            seconds = time.perf_counter() - start
            point, best_on_test = chosen_point(points), chosen_point(sweep(on_test, make))
            plain = by_user(on_test, make(0.0))
            after = by_user(on_test, make(point.trade_off))
            tables.append(
                plain.join(after, on="user_id", suffix="_after").with_columns(
                    arm=pl.lit(name), reranker=pl.lit(reranker), seed=seed, chosen=point.trade_off
                )
            )
            print(
                f"seed {seed} {name} {parameters} {reranker}: sweep {seconds:.2f} s; chosen {point.trade_off} on validation "
                f"({point.ndcg / points[0].ndcg - 1:+.2%} nDCG, {point.ild / points[0].ild - 1:+.2%} ILD); on test "
                f"{_change(tables[-1], 'ndcg'):+.2%} of {plain['ndcg'].mean():.4f}, {_change(tables[-1], 'ild'):+.2%} of {plain['ild'].mean():.4f}; "
                f"chosen on test {best_on_test.trade_off}: {best_on_test.ild / plain['ild'].mean() - 1:+.2%} ILD",  # type: ignore[operator]
                flush=True,
            )
    return pl.concat(tables)


def _change(values: pl.DataFrame, measure: str) -> float:
    return float(values[f"{measure}_after"].mean() / values[measure].mean() - 1)  # type: ignore[operator]


def interval(values: pl.DataFrame, measure: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Relative change of the mean over users and seeds with its 95 % interval; users are drawn with all their seeds."""
    users = values.group_by("user_id").agg(pl.col(measure, f"{measure}_after").sum()).sort("user_id")
    before, after = users[measure].to_numpy(), users[f"{measure}_after"].to_numpy()
    rows = rng.integers(0, len(users), (N_BOOTSTRAP, len(users)))
    changes = after[rows].sum(axis=1) / before[rows].sum(axis=1) - 1
    low, high = np.quantile(changes, [0.025, 0.975])
    return after.sum() / before.sum() - 1, float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="content")
    parser.add_argument("--parameters", type=json.loads, default={}, help='fixed ones, e.g. {"ease": {"l2": 200}}')
    parser.add_argument("--arms", nargs="+", default=["ease", "hybrid"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    values = pl.concat(
        [of_seed(options.domain, seed, options.arms, options.parameters, options.place) for seed in options.seeds]
    )
    print("\n| arm | reranker | nDCG on test | intra-list diversity on test |\n|---|---|---|---|")
    rng = np.random.default_rng(0)
    for (arm, reranker), part in values.group_by("arm", "reranker", maintain_order=True):
        cells = [
            "{:+.1f} % ({:+.1f} to {:+.1f})".format(*(100 * x for x in interval(part, measure, rng)))
            for measure in ("ndcg", "ild")
        ]
        print(f"| {arm} | {reranker} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
