"""Expected gains and the budget of diversity: by hand, against scikit-learn, and in a world whose probabilities are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score
from torch import Tensor

from recsat.builtin.rerankers import rerankers_of
from recsat.contract.domain import Domain, DomainConfig
from recsat.contract.reranker import Example, LearnedReranker, RerankInput
from recsat.errors import ConfigError, RunError
from recsat.measure.discounts import discounts
from recsat.rerank.budget import DiversityBudget
from recsat.rerank.dpp import DeterminantalPointProcess
from recsat.rerank.gain import GainModel, fit_gains
from recsat.rerank.greedy import pool_of
from recsat.rerank.make import make_reranker
from recsat.rerank.mmr import MaximalMarginalRelevance
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.outcome import OutcomeModel

N_ITEMS, DEPTH, K = 400, 60, 10


def world(n_users: int = 400, seed: int = 0) -> tuple[list[Example], Tensor]:
    """Hits fall with the square root of the rank, twice as fast for every second user. Returns examples and probabilities."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((N_ITEMS, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    candidates = np.stack([rng.permutation(N_ITEMS)[:DEPTH] for _ in range(n_users)])
    lengths = np.where(np.arange(n_users) % 2, 64.0, 8.0).astype(np.float32)
    rank = np.arange(1, DEPTH + 1)
    p = np.where(lengths[:, None] > 8, 0.6, 0.15) / np.sqrt(rank)
    liked = rng.random(p.shape) < p
    block = RerankInput(
        candidates=torch.from_numpy(candidates),
        scores=torch.from_numpy((1 / rank * np.sqrt(lengths)[:, None]).astype(np.float32)),
        vectors=torch.from_numpy(vectors),
        topics=None,
        user_topics=None,
        history_lengths=torch.from_numpy(lengths),
    )
    example = Example(block, {}, torch.from_numpy(liked), torch.from_numpy(liked.sum(axis=1).astype(np.float32)), K)
    return [example], torch.from_numpy(p)


def expected_dcg(places: Tensor, p: Tensor) -> float:
    return float((p.gather(1, places) * torch.from_numpy(discounts(K))).sum())


def test_probabilities_come_true_and_never_rise_with_rank() -> None:
    examples, p = world(4000)
    model = fit_gains(examples, DEPTH)
    pool = pool_of(examples[0].block, DEPTH, K)
    many = pool.block.history_lengths == 64  # type: ignore[operator]
    gains = model.gains(pool, K)
    assert (gains.diff(dim=1) <= 0).all()
    # 64 likes: ρ·64 > 10 of them held out at this share, so the ideal list is full, and the gain is p over its DCG.
    assert model.share == pytest.approx(float(examples[0].n_liked.sum() / examples[0].block.history_lengths.sum()))  # type: ignore[union-attr]
    ideal = 1 / np.log2(np.arange(2, 2 + K))
    held_out = [min(K, max(1.0, model.share * n)) for n in (64, 8)]
    for users, n in ((many, held_out[0]), (~many, held_out[1])):
        whole = int(n)
        most = ideal[:whole].sum() + (n - whole) * (ideal[whole] if whole < K else 0)
        np.testing.assert_allclose(gains[users].mean(dim=0) * most, p[users].mean(dim=0), atol=0.05)


def test_a_gain_is_a_hit_s_share_of_ndcg() -> None:
    # Certain hits, one held-out like expected: the gain of a place is its discount, as scikit-learn has it.
    sure = GainModel(OutcomeModel(np.zeros(5), np.ones(5), np.array([50.0, 0, 0, 0, 0, 0])), spread=1.0, share=0.1)
    example = world(2)[0][0]
    pool = pool_of(example.block, DEPTH, K)
    gains = sure.gains(pool, K)[0] * discounts(K)[2]
    one_at_third = np.eye(1, K, 2)
    assert float(gains[2]) == pytest.approx(ndcg_score(one_at_third, -np.arange(K)[None], k=K))


def test_likeness_is_the_mean_cosine_to_the_best_others() -> None:
    from recsat.rerank.gain import N_CENTRAL, _likeness

    block = world(3)[0][0].block
    likeness = _likeness(block, torch.ones(3, DEPTH, dtype=torch.bool))
    E = block.vectors[block.candidates[1]].numpy()  # type: ignore[index]
    for place in (0, 4, N_CENTRAL, DEPTH - 1):
        others = [j for j in range(N_CENTRAL) if j != place]
        assert float(likeness[1, place]) == pytest.approx(float((E[others] @ E[place]).mean()), abs=1e-5)


