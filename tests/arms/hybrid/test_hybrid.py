"""The hybrid's pieces: time-weighted pairs, the split inside fit, the calibration, and the arm that they make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import ndcg_score

from recsat.arms.aligned import AlignedText
from recsat.arms.hybrid.blend import Blend, HiddenScores, _best, fit_blend, spread
from recsat.arms.hybrid.holdout import hold_out
from recsat.arms.hybrid.hybrid import RIDGE_ROUNDS, RIDGES, Hybrid, best_penalty
from recsat.arms.linear.sessions import session_gram
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.testing.worlds import taste_groups, without_events_on


def timed(history: csr_array, seed: int = 0) -> csr_array:
    seconds = np.random.default_rng(seed).uniform(0, 2000, history.nnz)
    return csr_array((seconds, history.indices, history.indptr), shape=history.shape)


def test_pairs_count_by_time_and_by_place_between_them() -> None:
    history = csr_array(np.array([[1, 1, 0, 1], [0, 1, 1, 0]], dtype=np.float32))
    times = csr_array((np.array([100.0, 160.0, 220.0, 5.0, 5.0]), history.indices, history.indptr), shape=history.shape)
    G = session_gram(history, times, np.array([2.0, 1.0]), seconds=60.0, window=3).toarray()
    next_to, two_apart = 2 * np.exp(-1) * 3 / 4, 2 * np.exp(-2) * 2 / 4
    expected = [[2, next_to, 0, two_apart], [next_to, 3, 0.75, next_to], [0, 0.75, 1, 0], [two_apart, next_to, 0, 2]]
    np.testing.assert_allclose(G, expected)


@given(st.integers(0, 1000), st.sampled_from([1, 4, 50]))
def test_the_time_weighted_gram_stays_positive_semidefinite(seed: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    history = csr_array((rng.random((8, 12)) < 0.5).astype(np.float32))
    G = session_gram(history, timed(history, seed), rng.random(8), seconds=300.0, window=window).toarray()
    np.testing.assert_array_equal(G, G.T)
    assert np.linalg.eigvalsh(G).min() > -0.01  # pairs whose decay is below e^-7 are left out


def test_without_decay_or_window_the_time_weighted_gram_is_the_gram(blocks: TrainingData) -> None:
    history = blocks.users.history
    G = session_gram(history, timed(history), np.ones(60), seconds=1e12, window=10**4)
    np.testing.assert_allclose(G.toarray(), (history.T @ history).toarray(), rtol=1e-2)


def test_what_is_held_out_and_what_is_left_make_the_history(blocks: TrainingData) -> None:
    data = replace(blocks, users=replace(blocks.users, times=timed(blocks.users.history)))
    split = hold_out(data, share=0.3, rng=np.random.default_rng(3))
    left, held_out = split.train.users.history.toarray(), split.hidden_likes.toarray()
    np.testing.assert_array_equal(left + held_out, blocks.users.history.toarray())
    assert split.hidden.sum() == round(0.3 * blocks.warm.sum())
    assert left[:, split.hidden].sum() == 0
    others = ~split.hidden
    n = (left + held_out)[:, others].sum(axis=1)
    assert (np.abs(held_out[:, others].sum(axis=1) - 0.3 * n) < 1).all()
    assert split.train.users.times is not None
    np.testing.assert_array_equal(split.train.users.times.indices, split.train.users.history.indices)
    np.testing.assert_array_equal((split.train.users.times.toarray() > 0), left > 0)


def evidence(rng: np.random.Generator, *, truth: Blend, n: int = 400) -> HiddenScores:
    """Likes are the ten best by ``truth``: what calibration ought to find again."""
    L, A = (torch.from_numpy(rng.standard_normal((n, 40)).astype(np.float32)) for _ in range(2))
    hidden = torch.from_numpy(rng.standard_normal((n, 20)).astype(np.float32))
    log_popularity = torch.linspace(-2, 2, 40)
    warm = (L + truth.blend * A) * torch.exp(truth.popularity * log_popularity)
    everything = torch.cat([warm, truth.offset + truth.slope * hidden], dim=1)
    liked = torch.zeros_like(everything).scatter_(1, everything.topk(10).indices, 1.0)
    return HiddenScores(L, A, log_popularity, liked[:, :40], hidden, liked[:, 40:])


@pytest.mark.parametrize("truth", [Blend(0.5, -0.1, 1.5, 0.5), Blend(0.0, 0.0, 0.0, 2.0)])
def test_calibration_finds_the_scale_that_made_the_likes(truth: Blend) -> None:
    rng = np.random.default_rng(0)
    blend = fit_blend([evidence(rng, truth=truth) for _ in range(2)])
    assert (blend.offset, blend.slope) == (truth.offset, truth.slope)
    assert abs(blend.blend - truth.blend) <= 0.31


def test_a_hit_of_a_short_list_counts_once() -> None:
    one = HiddenScores(
        warm_scores=torch.tensor([[3.0, 2.0, 1.0, -torch.inf]]),
        text_scores=torch.tensor([[1.0, 2.0, 3.0, 4.0]]),
        log_popularity=torch.zeros(4),
        warm_liked=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        hidden_scores=torch.zeros(1, 0),
        hidden_liked=torch.zeros(1, 0),
    )
    assert _best(one).ndcg(0.0, 0.0) == pytest.approx(1.0)


def test_without_held_out_likes_the_calibration_is_the_plain_one() -> None:
    nothing = evidence(np.random.default_rng(0), truth=Blend())
    nothing = replace(nothing, warm_liked=nothing.warm_liked * 0, hidden_liked=nothing.hidden_liked * 0)
    assert fit_blend([nothing]) == Blend()


def test_spread_is_of_scores_per_root_of_history_length_and_never_zero() -> None:
    scores = torch.tensor([[2.0, 6.0], [9.0, 9.0]])
    assert spread(scores, torch.tensor([4.0, 0.0])) == pytest.approx(1.0)
    assert spread(torch.zeros(3, 2), torch.ones(3)) == 1.0


@pytest.fixture
def with_new_items(blocks: TrainingData) -> TrainingData:
    history = blocks.users.history.toarray()
    history[:, :3] = 0  # one item of each taste group has no events
    return replace(blocks, users=replace(blocks.users, history=csr_array(history)))


def test_new_items_are_ranked_by_taste_among_themselves_and_next_to_warm_ones(with_new_items: TrainingData) -> None:
    fitted = Hybrid(l2=1.0, prior=1.0).fit(with_new_items)
    scores = fitted.score(with_new_items.users)
    group = torch.arange(60) % 3
    assert (scores[:, :3].argmax(dim=1) == group).float().mean() > 0.9
    unseen = torch.from_numpy(with_new_items.users.history.toarray() == 0)
    top = scores.masked_fill(~unseen, float("-inf")).topk(5, dim=1).indices
    assert 0 < (top < 3).float().mean() < 0.5, "neither shut out nor flooding the list"


@pytest.mark.parametrize("dense_limit", [20_000, 10])
def test_parts_and_offset_make_the_score(with_new_items: TrainingData, dense_limit: int) -> None:
    fitted = Hybrid(dense_limit=dense_limit).fit(with_new_items)
    users, c = with_new_items.users, fitted.blend_of_parts
    unseen = fitted.unseen_part.score(users)[:, 1] / fitted.unseen_unit
    text = fitted.text_part.score(users)[:, 12] / fitted.text_unit
    warm = fitted.warm_part.score(users)[:, 12] / fitted.warm_unit
    lengths = torch.from_numpy(users.history.sum(axis=1)).float()
    scores = fitted.score(users)
    torch.testing.assert_close(scores[:, 1], c.offset * lengths.sqrt() + c.slope * unseen, rtol=1e-3, atol=1e-3)
    expected = (warm + c.blend * text) * fitted.gain[12]
    torch.testing.assert_close(scores[:, 12], expected, rtol=1e-3, atol=1e-3)


def test_the_reason_for_a_new_item_is_likeness_and_for_a_warm_one_that_it_was_liked(
    with_new_items: TrainingData,
) -> None:
    fitted = Hybrid().fit(with_new_items)
    group = np.arange(60) % 3
    reasons = fitted.explain(with_new_items.users, np.stack([group, group + 6], axis=1))
    named = reasons.item >= 0
    assert named.mean() > 0.9
    assert set(reasons.code[:, 0][named[:, 0]]) == {"similar"}
    assert set(reasons.code[:, 1][named[:, 1]]) == {"because"}


@pytest.mark.parametrize("offset", [-0.6, 0.0, 0.6])
def test_a_new_item_names_a_reason_only_where_it_outweighs_the_step_of_the_offset(
    with_new_items: TrainingData, offset: float
) -> None:
    fitted = Hybrid().fit(with_new_items)
    fitted.blend_of_parts = replace(fitted.blend_of_parts, offset=offset, slope=0.5)
    users, listed = with_new_items.users, np.tile(np.arange(3), (60, 1))
    because = fitted.explain(users, listed).item
    before = fitted.score(users)
    share = fitted.unseen_part.losses(users, listed)
    for user in range(60):
        history = users.history[[user]].indices
        left_out = users.history[[user] * len(history)].toarray()
        left_out[np.arange(len(history)), history] = 0
        lost = (before[user, :3] - fitted.score(UserBatch(["x"] * len(history), csr_array(left_out)))[:, :3]).numpy()
        speaks = share[user, : len(history)].numpy() > 0
        for item in range(3):
            lowers = history[speaks[:, item] & (lost[:, item] > 1e-4)]
            assert (because[user, item] in lowers) if len(lowers) else (because[user, item] == -1 or offset >= 0)


def test_the_penalty_is_the_one_that_ranks_hidden_items_best(
    blocks: TrainingData,
) -> None:
    rng = np.random.default_rng(7)
    ndcg, units = np.zeros(len(RIDGES)), []
    for _ in range(RIDGE_ROUNDS):
        split = hold_out(blocks, share=0.2, rng=rng)
        hidden = np.flatnonzero(split.hidden)
        rng.permutation(30), rng.permutation(60)  # items and users to look at: here all of them
        units.append(AlignedText().moments(split.train).unit)
        liked = split.hidden_likes.toarray()[:, hidden]
        judged = liked.any(axis=1)
        for place, l2 in enumerate(RIDGES):
            scores = AlignedText(l2=l2).fit(split.train).score(split.train.users).numpy()[:, hidden]
            ndcg[place] += ndcg_score(liked[judged], scores[judged], k=10)
    expected = RIDGES[int(ndcg.argmax())] * np.mean(units)
    assert best_penalty(blocks, 0.2, np.random.default_rng(7)) == pytest.approx(expected)
    fitted = Hybrid().fit(blocks)
    assert fitted.penalty is not None
    assert fitted.text_part.l2 == pytest.approx(fitted.penalty / AlignedText().moments(blocks).unit)
    assert Hybrid(aligned_l2=2.0).fit(blocks).text_part.l2 == 2.0


@pytest.mark.parametrize("n_users", [0, 3])
def test_without_likes_it_is_fitted_all_the_same(blocks: TrainingData, n_users: int) -> None:
    users = UserBatch(ids=[f"u{i}" for i in range(n_users)], history=csr_array((n_users, 30), dtype=np.float32))
    fitted = Hybrid().fit(replace(blocks, users=users))
    assert torch.isfinite(fitted.score(blocks.users)).all()


def test_nobody_and_nothing_are_fitted_without_a_fault(blocks: TrainingData) -> None:
    few = replace(blocks, users=UserBatch(ids=["a"], history=blocks.users.history[[0]]))
    assert torch.isfinite(Hybrid().fit(few).score(few.users)).all()


@pytest.mark.parametrize("parameters", [{"held_out": 0.0}, {"held_out": 1.0}, {"rounds": 0}])
def test_splits_that_leave_nothing_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="held_out must lie inside"):
        Hybrid(**parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("dense_limit", [20_000, 1])
def test_the_parts_of_a_score_add_up_whatever_the_blend(dense_limit: int) -> None:
    """In worlds as even as those of the contract fit leaves popularity out, and the head start at 0."""
    train = without_events_on(taste_groups(), slice(3))
    arm = Hybrid(dense_limit=dense_limit).fit(train)
    arm.blend_of_parts = Blend(blend=0.3, popularity=-0.1, offset=0.7, slope=1.5)
    arm.gain = torch.linspace(0.5, 2, len(train.catalogue))
    items = np.tile(np.arange(len(train.catalogue)), (len(train.users), 1))
    parts = arm.parts(train.users, items)
    np.testing.assert_allclose(sum(parts.values()), arm.score(train.users).numpy(), rtol=1e-4, atol=1e-4)
    unseen = [name for name in parts if "unseen" in name]
    for name, part in parts.items():
        of_others = part[:, 3:] if name in unseen else part[:, :3]
        assert not of_others.any(), f"{name} is of other items"
        assert part.any(), name
