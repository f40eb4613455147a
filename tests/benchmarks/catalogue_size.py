"""Time and memory of the two text arms by size of the catalogue: where item-item weights must give way to factors.

    OMP_NUM_THREADS=1 python tests/benchmarks/catalogue_size.py --dense 2000 4000 8000 --factors 8000 100000 1000000

Made-up data: users like 20 items each, drawn by a Zipf law; a quarter as many users as items, at least 5,000; text vectors of 384
numbers, drawn at random. Every fit has a process of its own, whose peak memory is given. ease-text is fitted whole; ials-text for two
sweeps of its default of eight, from which the whole is reckoned.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from recsat.arms.ease_text import EaseText
from recsat.arms.ials_text import IalsText
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch

LIKES, DIMENSION, SWEEPS, ALL_SWEEPS = 20, 384, 2, 8


def made_up(n_items: int, seed: int = 0) -> TrainingData:
    """The data of the module's docstring."""
    rng = np.random.default_rng(seed)
    n_users = max(5_000, n_items // 4)
    weights = 1 / np.arange(1, n_items + 1)
    cumulative = np.cumsum(weights / weights.sum())
    items = np.searchsorted(cumulative, rng.random(n_users * LIKES)).clip(max=n_items - 1)
    rows = np.repeat(np.arange(n_users), LIKES)
    history = csr_array((np.ones(len(items), dtype=np.float32), (rows, items)), shape=(n_users, n_items))
    history.data[:] = 1
    vectors = rng.standard_normal((n_items, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = pl.DataFrame({"item_id": np.arange(n_items).astype(str)})
    return TrainingData(
        Catalogue(ids), UserBatch([str(i) for i in range(n_users)], history), {"text": vectors}, seed=seed
    )


def measured(arm: str, n_items: int) -> dict[str, float]:
    """CPU seconds of a fit in this process, and the process's peak memory with the data in it, in GiB."""
    train = made_up(n_items)
    train.popularity  # noqa: B018 - cached, and no part of the fit
    start = time.process_time()
    if arm == "ease-text":
        EaseText().fit(train)
        seconds = time.process_time() - start
    else:
        IalsText(iterations=SWEEPS).fit(train)
        seconds = (time.process_time() - start) * ALL_SWEEPS / SWEEPS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "GiB": peak, "users": train.users.history.shape[0], "likes": train.users.history.nnz}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dense", type=int, nargs="*", default=[2_000, 4_000, 8_000], help="catalogues for ease-text")
    parser.add_argument("--factors", type=int, nargs="*", default=[8_000, 100_000], help="catalogues for ials-text")
    parser.add_argument("--one", nargs=2, metavar=("ARM", "ITEMS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one[0], int(options.one[1]))))
        return
    print("| arm | items | users | likes | CPU seconds of a fit | peak memory, GiB |\n|---|---|---|---|---|---|")
    for arm, sizes in (("ease-text", options.dense), ("ials-text", options.factors)):
        for n_items in sizes:
            process = subprocess.run(
                [sys.executable, __file__, "--one", arm, str(n_items)], check=True, capture_output=True, text=True
            )
            cost = json.loads(process.stdout)
            print(
                f"| {arm} | {n_items:,} | {cost['users']:,} | {cost['likes']:,} | {cost['seconds']:,.0f} | {cost['GiB']:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
