"""A map from text to taste learnt in one domain as the prior of another: nDCG@10 by how many interactions the target has.

Run: ``python tests/benchmarks/transfer.py --source ecommerce --target content``. The target's training part is cut down to its
first users in a random order, whole histories until ``n`` interactions are reached; the map is learnt from them alone and
serves the users of the test part with what is known of each. The map is drawn towards 0 (alone), towards the identity, which
is plain cosine of texts, or towards the source's map; ``l2`` is chosen on the validation part, from one grid for all three. Mean over ``--seeds`` orders of users; differences are a user's mean over the seeds, with 95 % intervals
over users. The source's map is learnt from all its training events with its own best ``l2``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from folds import folds, prepared, with_interval
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.arms.linear.bilinear import Moments, bilinear_moments, length_weights, solve_bilinear
from recsat.arms.linear.transfer import solve_towards
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.stages.trial.fold import Fold

RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
Map = NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """Up to ``limit`` users of a fold, what they may be shown, and what they went on to like."""

    users: UserBatch
    permitted: torch.Tensor
    liked: torch.Tensor
    vectors: torch.Tensor

    @classmethod
    def of(cls, fold: Fold, limit: int) -> Judge:
        judged = set(fold.relevant["user_id"])
        rows = np.array([row for row, user in enumerate(fold.users.ids) if user in judged], dtype=np.int64)
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:limit])
        place = {fold.users.ids[row]: i for i, row in enumerate(rows)}
        pairs = [(place[u], i) for u, i in fold.relevant.select("user_id", "item_id").rows() if u in place]
        liked = torch.zeros(len(rows), len(fold.train.catalogue))
        columns = fold.train.catalogue.positions([item for _, item in pairs])
        liked[torch.tensor([row for row, _ in pairs]), torch.from_numpy(columns)] = 1
        mask = np.concatenate([fold.plan.mask(slice(row, row + 1)) for row in rows.tolist()])
        return cls(fold.users.take(rows), torch.from_numpy(mask), liked, torch.from_numpy(fold.train.vectors["text"]))

    def ndcg(self, M: Map) -> NDArray[np.float64]:
        queries = torch.from_numpy(np.asarray(self.users.history @ self.vectors.numpy(), dtype=np.float32))
        scores = queries @ torch.from_numpy(M.astype(np.float32)) @ self.vectors.T
        top = scores.masked_fill(~self.permitted, float("-inf")).topk(10, dim=1).indices
        discounts = 1 / torch.log2(torch.arange(2, 12, dtype=torch.float32))
        ideal = discounts.cumsum(0)[self.liked.sum(dim=1).clamp(max=10).long() - 1]
        return ((self.liked.gather(1, top) * discounts).sum(dim=1) / ideal).double().numpy()


def moments(train: TrainingData) -> Moments:
    return bilinear_moments(
        train.users.history,
        train.vectors["text"],
        user_weights=length_weights(train.users.history, 1.0),
        item_weights=train.warm.astype(np.float64),
    )


def first_users(train: TrainingData, n: int | None, seed: int) -> TrainingData:
    """Whole histories of users in a random order, the last one cut short at ``n`` interactions; None keeps all."""
    if n is None:
        return train
    history = train.users.history
    order = np.random.default_rng(seed).permutation(history.shape[0])
    lengths = np.diff(history.indptr)[order]
    count = int(np.searchsorted(np.cumsum(lengths), n)) + 1
    rows = order[:count]
    part = history[rows]
    cut = csr_array((part.data[:n], part.indices[:n], part.indptr.clip(max=n)), shape=part.shape)
    return replace(train, users=UserBatch([train.users.ids[u] for u in rows], cut))


def best_map(moments_of_users: Moments, judge: Judge, prior: Map | None) -> tuple[Map, float]:
    """The map with the best mean nDCG@10 for ``judge``, and its ridge."""
    maps = [
        (solve_bilinear(moments_of_users, l2) if prior is None else solve_towards(moments_of_users, l2, prior), l2)
        for l2 in RIDGES
    ]
    return max(maps, key=lambda pair: float(judge.ndcg(pair[0]).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="ecommerce")
    parser.add_argument("--target", default="content")
    parser.add_argument("--protocol", default="random", choices=["random", "cold-items", "timeline"])
    parser.add_argument("--interactions", type=int, nargs="+", default=[50, 100, 300, 1000, 3000, 0], help="0 is all.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--users", type=int, default=1000, help="Judged at most.")
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = [{"name": "only", "protocol": options.protocol}]
    source, _ = folds(prepared(options.source, options.place, split))["only"]
    prior, l2 = best_map(moments(source.train), Judge.of(source, options.users), None)
    print(f"{options.source}: map learnt from {source.train.users.history.nnz} interactions, l2 {l2}", flush=True)
    validation, test = folds(prepared(options.target, options.place, split))["only"]
    tuning, judge = Judge.of(validation, options.users), Judge.of(test, options.users)
    label = f"{options.source} to {options.target}, {options.protocol}"
    raw = judge.ndcg(np.eye(len(prior)))
    print(f"{label}: cosine text (no map)    {with_interval(raw)}")
    print(
        f"{label}: the source's map alone  {with_interval(judge.ndcg(prior))}, minus cosine text {with_interval(judge.ndcg(prior) - raw)}"
    )
    priors: dict[str, Map | None] = {"alone": None, "towards cosine": np.eye(len(prior)), "towards the source": prior}
    for n in options.interactions:
        samples = [
            moments(first_users(test.train, n or None, seed)) for seed in (options.seeds if n else options.seeds[:1])
        ]
        values = {}
        for name, start in priors.items():
            maps = [best_map(each, tuning, start) for each in samples]
            values[name] = np.mean([judge.ndcg(M) for M, _ in maps], axis=0)
            ridges = ", ".join(f"{l2:g}" for _, l2 in maps)
            print(
                f"{label}: {n or 'all':>5} interactions | {name:18} {with_interval(values[name])} | l2 {ridges}",
                flush=True,
            )
        for other in ("alone", "towards cosine"):
            difference = values["towards the source"] - values[other]
            print(
                f"{label}: {n or 'all':>5} interactions | the source minus {other:14} {with_interval(difference)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
