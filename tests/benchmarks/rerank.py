"""How much faster a block of users is reranked in one tensor than one user after the other.

Two loops stand against the block: the same reranker on blocks of one user, and, for MMR and DPP, plain numpy for one user as
their papers' reference code has it; for xQuAD and calibration the formula over all topics of the catalogue, of which
``--topics 3000`` are as many as users' tags make. All give the same lists, which is checked first. Arms take turns in every round, so that
what else the machine does falls on all alike. Run: ``python tests/benchmarks/rerank.py --users 256 --rounds 5``. Ratios of
medians of CPU time; above 1 is faster than the loop.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.reranker import Reranker, RerankInput
from recsat.contract.topics import ItemTopics
from recsat.rerank.calibrated import SMOOTHING, Calibrated
from recsat.rerank.dpp import DeterminantalPointProcess
from recsat.rerank.greedy import pool_of
from recsat.rerank.mmr import MaximalMarginalRelevance
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.xquad import XQuAD

N_ITEMS, DIMENSION = 20_000, 384
TOPICS_OF_ITEM, TOPICS_OF_USER = 3, 200


def block_of(users: int, candidates: int, n_topics: int, seed: int = 0) -> RerankInput:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((N_ITEMS, DIMENSION)).astype(np.float32)
    places = np.unique(rng.integers(0, N_ITEMS * n_topics, TOPICS_OF_ITEM * N_ITEMS))
    topics = csr_array((np.ones(len(places)), np.divmod(places, n_topics)), shape=(N_ITEMS, n_topics))
    topics.data /= np.repeat(np.diff(topics.indptr), np.diff(topics.indptr))
    likes = rng.random((users, n_topics)) * (rng.random((users, n_topics)) < TOPICS_OF_USER / n_topics)
    scores = -np.sort(-rng.gamma(1.0, 1.0, (users, candidates)).astype(np.float32), axis=1)
    return RerankInput(
        candidates=torch.from_numpy(np.stack([rng.choice(N_ITEMS, candidates, replace=False) for _ in range(users)])),
        scores=torch.from_numpy(scores),
        vectors=torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)),
        topics=ItemTopics.of(topics),
        user_topics=torch.from_numpy((likes / likes.sum(axis=1, keepdims=True)).astype(np.float32)),
    )


def one_by_one(reranker: Reranker, block: RerankInput, k: int) -> Tensor:
    """The same reranker on one user after the other."""
    assert block.user_topics is not None
    return torch.cat(
        [
            reranker.rerank(
                replace(
                    block,
                    candidates=block.candidates[u : u + 1],
                    scores=block.scores[u : u + 1],
                    user_topics=block.user_topics[u : u + 1],
                ),
                k,
            )
            for u in range(len(block.scores))
        ]
    )


def numpy_mmr(block: RerankInput, k: int, trade_off: float, depth: int) -> Tensor:
    vectors, lists = np.asarray(block.vectors), []
    pool = pool_of(block, depth, k)
    for items, relevance in zip(pool.block.candidates.numpy(), pool.relevance.numpy(), strict=True):
        V = vectors[items]
        places, nearest, left = [0], V @ V[0], np.ones(len(items), dtype=bool)
        left[0] = False
        while len(places) < k:
            gain = np.where(left, (1 - trade_off) * relevance - trade_off * nearest, -np.inf)
            best = int(gain.argmax())
            places.append(best)
            left[best] = False
            nearest = np.maximum(nearest, V @ V[best])
        lists.append(sorted(places))
    return torch.tensor(lists)


def numpy_dpp(block: RerankInput, k: int, trade_off: float, depth: int) -> Tensor:
    vectors, lists = np.asarray(block.vectors), []
    pool = pool_of(block, depth, k)
    for items, relevance in zip(pool.block.candidates.numpy(), pool.relevance.numpy(), strict=True):
        V = vectors[items]
        residual, factor = np.ones(len(items)), np.zeros((k, len(items)))
        places: list[int] = []
        left = np.ones(len(items), dtype=bool)
        while len(places) < k:
            gain = np.where(left, (1 - trade_off) * relevance + trade_off * np.log(residual.clip(1e-6)), -np.inf)
            best, n = int(gain.argmax()), len(places)
            entry = ((1 + V @ V[best]) / 2 - factor[:n, best] @ factor[:n]) / np.sqrt(residual[best])
            factor[n] = entry
            residual = residual - entry**2
            places.append(best)
            left[best] = False
        lists.append(sorted(places))
    return torch.tensor(lists)


def over_all_topics(reranker: XQuAD | Calibrated, block: RerankInput, k: int) -> Tensor:
    """Every term of the formula at every step, 16 users at once: that many topics of candidates fit."""
    lists = []
    for start in range(0, len(block.scores), 16):
        part = block.of_users(torch.arange(start, min(start + 16, len(block.scores))))
        pool = pool_of(part, reranker.depth, k)
        assert part.topics is not None
        assert part.user_topics is not None
        topics, p = part.topics[pool.block.candidates], part.user_topics
        mass, missing, rows = torch.zeros_like(p), p.clone(), torch.arange(len(p))

        def gain(topics: Tensor = topics, p: Tensor = p, mass: Tensor = mass, missing: Tensor = missing) -> Tensor:
            if isinstance(reranker, XQuAD):
                return torch.einsum("bdt,bt->bd", topics, missing)
            listed = mass[:, None] + topics
            q = (1 - SMOOTHING) * listed / listed.sum(dim=2, keepdim=True).clamp(min=1e-12) + SMOOTHING * p[:, None]
            return torch.einsum("bdt,bt->bd", q.clamp(min=1e-12).log(), p)

        left, places = pool.present.clone(), []
        for _ in range(k):
            worth = (1 - reranker.trade_off) * pool.relevance + reranker.trade_off * gain()
            best = worth.masked_fill(~left, float("-inf")).argmax(dim=1)
            left[rows, best] = False
            mass += topics[rows, best]
            missing *= 1 - topics[rows, best]
            places.append(best)
        lists.append(pool.in_block(torch.stack(places, dim=1).sort(dim=1).values))
    return torch.cat(lists)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    k = options.k
    rerankers: dict[str, Reranker] = {
        "mmr": MaximalMarginalRelevance(),
        "msd": MaxSumDiversification(),
        "dpp": DeterminantalPointProcess(),
        "xquad": XQuAD(),
        "calibrated": Calibrated(),
    }
    print(
        f"{options.users} users, {options.candidates} candidates, the best 100 looked at, k = {k}, {DIMENSION} dimensions, "
        f"{options.topics} topics"
    )
    for name, reranker in rerankers.items():
        # A fresh block each time: its similarities and common topics are part of the price.
        arms: dict[str, Callable[[RerankInput], Tensor]] = {
            "block": lambda block, reranker=reranker: reranker.rerank(block, k),  # type: ignore[misc]
            "user by user": lambda block, reranker=reranker: one_by_one(reranker, block, k),  # type: ignore[misc]
        }
        if name == "mmr":
            arms["numpy"] = lambda block: numpy_mmr(block, k, MaximalMarginalRelevance().trade_off, 100)
        if name == "dpp":
            arms["numpy"] = lambda block: numpy_dpp(block, k, DeterminantalPointProcess().trade_off, 100)
        if isinstance(reranker, XQuAD | Calibrated):
            arms["all topics"] = lambda block, reranker=reranker: over_all_topics(reranker, block, k)  # type: ignore[misc]
        whole = block_of(options.users, options.candidates, options.topics)
        expected = arms["block"](replace(whole))
        for arm in arms.values():
            same = (arm(replace(whole)) == expected).all(dim=1).float().mean()
            assert same > 0.99, f"{name}: {same:.1%} of the lists agree"  # float32 ties in other orders of summation
        seconds: dict[str, list[float]] = {arm: [] for arm in arms}
        names = list(arms)
        for turn in range(options.rounds):
            for arm in names[turn % len(names) :] + names[: turn % len(names)]:
                block = replace(whole)
                start = time.process_time()
                arms[arm](block)
                seconds[arm].append(time.process_time() - start)
        middle = {arm: statistics.median(runs) for arm, runs in seconds.items()}
        line = ", ".join(
            f"{arm} {1000 * middle[arm]:.0f} ms ({middle[arm] / middle['block']:.1f} ×)" for arm in names[1:]
        )
        print(f"{name:10} block {1000 * middle['block']:.0f} ms; {line}", flush=True)


if __name__ == "__main__":
    main()