@pytest.mark.parametrize("by", [MaxSumDiversification(), MaximalMarginalRelevance(), DeterminantalPointProcess()])
@pytest.mark.parametrize("loss", [0.01, 0.1])
def test_what_is_spent_is_the_budget_also_in_truth_and_on_new_users(by: MaxSumDiversification, loss: float) -> None:
    learning = DiversityBudget(loss=loss, by=by)
    assert isinstance(learning, LearnedReranker)
    budget = learning.fit(world(1500)[0])
    (new,), p = world(1500, seed=1)
    plain, places = budget.at(0.0).rerank(new.block, K), budget.rerank(new.block, K)
    assert (plain == torch.arange(K)).all()
    ideal = torch.where(new.block.history_lengths == 64, 3.0, 1.0)[:, None]  # type: ignore[operator]
    assert 0.3 * loss < 1 - expected_dcg(places, p / ideal) / expected_dcg(plain, p / ideal) < 2 * loss
    similarity = new.block.similarity
    assert similarity is not None

    def likeness(lists: Tensor) -> float:
        rows = torch.arange(len(lists))[:, None, None]
        return float(similarity[rows, lists[:, :, None], lists[:, None, :]].mean())

    assert likeness(places) < likeness(plain) - 0.01


def test_a_larger_budget_buys_a_larger_trade_off_and_none_buys_nothing() -> None:
    examples, _ = world()
    nothing, little, much = (DiversityBudget(loss=loss).fit(examples).trade_off for loss in (0.0, 0.01, 0.1))
    assert nothing < little < much
    free = DiversityBudget(loss=0.0).fit(examples)
    assert (free.rerank(examples[0].block, K) == torch.arange(K)).float().mean() > 0.95


def test_diversity_is_bought_from_users_who_have_little_to_gain() -> None:
    # Both users have the same candidates; with these weights the hits of the second are 4 % as likely as the first one's.
    unlikely_if_long = OutcomeModel(np.zeros(5), np.ones(5), np.array([2.0, -1, -1.5, 0, 0, 0]))
    budget = DiversityBudget(by=MaxSumDiversification(trade_off=0.01), gains=GainModel(unlikely_if_long, 1.0, 0.0))
    block = world(2)[0][0].block
    block = replace(block, candidates=block.candidates[:1].expand(2, -1), scores=block.scores[:1].expand(2, -1))
    first, second = (budget.rerank(block, K) != torch.arange(K)).sum(dim=1).tolist()
    assert second > first + 2


def test_short_and_padded_shortlists_are_served() -> None:
    examples, _ = world(50)
    budget = DiversityBudget().fit(examples)
    block = examples[0].block
    scores = block.scores.clone()
    scores[0, 3:] = -math.inf
    scores[1] = -math.inf
    places = budget.rerank(replace(block, scores=scores), K)
    assert places[0].tolist() == [0, 1, 2] + [-1] * 7
    assert places[1].tolist() == [-1] * 10


def test_what_it_lacks_is_named() -> None:
    examples, _ = world(5)
    with pytest.raises(RunError, match="has not been fitted"):
        DiversityBudget().rerank(examples[0].block, K)
    with pytest.raises(RunError, match="without history lengths"):
        DiversityBudget().fit([replace(examples[0], block=replace(examples[0].block, history_lengths=None))])
    empty = replace(examples[0].block, scores=torch.full((5, DEPTH), -math.inf))
    with pytest.raises(RunError, match="no candidate of a validation user"):
        DiversityBudget().fit([replace(examples[0], block=empty)])


def test_it_is_made_from_the_settings_of_a_run() -> None:
    domain = Domain(
        name="shop",
        description="A shop.",
        config=DomainConfig,
        load=lambda config: None,  # type: ignore[arg-type, return-value]
        describe_item=lambda items: items["item_id"],
        describe_user=lambda users, history: users["user_id"],
        positive=None,  # type: ignore[arg-type]
        kinds=("thing",),
    )
    spec = next(spec for spec in rerankers_of(domain) if spec.name == "budget")
    reranker = make_reranker(spec, {"loss": 0.02, "by": "mmr"})
    assert reranker == DiversityBudget(loss=0.02, by=MaximalMarginalRelevance())
    for wrong, message in (
        ({"loss": 1.0}, "loss must be from 0"),
        ({"by": "value"}, "by must be one of mmr, msd, dpp"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_reranker(spec, wrong)
    with pytest.raises(ConfigError, match="'xquad' needs topics"):
        make_reranker(spec, {"by": "xquad"})


def test_without_a_hit_to_learn_from_the_order_stays_the_arm_s() -> None:
    examples, _ = world(50)
    missed = replace(examples[0], liked=torch.zeros_like(examples[0].liked), n_liked=torch.ones(50))
    budget = DiversityBudget(loss=0.5).fit([missed])
    assert (budget.rerank(examples[0].block, K) == torch.arange(K)).all()


@pytest.mark.parametrize("rarity", [1.0, 1e-4])
def test_the_trade_off_is_found_however_rare_hits_are(rarity: float) -> None:
    examples, _ = world(1000)
    known = fit_gains(examples, DEPTH)
    weights = known.model.weights.copy()
    weights[0] += math.log(rarity)
    rare = replace(known, model=replace(known.model, weights=weights))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recsat.rerank.budget.fit_gains", lambda *_: rare)
        reranker = DiversityBudget(loss=0.05).fit(examples)
    assert (reranker.rerank(examples[0].block, K) != torch.arange(K)).float().mean() > 0.2


def test_the_depth_of_the_budget_is_that_of_the_reranker_that_spends_it() -> None:
    assert DiversityBudget(depth=300).by.depth == 300
