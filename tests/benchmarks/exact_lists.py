"""What exact lists cost beside a product, the seen items and a selection: CPU microseconds a user, one thread, medians interleaved.

Unit vectors drawn at random, 20 seen items a user, ten items a list, filter ``seen``; ``lists_of()`` of a text arm, tables and
all, with reasons and without. Beside it the limit, torch's own product, seen items and selection in the same blocks of users, and the peers
that are installed: implicit's ``topk`` and RecTools' ``ImplicitRanker``. Every arm's lists are held against the limit's.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/exact_lists.py``. The exit status is 1 where lists without reasons take more than 1.3
times the limit or longer than a peer, reasons more than 1.5 times the lists without, or where lists differ.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

from recsat.arms.text import TextSimilarity
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.lists.filters import FilterPlan
from recsat.lists.make import Served, lists_of
from recsat.lists.request import Request

SEEN, K, BLOCK = 20, 10, 256
OF_LIMIT, OF_LISTS = 1.3, 1.5
Lists = NDArray[np.int64]


def served_world(n_users: int, n_items: int, d: int, seed: int = 0) -> Served:
    """The data of the module's docstring."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n_items, d), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seen = np.sort(rng.integers(0, n_items // SEEN, (n_users, SEEN)) * SEEN + np.arange(SEEN), axis=1)
    history = csr_array(
        (np.ones(seen.size, dtype=np.float32), seen.ravel(), np.arange(n_users + 1) * SEEN), shape=(n_users, n_items)
    )
    items = pl.DataFrame({"item_id": [f"i{i:07}" for i in range(n_items)]}).with_columns(
        kind=pl.lit("x"), title=pl.col("item_id")
    )
    users = UserBatch([f"u{u}" for u in range(n_users)], history)
    train = TrainingData(catalogue=Catalogue(items), users=users, vectors={"raw": vectors, "text": vectors})
    plan = FilterPlan(np.ones(n_items, dtype=bool), history.astype(bool), None, [], False, {}, n_users * n_items)
    known = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
    return Served(train, users, plan, known=known)


def arms_of(served: Served) -> dict[str, Callable[[], Lists | None]]:
    arm = TextSimilarity(vector="text").fit(served.train)
    items, history = torch.from_numpy(arm.item_vectors), served.users.history

    def recsat(*, explain: bool) -> Lists:
        lists = lists_of(served, "text", arm, Request(k=K, explain=explain, user_block=BLOCK), fallbacks=()).lists
        return lists["item_id"].str.slice(1).cast(pl.Int64).to_numpy().reshape(-1, K)

    def limit() -> Lists:
        blocks = []
        for start in range(0, len(served.users), BLOCK):
            rows = served.users.take(slice(start, start + BLOCK))
            scores = torch.from_numpy(arm.query_vectors(rows)) @ items.T
            row, column = rows.history.nonzero()
            scores[torch.from_numpy(row), torch.from_numpy(column)] = -torch.inf
            blocks.append(scores.topk(K).indices)
        return torch.cat(blocks).numpy()

    arms: dict[str, Callable[[], Lists | None]] = {
        "recsat": lambda: recsat(explain=False),
        "recsat, with reasons": lambda: recsat(explain=True),
        "limit": limit,
    }
    if find_spec("implicit"):
        from implicit.cpu.topk import topk

        def implicit() -> Lists:
            seen = csr_matrix(history.astype(np.float32))
            return np.asarray(
                topk(arm.item_vectors, arm.query_vectors(served.users), K, filter_query_items=seen, num_threads=1)[0]
            )

        arms["implicit"] = implicit
    if find_spec("rectools"):
        from rectools.models.rank import Distance, ImplicitRanker

        def rectools() -> Lists:
            ranker = ImplicitRanker(Distance.DOT, arm.query_vectors(served.users), arm.item_vectors, num_threads=1)
            users = np.arange(len(served.users))
            listed = ranker.rank(users, k=K, filter_pairs_csr=csr_matrix(history.astype(np.float32)))[1]
            return np.asarray(listed).reshape(-1, K)

        arms["RecTools"] = rectools
    return arms


def seconds(arms: dict[str, Callable[[], Lists | None]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each, in rotating order."""
    runs: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.process_time()
            arms[name]()
            runs[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in runs.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_024)
    parser.add_argument("--items", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[128, 384])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    failures = []
    for n_items in options.items:
        for d in options.dimensions:
            arms = arms_of(served_world(options.users, n_items, d))
            lists = {name: arm() for name, arm in arms.items()}  # warms up as well
            cost = {name: 1e6 * value / options.users for name, value in seconds(arms, options.rounds).items()}
            place = f"{n_items:,} items of {d}"
            print(place, flush=True)
            for name, value in cost.items():
                same = float(np.mean(lists[name] == lists["limit"]))
                print(
                    f"  {name:22} {value:8.0f} µs   {value / cost['limit']:5.2f} × the limit   places alike {same:.4f}",
                    flush=True,
                )
                if same < 0.999:  # two scores may be equal but for rounding
                    failures.append(f"{place}: {name} has other lists")
                if name in ("implicit", "RecTools") and value < cost["recsat"]:
                    failures.append(f"{place}: {name} is {cost['recsat'] / value:.2f} × as fast")
            if cost["recsat"] > OF_LIMIT * cost["limit"]:
                failures.append(f"{place}: {cost['recsat'] / cost['limit']:.2f} × the limit")
            if cost["recsat, with reasons"] > OF_LISTS * cost["recsat"]:
                failures.append(
                    f"{place}: reasons {cost['recsat, with reasons'] / cost['recsat']:.2f} × the lists without"
                )
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
