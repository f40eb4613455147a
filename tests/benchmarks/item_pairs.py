"""Memory of a fit for each pair of items, measured, beside what the arm's specification says (``bytes_per_item_pair``).

Made-up histories of 20 likes, items drawn by a Zipf law, vectors of 384 numbers drawn at random. Each arm is fitted once, in a process of its own;
its peak is what the process's resident memory rises by. Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/item_pairs.py``. The exit status is 1 where one is off
by more than 30 %.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.plugins import load_plugins
from recsat.run.meter import Meter

LIKES, DIMENSION, MIB = 20, 384, 2**20


def training_data(n_users: int, n_items: int, seed: int = 0) -> TrainingData:
    """The data of the module's docstring."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, n_items + 1)
    item = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(n_users * LIKES)).clip(max=n_items - 1)
    user = np.repeat(np.arange(n_users), LIKES)
    history = csr_array((np.ones(len(item)), (user, item)), shape=(n_users, n_items))
    history = csr_array((history > 0).astype(np.float32))
    vectors = rng.standard_normal((n_items, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = pl.DataFrame({"item_id": [f"i{i:07}" for i in range(n_items)]}).with_columns(kind=pl.lit("x"))
    users = UserBatch([f"u{u}" for u in range(n_users)], history)
    return TrainingData(Catalogue(items), users, dict.fromkeys(("raw", "text", "words", "words-raw"), vectors))


def dense_specs() -> dict[str, RecommenderSpec]:
    plugins = load_plugins(["content"])
    arms = plugins.recommenders(plugins.domain("content"))
    return {
        name: arms[name]
        for name in ("ease", "ease-text", "linear-order", "linear-order-text")
        if arms[name].bytes_per_item_pair
    }


def measured(name: str, n_users: int, n_items: int) -> float:
    """Bytes a pair, of a fit in this process."""
    dense_specs()[name].make().fit(training_data(200, 100))  # what is loaded or made once
    train = training_data(n_users, n_items)
    arm = dense_specs()[name].make()
    with Meter() as before:
        pass
    with Meter() as meter:
        arm.fit(train)
    return (meter.peak_mib - before.peak_mib) * MIB / n_items**2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--arm", help="measure this one, in this process, and print the figure alone")
    options = parser.parse_args()
    if options.arm:
        print(measured(options.arm, options.users, options.items))
        return 0
    failures = 0
    for name, spec in dense_specs().items():
        command = [
            sys.executable,
            __file__,
            "--arm",
            name,
            "--users",
            str(options.users),
            "--items",
            str(options.items),
        ]
        peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        ratio = spec.bytes_per_item_pair / peak
        failures += not 1 / 1.3 <= ratio <= 1.3
        print(
            f"{name:20} {peak:6.1f} bytes a pair at {options.items:,} items; {spec.bytes_per_item_pair:g} said, {ratio:.2f} of it",
            flush=True,
        )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
