"""Which parts make a list: found where they do, left out where they are noise, by a ranking measure that a peer computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score
from torch import Tensor

from recsat.arms.hybrid.stack import (
    N_HALVINGS,
    WEIGHTS,
    Candidates,
    Stack,
    candidates,
    fit_mean_stack,
    fit_stack,
    gain_of,
    hits_of_best,
    mean_stack,
    ndcg_of_hits,
    values_of,
)
from recsat.measure.draws import drawn_means


def world(truth: Stack, seed: int, n_users: int = 600, n_items: int = 60) -> Candidates:
    """Likes are the five best by ``truth`` with noise: what the stack ought to find again."""
    draw = torch.Generator().manual_seed(seed)
    parts = {name: torch.randn(n_users, n_items, generator=draw) for name in ("a", "b", "noise")}
    gains = {"popularity": torch.linspace(-2, 2, n_items)}
    scores = sum((w * parts[name] for name, w in truth.weights.items()), start=torch.zeros(n_users, n_items))
    for name, power in truth.powers.items():
        scores = scores * torch.exp(power * gains[name])
    noisy = scores + 0.5 * torch.randn(n_users, n_items, generator=draw)
    liked = torch.zeros_like(noisy).scatter_(1, noisy.topk(5).indices, 1.0)
    return candidates(parts, gains, liked, torch.zeros_like(liked, dtype=torch.bool), torch.arange(n_users))


@pytest.mark.parametrize("width", [3, 10, 11, 60])
@pytest.mark.parametrize("n_levels", [3, 40, 10**6])
def test_hits_are_those_of_the_places_of_the_best(width: int, n_levels: int) -> None:
    draw = torch.Generator().manual_seed(width)
    scores = torch.randint(n_levels, (200, width), generator=draw).float()
    scores[:20, 5:] = float("-inf")  # padding
    scores[20:23] = float("-inf")
    liked = (torch.rand(200, width, generator=draw) < 0.3).float().masked_fill(scores.isinf(), 0.0)
    expected = liked.gather(1, scores.topk(min(10, width), dim=1).indices)
    torch.testing.assert_close(hits_of_best(scores, liked), expected, atol=0, rtol=0)


def test_parts_that_make_the_likes_are_found_with_their_weights() -> None:
    stack = fit_stack([world(Stack({"a": 1.0, "b": 0.5}), 0), world(Stack({"a": 1.0, "b": 0.5}), 1)])
    assert stack.weights["b"] / stack.weights["a"] == pytest.approx(0.5, abs=0.25)
    assert stack.weights.get("noise", 0.0) < 0.3 * stack.weights["a"]


def test_a_step_is_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.stack.MOST_STEPS", 1)
    one = world(Stack({"a": 1.0, "b": 0.7}), 0)
    stack = fit_stack([one])
    reached = float(one.ndcg(stack).mean())
    [other] = set(stack.weights) - {"a"}
    assert other == "b"
    for weight in WEIGHTS:
        assert reached >= float(one.ndcg(Stack({"a": 1.0, "b": weight})).mean()) - 1e-6


def test_a_power_of_a_gain_is_found() -> None:
    stack = fit_stack([world(Stack({"a": 1.0}, {"popularity": 0.4}), 0)], n_errors=2)
    assert stack.powers["popularity"] >= 0.2


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_rarely_bought(seed: int) -> None:
    stack = fit_stack([world(Stack({"a": 1.0}), seed)], n_errors=2)
    assert stack.weights.get("noise", 0.0) + stack.weights.get("b", 0.0) <= 0.2 * stack.weights["a"]


def test_a_start_is_kept_where_nothing_is_sure() -> None:
    start = Stack({"a": 1.0, "noise": 1.0})
    few = world(Stack({"a": 1.0}), 0, n_users=3)
    assert fit_stack([few], n_errors=20, start=start) == start


def test_the_value_is_ndcg_by_a_peer_and_what_is_out_is_in_no_list() -> None:
    draw = torch.Generator().manual_seed(5)
    scores, liked = torch.rand(20, 200, generator=draw), (torch.rand(20, 200, generator=draw) < 0.1).float()
    out = torch.rand(20, 200, generator=draw) < 0.5
    one = candidates({"a": scores}, {}, liked, out, torch.arange(20))
    values = one.ndcg(Stack({"a": 1.0}))
    for user in range(20):
        here = ~out[user]
        expected = ndcg_score(liked[user][here][None].numpy(), scores[user][here][None].numpy(), k=10)
        assert float(values[user]) == pytest.approx(expected, abs=1e-5)


def test_users_without_a_like_are_not_judged() -> None:
    assert torch.isnan(ndcg_of_hits(torch.zeros(1, 10), torch.zeros(1))).all()
    one = world(Stack({"a": 1.0}), 0, n_users=2)
    empty = Candidates(one.parts, one.log_gains, one.liked * 0, one.n_liked * 0, one.users)
    assert fit_stack([empty]) == Stack({"a": 1.0})


def test_the_error_of_a_gain_is_that_of_means_over_draws() -> None:
    rng = np.random.default_rng(0)
    gap = rng.normal(size=(50, 3)) + rng.normal(size=3)
    mean, error = gain_of(torch.from_numpy(gap), torch.zeros(50, 3, dtype=torch.float64))
    peer = drawn_means(gap[:, None, :], confidence=0.95)
    assert mean == pytest.approx(peer.intervals.mean[0])
    assert error == pytest.approx(peer.error[0], rel=0.02)  # which has n / (n - 1) besides


def test_values_are_by_user_of_the_whole_data() -> None:
    one = world(Stack({"a": 1.0}), 0, n_users=4)
    moved = Candidates(one.parts, one.log_gains, one.liked, one.n_liked, torch.tensor([3, 0, 5, 1]))
    values: Tensor = values_of(Stack({"a": 1.0}), [one, moved])
    assert values.shape == (6, 2)
    torch.testing.assert_close(values[[3, 0, 5, 1], 1], values[:4, 0])
    assert torch.isnan(values[4:, 0]).all()


def test_the_mean_stack_is_that_of_the_halves_of_all_users(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[tuple[frozenset[int], float]] = []
    stacks = iter([Stack({"a": 2.0}, {"popularity": 0.2}), Stack({"a": 1.0, "b": 1.0})] * N_HALVINGS)

    def one_of_a_half(rounds: list[Candidates], *, n_errors: float) -> Stack:
        users = [frozenset(one.users.tolist()) for one in rounds]
        assert len(set(users)) == 1, "a user is in one half, in every round"
        assert all(len(one.liked) == len(one.users) == len(one.n_liked) == len(one.parts["a"]) for one in rounds)
        looked_at.append((users[0], n_errors))
        return next(stacks)

    monkeypatch.setattr("recsat.arms.hybrid.stack.fit_stack", one_of_a_half)
    rounds = [world(Stack({"a": 1.0}), seed, n_users=40) for seed in (0, 1)]
    mean = fit_mean_stack(rounds, n_errors=1.0)
    assert mean.weights == pytest.approx({"a": 0.75, "b": 0.25})
    assert mean.powers == pytest.approx({"popularity": 0.1})
    for (first, n_errors), (second, _) in zip(looked_at[::2], looked_at[1::2], strict=True):
        assert first | second == set(range(40))
        assert len(first) == len(second) == 20
        assert n_errors == 0.5
    assert len({first for first, _ in looked_at[::2]}) == N_HALVINGS


def test_parts_that_hardly_count_are_no_part_of_a_mean() -> None:
    mean = mean_stack([Stack({"a": 1.0, "b": 1.0, "noise": 0.05}), Stack({"a": 4.0})])
    assert mean.weights == pytest.approx({"a": (1 / 2.05 + 1) / (2 / 2.05 + 1), "b": (1 / 2.05) / (2 / 2.05 + 1)})
    assert list(mean.weights) == ["a", "b"]


def test_the_mean_stack_finds_parts_that_make_the_likes() -> None:
    truth = Stack({"a": 1.0, "b": 0.5}, {"popularity": 0.2})
    stack = fit_mean_stack([world(truth, 0), world(truth, 1)])
    assert stack.weights["b"] / stack.weights["a"] == pytest.approx(0.5, abs=0.2)
    assert stack.powers["popularity"] == pytest.approx(0.2, abs=0.1)
    assert stack == fit_mean_stack([world(truth, 0), world(truth, 1)])


def test_the_mean_stack_of_few_users_is_one_part() -> None:
    one = world(Stack({"a": 1.0}), 0, n_users=1)
    assert list(fit_mean_stack([one]).weights) == ["a"]
