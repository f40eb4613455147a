"""What holds of every reranker, whatever the block."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.contract.reranker import Reranker, RerankInput
from recsat.errors import RunError
from recsat.rerank.budget import DiversityBudget
from recsat.rerank.calibrated import Calibrated
from recsat.rerank.dpp import DeterminantalPointProcess
from recsat.rerank.greedy import ByScore
from recsat.rerank.mmr import MaximalMarginalRelevance
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.value import ExpectedValue
from recsat.rerank.xquad import XQuAD
from recsat.testing import RerankerContract
from recsat.testing.reranker_contract import check_order_by_score, check_places, random_block

N_ITEMS = 15
KINDS = [MaximalMarginalRelevance, MaxSumDiversification, DeterminantalPointProcess, XQuAD, Calibrated]
RERANKERS: dict[str, Callable[[], Reranker]] = {
    **{kind.__name__: partial(kind, trade_off=0.4, depth=20) for kind in KINDS},
    "greedy order": partial(MaximalMarginalRelevance, order="greedy"),
    "budget": DiversityBudget,
    "value": partial(ExpectedValue, {"click": 1.0, "purchase": 5.0}),
    "value, then mmr": partial(ExpectedValue, {"click": 1.0}, then=MaximalMarginalRelevance()),
    "by score": ByScore,
}
kinds = st.sampled_from(KINDS)
number = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from([0.0, 1.0])


@st.composite
def blocks(draw: st.DrawFn) -> RerankInput:
    n_users, width = draw(st.integers(1, 3)), draw(st.integers(1, 12))
    candidates, scores = [], []
    for _ in range(n_users):
        order = draw(st.permutations(range(N_ITEMS)))[:width]
        gone = draw(st.lists(st.booleans(), min_size=width, max_size=width))
        values = draw(st.lists(number, min_size=width, max_size=width))
        candidates.append(
            [-1 if lost and i % 2 else item for i, (item, lost) in enumerate(zip(order, gone, strict=True))]
        )
        scores.append([-math.inf if lost else value for value, lost in zip(values, gone, strict=True)])
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    vectors = rng.standard_normal((N_ITEMS, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    topics = (rng.random((N_ITEMS, 4)) < 0.4).astype(np.float32)
    likes = rng.random((n_users, 4)) * (rng.random((n_users, 1)) < 0.8)
    return RerankInput(
        candidates=torch.tensor(candidates),
        scores=torch.tensor(scores, dtype=torch.float32),
        vectors=torch.from_numpy(vectors.astype(np.float32)),
        topics=torch.from_numpy(topics / np.maximum(topics.sum(axis=1, keepdims=True), 1)),
        user_topics=torch.from_numpy((likes / np.maximum(likes.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)),
    )


@given(blocks(), kinds, st.floats(0, 1), st.integers(1, 15), st.integers(1, 12))
@settings(max_examples=150)
def test_a_list_has_finite_scores_alone_each_once_and_as_many_as_there_are(
    block: RerankInput, kind: type[Reranker], trade_off: float, k: int, depth: int
) -> None:
    check_places(block, kind(trade_off=trade_off, depth=depth).rerank(block, k), k)  # type: ignore[call-arg]


@given(blocks(), kinds, st.integers(1, 15))
@settings(max_examples=100)
def test_without_a_trade_off_the_order_is_the_arms(block: RerankInput, kind: type[Reranker], k: int) -> None:
    check_order_by_score(block, kind(trade_off=0.0).rerank(block, k), k)  # type: ignore[call-arg]


class TestRerankers(RerankerContract):
    """All that recsat brings but the classifier, which needs a trained model."""

    @pytest.fixture(autouse=True, params=RERANKERS)
    def reranker(self, request: pytest.FixtureRequest) -> None:
        self.make = RERANKERS[request.param]


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_scores_has_the_greedy_items_best_score_first(kind: type[Reranker]) -> None:
    block = random_block(4, n_users=12, width=30)
    greedy = kind(trade_off=0.5, order="greedy").rerank(block, 8)  # type: ignore[call-arg]
    by_score = kind(trade_off=0.5).rerank(block, 8)  # type: ignore[call-arg]
    assert not torch.equal(greedy, by_score)
    assert torch.equal(greedy.sort(dim=1).values, by_score.sort(dim=1).values)
    assert (block.scores.gather(1, by_score).diff(dim=1) <= 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("factor", "offset"), [(4.0, 0.0), (0.125, 512.0), (1.0, -64.0)])
def test_a_trade_off_means_the_same_in_any_unit_of_the_scores(
    kind: type[Reranker], factor: float, offset: float
) -> None:
    scores = np.random.default_rng(1).integers(-64, 64, (20, 30)).astype(np.float32)
    block = replace(random_block(1, n_users=20, width=30), scores=torch.from_numpy(scores))
    other = replace(block, scores=factor * block.scores + offset)
    reranker = kind(trade_off=0.3)  # type: ignore[call-arg]
    assert torch.equal(reranker.rerank(block, 10), reranker.rerank(other, 10))


@pytest.mark.parametrize(
    ("kind", "lacks", "message"),
    [
        (MaximalMarginalRelevance, "vectors", "without item vectors. Run the embed stage"),
        (MaxSumDiversification, "vectors", "without item vectors. Run the embed stage"),
        (DeterminantalPointProcess, "vectors", "without item vectors. Run the embed stage"),
        (XQuAD, "topics", "without item topics. Name the domain's topics"),
        (Calibrated, "user_topics", "without users' topics. Name the domain's topics"),
    ],
)
def test_what_a_reranker_needs_and_the_block_lacks_is_named(kind: type[Reranker], lacks: str, message: str) -> None:
    block = replace(random_block(3, n_users=2, width=5), **{lacks: None})  # type: ignore[arg-type]
    with pytest.raises(RunError, match=message):
        kind().rerank(block, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trade_off": 1.5}, "trade_off must be from 0"),
        ({"trade_off": math.nan}, "trade_off"),
        ({"depth": 0}, "depth"),
        ({"order": "worth"}, "order must be 'score' or 'greedy'"),
    ],
)
def test_settings_out_of_bounds_are_refused(kind: type[Reranker], wrong: dict[str, float | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**wrong)
