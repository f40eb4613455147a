"""Several interests of a user as a source of candidates: a history in groups, each a query, beside one query of the whole history.

Run: ``RECSAT_DATA=… python tests/benchmarks/interests.py``. A history is parted by Ward's clustering of its item vectors (PinnerSage, Pal et al., KDD 2020), each group is
a query of the aligned arm, and the lists are joined by reciprocal rank. Measured are the share of held-out likes among the candidates, nDCG@10 of their own order, and of EASE and the
default arm where they rank these candidates alone; differences to one query are paired, over users, with 95 % intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from no_regret import K, Part, Values, ndcg, parts_of
from numpy.typing import NDArray
from public_sets import SETS, read, vectors_of
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_array

from recsat.arms.aligned import AlignedText
from recsat.contract.arm import Recommender
from recsat.contract.interactions import UserBatch
from recsat.measure.differences import difference_intervals
from recsat.measure.discounts import discounts
from recsat.plugins import load_plugins

RRF = 60.0
DEEP = 1_000
"""Places of each query's list that are joined."""


def groups_of(history: csr_array, vectors: NDArray[np.float32], n_groups: int) -> list[csr_array]:
    """``n_groups`` histories whose sum is ``history``: the group of each like among those of its user, by Ward's clustering."""
    group = np.zeros(history.nnz, dtype=np.int64)
    for user in range(history.shape[0]):
        mine = slice(*history.indptr[user : user + 2])
        items = history.indices[mine]
        if len(items) > n_groups > 1:
            group[mine] = fcluster(linkage(vectors[items], "ward"), n_groups, "maxclust") - 1
        elif n_groups > 1:
            group[mine] = np.arange(len(items))
    return [_only(history, group == one) for one in range(n_groups)]


def _only(history: csr_array, mask: NDArray[np.bool_]) -> csr_array:
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))[mask]
    return csr_array((history.data[mask], (rows, history.indices[mask])), shape=history.shape)


def ranks(arm: AlignedText, users: UserBatch, allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Reciprocal-rank scores of one query's list, (n_users, n_items); 0 below :data:`DEEP` and where a user has no query."""
    scores = np.where(allowed, arm.score(users).numpy(), -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :DEEP]
    worth = np.zeros(scores.shape)
    np.put_along_axis(worth, order, 1 / (RRF + 1 + np.arange(order.shape[1])), axis=1)
    return worth * ((np.diff(users.history.indptr) > 0)[:, None] & allowed)


def candidates_of(arm: AlignedText, one: Part, n_groups: int) -> NDArray[np.int64]:
    """Items in the order in which they become candidates, (n_users, DEEP)."""
    vectors = np.asarray(arm.item_vectors)
    joined = sum(
        ranks(arm, replace(one.users, history=history, times=None, first_times=None), one.allowed)
        for history in groups_of(one.users.history, vectors, n_groups)
    )
    return np.argsort(-np.asarray(joined), axis=1, kind="stable")[:, :DEEP]


def recall(candidates: NDArray[np.int64], one: Part) -> Values:
    """The share of each user's held-out likes that are among ``candidates``."""
    relevant = one.relevant & one.allowed
    hits = np.take_along_axis(relevant, candidates, axis=1).sum(axis=1)
    n = relevant.sum(axis=1)
    return np.where(n > 0, hits / np.where(n > 0, n, 1), np.nan)


def ndcg_in_order(candidates: NDArray[np.int64], one: Part) -> Values:
    """nDCG@10 of the candidates in their own order: several interests as an arm."""
    relevant = one.relevant & one.allowed
    hits = np.take_along_axis(relevant, candidates[:, :K], axis=1)
    worth = discounts(K)
    ideal = np.concatenate([[0.0], np.cumsum(worth)])[relevant.sum(axis=1).clip(max=K)]
    return np.where(ideal > 0, hits @ worth / np.where(ideal > 0, ideal, 1), np.nan)


def among(candidates: NDArray[np.int64], one: Part) -> Part:
    allowed = np.zeros(one.allowed.shape, dtype=bool)
    np.put_along_axis(allowed, candidates, True, axis=1)
    return replace(one, allowed=allowed & one.allowed)


def ndcg_among(arm: Recommender, candidates: NDArray[np.int64], one: Part) -> Values:
    """nDCG@10 of lists from ``candidates`` alone, by all that could have been found without them."""
    inside = among(candidates, one)
    of_inside = ndcg(arm, inside)
    ideal, possible = (np.minimum((one.relevant & part.allowed).sum(axis=1), K) for part in (one, inside))
    worth = np.concatenate([[0.0], np.cumsum(discounts(K))])
    return np.where(
        ideal > 0, np.nan_to_num(of_inside) * worth[possible] / np.where(ideal > 0, worth[ideal], 1), np.nan
    )


def row(values: Mapping[str, Values], baseline: Mapping[str, Values]) -> str:
    cells = []
    for name, of_users in values.items():
        mean = f"{np.nanmean(of_users):.4f}"
        if of_users is baseline[name]:
            cells.append(mean)
            continue
        gap = (of_users - baseline[name])[:, None]
        interval = difference_intervals(gap, confidence=0.95, n_bootstrap=1000, seed=0)
        cells.append(f"{mean}, {interval.mean[0]:+.4f} ({interval.low[0]:+.4f} to {interval.high[0]:+.4f})")
    return " | ".join(cells)


def main(names: Sequence[str], cache: Path, seed: int, n_candidates: Sequence[int]) -> None:
    plugins = load_plugins()
    arms = plugins.recommenders(plugins.domain("content"))
    for name in names:
        one = read(name)
        _, test = parts_of(one, vectors_of(one, cache), "warm", seed)
        aligned = AlignedText()
        aligned.fit(test.train)
        rankers = {arm: arms[arm].make().fit(test.train) for arm in ("ease", "hybrid")}
        print(f"\n{name}: {len(test.users):,} users, {len(one.catalogue):,} items, seed {seed}\n")
        columns = [f"recall@{n}" for n in n_candidates] + [
            "in their own order",
            *(f"{arm} among {n_candidates[0]}" for arm in rankers),
        ]
        print(f"| queries | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
        baseline: dict[str, Values] = {}
        for n_groups in (1, 3, 5, 8):
            candidates = candidates_of(aligned, test, n_groups)
            values = {f"recall@{n}": recall(candidates[:, :n], test) for n in n_candidates}
            values["in their own order"] = ndcg_in_order(candidates, test)
            values |= {
                arm: ndcg_among(fitted, candidates[:, : n_candidates[0]], test) for arm, fitted in rankers.items()
            }
            baseline = baseline or values
            print(f"| {n_groups} | {row(values, baseline)} |", flush=True)
        whole = ", ".join(f"{arm} {np.nanmean(ndcg(fitted, test)):.4f}" for arm, fitted in rankers.items())
        print(f"\nnDCG@10 where every item is a candidate: {whole}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=["movielens", "scientific", "steam-reviews"], choices=list(SETS))
    parser.add_argument("--cache", type=Path, default=Path(".recsat/benchmarks"))
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--candidates", type=int, nargs="*", default=[100, 200, 500])
    options = parser.parse_args()
    main(options.sets, options.cache, options.seed, options.candidates)
