"""What EASE costs beside LAPACK, its scores beside ``embedding_bag``, and reasons beside lists: CPU seconds of one thread.

    OMP_NUM_THREADS=1 python tests/benchmarks/item_item.py

Made-up histories of 20 likes a user (catalogue_size.py). A fit stands beside SciPy's Gram matrix with LAPACK's Cholesky factor and inverse in
float32, in place; scores of 256 users beside torch's ``embedding_bag`` of the same rows; lists with reasons beside those without, for 256 users of 20 likes and for
255 of them and one of 2,000, and of text also among 100,000 items; users of ials-text solved beside the product that scores them. Medians, the two in turn.
An exit code of 1 says that a fit takes more than 1.15 times, scores or lists more than 1.5 times as long, or that users take more than a quarter of their product.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import polars as pl
import torch
from catalogue_size import made_up
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_array, vstack

from recsat.arms.aligned import AlignedText
from recsat.arms.ease import Ease
from recsat.arms.ials_text import IalsText
from recsat.arms.item_knn import ItemNeighbours
from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Recommender
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.lists.filters import FilterPlan
from recsat.lists.make import Served, lists_of
from recsat.lists.request import Request

BLOCK, LONG, MANY = 256, 2_000, 100_000
Work = Callable[[], object]


def seconds(ours: Work, other: Work, repeats: int) -> tuple[float, float]:
    """Median CPU seconds of both, called in turn, each after a first call."""
    both: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats + 1):
        for work, values in zip((ours, other), both, strict=True):
            start = time.process_time()
            work()
            if repeat:
                values.append(time.process_time() - start)
    return median(both[0]), median(both[1])


def row(name: str, ours: Work, other: Work, limit: float, repeats: int = 7) -> bool:
    """Prints one; whether it is within its limit."""
    of_ours, of_other = seconds(ours, other, repeats)
    ratio = of_ours / of_other
    print(f"| {name} | {of_ours:.4f} | {of_other:.4f} | {ratio:.2f} | {limit:.2f} |", flush=True)
    return ratio <= limit


def lapack(X: csr_array) -> Work:
    """The Gram matrix by SciPy, its Cholesky factor and its inverse, of which one triangle."""

    def inverse() -> object:
        gram = (X.T @ X).astype(np.float32).toarray(order="C")
        gram[np.diag_indices_from(gram)] += 200.0
        columns, _ = spotrf(gram.T, lower=1, overwrite_a=1, clean=0)
        return spotri(columns, lower=1, overwrite_c=1)

    return inverse


def fit_is_fast(n_items: int) -> bool:
    train = made_up(n_items)
    return row(
        f"EASE fit, {n_items:,} items; LAPACK", lambda: Ease().fit(train), lapack(train.users.history), 1.15, repeats=3
    )


def scores_are_fast(train: TrainingData, arm: Ease) -> bool:
    users = train.users.take(slice(0, BLOCK))
    indices, offsets = (
        torch.from_numpy(part.astype(np.int64)) for part in (users.history.indices, users.history.indptr)
    )

    def bag() -> object:
        return torch.nn.functional.embedding_bag(indices, arm.weights, offsets, mode="sum", include_last_offset=True)

    n_items = len(train.catalogue)
    return row(f"scores of {BLOCK} users, {n_items:,} items; embedding_bag", lambda: arm.score(users), bag, 1.5)


def one_long(users: UserBatch) -> UserBatch:
    """The first of ``users`` with a history of :data:`LONG` items."""
    n_items = users.history.shape[1]
    row = csr_array((np.ones(LONG, dtype=np.float32), (np.zeros(LONG, dtype=int), np.arange(LONG))), shape=(1, n_items))
    return replace(users, history=csr_array(vstack([row, users.history[1:]], format="csr")))


def reasons_are_cheap(train: TrainingData, name: str, arm: Recommender) -> list[bool]:
    n_items = len(train.catalogue)
    users = train.users.take(slice(0, BLOCK))
    within = []
    for what, batch in (("20 likes", users), (f"one of {LONG:,}", one_long(users))):
        seen = batch.history.astype(bool)
        plan = FilterPlan(np.ones(n_items, dtype=bool), seen, None, [], False, {}, seen.shape[0] * n_items)
        served = Served(train, batch, plan, pl.DataFrame())
        request = Request(k=10)

        def with_reasons(served: Served = served, request: Request = request) -> object:
            return lists_of(served, name, arm, request, fallbacks=[])

        def without(served: Served = served, request: Request = request) -> object:
            return lists_of(served, name, arm, replace(request, explain=False), fallbacks=[])

        within.append(
            row(f"{name}, {n_items:,} items, {what}: lists with reasons; without", with_reasons, without, 1.5)
        )
    return within


def users_are_solved_sooner_than_scored(train: TrainingData) -> bool:
    """Of factors as large as those of a fit, at random."""
    n_items, arm = len(train.catalogue), IalsText()
    arm.item_factors = 0.1 * np.random.default_rng(0).standard_normal((n_items, arm.factors), dtype=np.float32)
    items = torch.from_numpy(arm.item_factors)
    arm.warm_gram = items.T @ items
    users = train.users.take(slice(0, BLOCK))
    queries = torch.from_numpy(arm.query_vectors(users))
    name = f"ials-text, {n_items:,} items: {BLOCK} users solved; their product"
    return row(name, lambda: arm.query_vectors(users), lambda: queries @ items.T, 0.25)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, nargs="*", default=[2_000, 5_000, 8_000])
    parser.add_argument("--items", type=int, default=10_000, help="of scores and lists")
    options = parser.parse_args()
    print("| work | recsat, CPU s | the other | ratio | at most |\n|---|---|---|---|---|")
    within = [fit_is_fast(n_items) for n_items in options.fits]
    train = made_up(options.items)
    ease = Ease()  # what a fit costs is measured above; scores take the same time whatever the weights are
    ease.weights = torch.randn(options.items, options.items, generator=torch.Generator().manual_seed(0))
    within.append(scores_are_fast(train, ease))
    arms = {
        "ease": ease,
        "item-knn": ItemNeighbours().fit(train),
        "text": TextSimilarity(vector="text").fit(train),
        "aligned": AlignedText().fit(train),
    }
    for name, arm in arms.items():
        within += reasons_are_cheap(train, name, arm)
    many = made_up(MANY)
    within += reasons_are_cheap(many, "text", TextSimilarity(vector="text").fit(many))
    within.append(users_are_solved_sooner_than_scored(many))
    return int(not all(within))


if __name__ == "__main__":
    sys.exit(main())
