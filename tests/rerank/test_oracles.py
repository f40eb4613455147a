"""Every reranker against its formula, written out for one user at a time in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat import ItemTopics
from recsat.contract.reranker import Reranker, RerankInput
from recsat.rerank.calibrated import Calibrated
from recsat.rerank.dpp import DeterminantalPointProcess
from recsat.rerank.mmr import MaximalMarginalRelevance
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.xquad import XQuAD

Array = NDArray[np.float64]
N_ITEMS, N_TOPICS, K = 40, 6, 8


def world(seed: int, n_users: int = 7, width: int = 25) -> RerankInput:
    """Random users, candidates, vectors and topics; some places are padding, some items have no vector or no topic."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((N_ITEMS, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[3] = 0
    vectors[5] = vectors[4]
    topics = (rng.random((N_ITEMS, N_TOPICS)) < 0.35).astype(np.float32)
    topics[7] = 0
    topics /= np.maximum(topics.sum(axis=1, keepdims=True), 1)
    likes = rng.random((n_users, N_TOPICS)).astype(np.float32) * (rng.random((n_users, N_TOPICS)) < 0.7)
    likes[0] = 0
    candidates = np.stack([rng.permutation(N_ITEMS)[:width] for _ in range(n_users)])
    scores = (10 * rng.standard_normal((n_users, width)) - 3).astype(np.float32)
    scores[1, ::3] = -np.inf
    candidates[2, 10:], scores[2, 10:] = -1, -np.inf
    candidates[3, 3:], scores[3, 3:] = -1, -np.inf
    return RerankInput(
        candidates=torch.from_numpy(candidates),
        scores=torch.from_numpy(scores),
        vectors=torch.from_numpy(vectors),
        topics=torch.from_numpy(topics),
        user_topics=torch.from_numpy(likes / np.maximum(likes.sum(axis=1, keepdims=True), 1e-12)),
    )


def one_by_one(
    block: RerankInput, depth: int, k: int, gain: Callable[[int, list[int], int, float], float]
) -> list[list[int]]:
    """Greedy lists of places, a user, a step and a candidate at a time; ``gain(user, chosen items, item, relevance)``."""
    lists = []
    for u, (candidates, scores) in enumerate(zip(block.candidates.numpy(), block.scores.numpy(), strict=True)):
        pool = sorted((i for i in range(len(scores)) if np.isfinite(scores[i])), key=lambda i: -scores[i])
        pool = pool[: max(depth, k)]
        low, high = min(scores[pool]), max(scores[pool])
        relevance = {i: float((scores[i] - low) / (high - low)) for i in pool}
        prefix: list[int] = []
        while pool and len(prefix) < k:
            items = [int(candidates[i]) for i in prefix]
            best = max(pool, key=lambda i: gain(u, items, int(candidates[i]), relevance[i]))
            prefix.append(best)
            pool.remove(best)
        lists.append(prefix)
    return lists


def reranked(reranker: Reranker, block: RerankInput, k: int) -> list[list[int]]:
    return [[place for place in row if place >= 0] for row in reranker.rerank(block, k).tolist()]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trade_off", [0.1, 0.5, 0.9])
def test_mmr_takes_what_its_formula_takes(seed: int, trade_off: float) -> None:
    block = world(seed)
    vectors = np.asarray(block.vectors, dtype=np.float64)

    def gain(user: int, prefix: list[int], item: int, relevance: float) -> float:
        nearest = max((float(vectors[item] @ vectors[j]) for j in prefix), default=0.0)
        return (1 - trade_off) * relevance - trade_off * nearest

    orders = reranked(MaximalMarginalRelevance(trade_off=trade_off, depth=20, order="greedy"), block, K)
    assert orders == one_by_one(block, 20, K, gain)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trade_off", [0.1, 0.5, 0.9])
def test_msd_adds_most_to_its_objective_at_every_step(seed: int, trade_off: float) -> None:
    block = world(seed)
    vectors = np.asarray(block.vectors, dtype=np.float64)

    def gain(user: int, prefix: list[int], item: int, relevance: float) -> float:
        distances = sum(1 - float(vectors[item] @ vectors[j]) for j in prefix)
        return (1 - trade_off) * relevance / K + trade_off * 2 / (K * (K - 1)) * distances

    orders = reranked(MaxSumDiversification(trade_off=trade_off, depth=20, order="greedy"), block, K)
    assert orders == one_by_one(block, 20, K, gain)


def kernel(block: RerankInput) -> Array:
    vectors = np.asarray(block.vectors, dtype=np.float64)
    S = (1 + vectors @ vectors.T) / 2
    np.fill_diagonal(S, 1)
    return S


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trade_off", [0.05, 0.3, 0.8])
def test_dpp_adds_the_item_of_the_largest_determinant_at_every_step(seed: int, trade_off: float) -> None:
    block = world(seed)
    S = kernel(block)

    def gain(user: int, prefix: list[int], item: int, relevance: float) -> float:
        rows = [*prefix, item]
        determinant = max(float(np.linalg.det(S[np.ix_(rows, rows)])), 1e-12)
        return (1 - trade_off) * relevance + trade_off * float(np.log(determinant))

    orders = reranked(DeterminantalPointProcess(trade_off=trade_off, depth=20, order="greedy"), block, 5)
    assert orders == one_by_one(block, 20, 5, gain)


