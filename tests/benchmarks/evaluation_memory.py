"""Memory that the evaluation of a split takes for each user: the peak above the data's, between two numbers of users, of ten arms.

Made-up lists of 10 of 2,000 items, three relevant ones a user, ten events before the cut, vectors of 32 numbers and topics. Each size is a process of its own. Run:
``OMP_NUM_THREADS=1 python tests/benchmarks/evaluation_memory.py``. The exit status is 1 above 6 KiB a user, with which a million users take 6 GiB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import numpy as np
import polars as pl

from recsat.config.settings import MeasureSettings
from recsat.measure.evaluate import evaluate_split
from recsat.measure.evidence import Evidence, ItemVectors
from recsat.run.meter import Meter

N_ITEMS, N_ARMS, K, BAR = 2_000, 10, 10, 6.0


def pairs(n_users: int, n: int, rng: np.random.Generator) -> pl.DataFrame:
    """``n`` distinct items for each user."""
    items = rng.integers(0, N_ITEMS // n, (n_users, n)) * n + np.arange(n)
    return pl.DataFrame(
        {
            "user_id": pl.Series([f"user{u}" for u in range(n_users)]).gather(np.repeat(np.arange(n_users), n)),
            "item_id": pl.Series([f"item{i}" for i in range(N_ITEMS)]).gather(items.ravel()),
        }
    )


def world(n_users: int, seed: int = 0) -> tuple[dict[str, pl.DataFrame], Evidence]:
    """The data of the module's docstring."""
    rng = np.random.default_rng(seed)
    rank = np.tile(np.arange(1, K + 1), n_users)
    lists = {
        f"arm{i}": pairs(n_users, K, rng).with_columns(rank=pl.Series(rank), score=pl.Series(-rank.astype(float)))
        for i in range(N_ARMS)
    }
    known, relevant = pairs(n_users, K, rng), pairs(n_users, 4, rng)
    events = {
        name: table.with_columns(event=pl.lit("like"), value=pl.lit(1.0), timestamp=pl.lit(None, pl.Datetime))
        for name, table in (("known", known), ("relevant", relevant))
    }
    vectors = rng.standard_normal((N_ITEMS, 32), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = pl.Series("item_id", [f"item{i}" for i in range(N_ITEMS)])
    topics = np.array(["a", "b", "c", "d", "e"])[rng.integers(0, 5, (N_ITEMS, 2))].tolist()
    items = pl.DataFrame({"item_id": ids, "kind": ["x"] * N_ITEMS, "topics": topics})
    return lists, Evidence(
        split="warm", users=pl.Series([f"user{u}" for u in range(n_users)]), relevant=relevant, known_likes=known, history=events["known"],
        outcomes=events["relevant"], items=items, vectors=ItemVectors(ids, vectors), topics="topics",
    )  # fmt: skip


def peak(n_users: int) -> float:
    """MiB above the data's, of an evaluation in this process."""
    settings = MeasureSettings(baseline="arm0", n_bootstrap=100)
    lists, evidence = world(n_users)
    small = world(200)
    evaluate_split(*small, metrics={}, settings=settings, k=K, seed=1)  # what is loaded or made once
    with Meter() as before:
        pass
    with Meter() as meter:
        evaluated = evaluate_split(lists, evidence, metrics={}, settings=settings, k=K, seed=1)
    assert len(evaluated.values.judged) == n_users
    n_values = sum(values.size for values in evaluated.values.stored.values()) / n_users
    print(
        f"{n_users:,} users: {n_values:.0f} values a user, {8 * n_values / 1024:.1f} KiB of them, {meter.seconds:.0f} s",
        file=sys.stderr,
    )
    return meter.peak_mib - before.peak_mib


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs=2, default=[10_000, 30_000])
    parser.add_argument("--one", type=int, help="measure this number in this process, and print the MiB alone")
    options = parser.parse_args()
    if options.one:
        print(peak(options.one))
        return 0
    peaks = []
    for n_users in options.users:
        command = [sys.executable, __file__, "--one", str(n_users)]
        peaks.append(float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
    few, many = options.users
    kib = 1024 * (peaks[1] - peaks[0]) / (many - few)
    print(
        f"{few:,} users {peaks[0]:.0f} MiB, {many:,} users {peaks[1]:.0f} MiB: {kib:.1f} KiB a user for {N_ARMS} arms"
    )
    return 0 if kib <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
