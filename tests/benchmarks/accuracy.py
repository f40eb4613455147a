"""What six measures of accuracy cost for one arm's lists, beside ranx and RecTools: CPU seconds of one thread.

    OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 NUMBA_NUM_THREADS=1 python tests/benchmarks/accuracy.py

Made-up lists of 10 and of 50 items for 20,000 users out of 5,000 items, one to twenty relevant ones each, ids as strings. ranx is given its Qrels and its Run
ready, and what it takes to make the Run of the lists is another column; RecTools is given tables of pandas. A row that is missing is a library that is not installed
(RecTools wants an environment of its own with NumPy 1). Medians of seven, the libraries in turn. An exit code of 1 says that ranx
takes less than five times as long, or that RecTools is faster.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from recsat.measure.accuracy import ACCURACY, find_hits

REPEATS = 7
LEAST = {"ranx": 5.0, "RecTools": 1.0}
Work = Callable[[], object]


def made_up(n_users: int, n_items: int, k: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame, pl.Series]:
    """Lists, relevant pairs and users of the module's docstring."""
    rng = np.random.default_rng(seed)
    users, items = (
        pl.Series([f"{letter}{i}" for i in range(n)]) for letter, n in (("user", n_users), ("item", n_items))
    )
    listed = np.concatenate([rng.choice(n_items, k, replace=False) for _ in range(n_users)])
    owner = np.repeat(np.arange(n_users), rng.integers(1, 21, n_users))
    lists = pl.DataFrame(
        {
            "user_id": users.gather(np.repeat(np.arange(n_users), k)),
            "item_id": items.gather(listed),
            "rank": np.tile(np.arange(1, k + 1), n_users),
        }
    )
    relevant = pl.DataFrame(
        {"user_id": users.gather(owner), "item_id": items.gather(rng.integers(0, n_items, len(owner)))}
    )
    return lists, relevant.unique(maintain_order=True), users


def of_recsat(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, k: int) -> Work:
    def measured() -> list[object]:
        hits = find_hits(lists, relevant, users, k=k)
        return [measure(hits) for measure in ACCURACY.values()]

    return measured


def of_ranx(lists: pl.DataFrame, relevant: pl.DataFrame, k: int) -> tuple[Work, Work]:
    """Its measures of a Run, and the Run; raises ImportError without ranx."""
    from ranx import Qrels, Run, evaluate

    qrels: Any = Qrels(
        {u: dict.fromkeys(rows["item_id"], 1) for (u,), rows in relevant.partition_by("user_id", as_dict=True).items()}
    )
    frame = _frame(lists.with_columns(score=1.0 / pl.col("rank")))

    def run() -> Any:
        return Run.from_df(frame, q_id_col="user_id", doc_id_col="item_id", score_col="score")

    of_lists = run()
    names = [f"{name}@{k}" for name in ("ndcg", "precision", "recall", "map", "mrr", "hit_rate")]
    return lambda: evaluate(qrels, of_lists, names), run


def of_rectools(lists: pl.DataFrame, relevant: pl.DataFrame, k: int) -> Work:
    """Raises ImportError without RecTools."""
    from rectools.metrics import MAP, MRR, NDCG, HitRate, Precision, Recall, calc_metrics

    kinds = {"ndcg": NDCG, "precision": Precision, "recall": Recall, "map": MAP, "mrr": MRR, "hit": HitRate}
    metrics = {name: kind(k=k) for name, kind in kinds.items()}
    listed, liked = _frame(lists), _frame(relevant)
    return lambda: calc_metrics(metrics, listed, liked)


def _frame(table: pl.DataFrame) -> Any:
    import pandas as pd  # beside ranx and RecTools

    return pd.DataFrame(table.to_dict(as_series=False))


def cpu_seconds(works: dict[str, Work]) -> dict[str, float]:
    """Medians, each after a first call that compiles what is compiled."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(REPEATS + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if repeat:
                seconds[name].append(time.process_time() - start)
    return {name: median(values) for name, values in seconds.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=5_000)
    options = parser.parse_args()
    behind = False
    print("| k | library | CPU s | of recsat's |\n|---|---|---|---|")
    for k in (10, 50):
        lists, relevant, users = made_up(options.users, options.items, k)
        works = {"recsat": of_recsat(lists, relevant, users, k)}
        try:
            works["ranx"], works["ranx, its Run"] = of_ranx(lists, relevant, k)
        except ImportError as error:
            print(f"ranx is left out: {error}", file=sys.stderr)
        try:
            works["RecTools"] = of_rectools(lists, relevant, k)
        except ImportError as error:
            print(f"RecTools is left out: {error}", file=sys.stderr)
        seconds = cpu_seconds(works)
        for name, value in seconds.items():
            ratio = value / seconds["recsat"]
            behind |= ratio < LEAST.get(name, 0.0)
            print(f"| {k} | {name} | {value:.3f} | {ratio:.1f} × |", flush=True)
    return int(behind)


if __name__ == "__main__":
    sys.exit(main())