def test_dpp_s_objective_is_the_log_determinant_of_the_kernel_with_qualities() -> None:
    block, trade_off = world(11), 0.2
    scores = block.scores[4].numpy().astype(np.float64)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    items = block.candidates[4].numpy()
    q = np.exp((1 - trade_off) * relevance / (2 * trade_off))
    L = q[:, None] * kernel(block)[np.ix_(items, items)] * q
    greedy: list[int] = []
    for _ in range(5):
        left = [i for i in range(len(items)) if i not in greedy]
        greedy.append(max(left, key=lambda i: float(np.linalg.det(L[np.ix_([*greedy, i], [*greedy, i])]))))
    assert reranked(DeterminantalPointProcess(trade_off=trade_off, order="greedy"), block, 5)[4] == greedy


def test_dpp_shows_a_copy_only_when_nothing_else_is_left() -> None:
    vectors = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 1], [-1, 0]])
    block = RerankInput(torch.arange(5)[None], torch.tensor([[5.0, 4, 3, 2, 1]]), vectors, None, None)
    order = reranked(DeterminantalPointProcess(trade_off=0.5, order="greedy"), block, 5)[0]
    assert order == [0, 4, 3, 1, 2]


def in_rows(block: RerankInput) -> RerankInput:
    """The same with topics as a run hands them over."""
    return replace(block, topics=ItemTopics.of(csr_array(np.asarray(block.topics))))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trade_off", [0.2, 0.6, 1.0])
def test_xquad_takes_what_its_formula_takes(seed: int, trade_off: float) -> None:
    block = world(seed)
    topics, likes = np.asarray(block.topics, dtype=np.float64), np.asarray(block.user_topics, dtype=np.float64)

    def gain(user: int, prefix: list[int], item: int, relevance: float) -> float:
        cover = sum(
            likes[user, t] * topics[item, t] * np.prod([1 - topics[j, t] for j in prefix]) for t in range(N_TOPICS)
        )
        return float((1 - trade_off) * relevance + trade_off * cover)

    lists = one_by_one(block, 20, K, gain)
    assert reranked(XQuAD(trade_off=trade_off, depth=20, order="greedy"), block, K) == lists
    assert reranked(XQuAD(trade_off=trade_off, depth=20, order="greedy"), in_rows(block), K) == lists


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trade_off", [0.2, 0.6, 1.0])
def test_calibrated_takes_what_its_formula_takes(seed: int, trade_off: float) -> None:
    block = world(seed)
    topics, likes = np.asarray(block.topics, dtype=np.float64), np.asarray(block.user_topics, dtype=np.float64)

    def gain(user: int, prefix: list[int], item: int, relevance: float) -> float:
        p, mass = likes[user], topics[[*prefix, item]].sum(axis=0)
        q = 0.99 * mass / max(mass.sum(), 1e-12) + 0.01 * p
        divergence = sum(p[t] * np.log(p[t] / q[t]) for t in range(N_TOPICS) if p[t] > 0)
        return float((1 - trade_off) * relevance - trade_off * divergence)

    lists = one_by_one(block, 20, K, gain)
    assert reranked(Calibrated(trade_off=trade_off, depth=20, order="greedy"), block, K) == lists
    assert reranked(Calibrated(trade_off=trade_off, depth=20, order="greedy"), in_rows(block), K) == lists


def test_xquad_by_hand() -> None:
    # Two topics, liked 0.6 : 0.4; items a, b of the first topic, c of the second. λ = 0.5.
    topics = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    block = RerankInput(
        torch.arange(3)[None], torch.tensor([[1.0, 0.8, 0.5]]), None, topics, torch.tensor([[0.6, 0.4]])
    )
    # First: a 0.5 + 0.3. Then b 0.5 · 0.6 + 0 = 0.3, c 0.5 · 0 + 0.2 = 0.2: b.
    assert reranked(XQuAD(trade_off=0.5, order="greedy"), block, 3) == [[0, 1, 2]]
    # λ = 0.7: b 0.3 · 0.6 = 0.18, c 0.7 · 0.4 = 0.28: c.
    assert reranked(XQuAD(trade_off=0.7, order="greedy"), block, 3) == [[0, 2, 1]]


def test_calibrated_by_hand() -> None:
    # History half drama, half crime. After a drama a second one leaves q = (1, 0): KL = ½ ln(.5/.995) + ½ ln(.5/.005) = 1.96
    # nats; the crime film makes it 0. It has the lower score by 0.9 of the range.
    topics = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    block = RerankInput(
        torch.arange(3)[None], torch.tensor([[1.0, 0.9, 0.0]]), None, topics, torch.tensor([[0.5, 0.5]])
    )
    assert reranked(Calibrated(trade_off=0.30, order="greedy"), block, 3) == [
        [0, 1, 2]
    ]  # 0.70 · 0.9 - 0.30 · 1.96 = +0.04 against 0
    assert reranked(Calibrated(trade_off=0.32, order="greedy"), block, 3) == [
        [0, 2, 1]
    ]  # 0.68 · 0.9 - 0.32 · 1.96 = -0.02 against 0
