"""One scale for warm and unseen items: the offset and slope that made the likes are found again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsat.arms.hybrid.merge import ALWAYS, NEVER, Heads, Merge, fit_merge, heads, is_shown_better, ndcg_of_one_scale


def world(truth: Merge, seed: int, n: int = 400) -> Heads:
    """Likes are the ten best by ``truth``."""
    draw = torch.Generator().manual_seed(seed)
    warm, unseen = torch.randn(n, 60, generator=draw), torch.randn(n, 60, generator=draw)
    is_warm = torch.arange(60) < 40
    scores = torch.where(is_warm, warm, truth.offset + truth.slope * unseen)
    liked = torch.zeros_like(scores).scatter_(1, scores.topk(10).indices, 1.0)
    return heads(warm, unseen, is_warm, ~is_warm, torch.zeros_like(liked, dtype=torch.bool), liked)


@pytest.mark.parametrize("truth", [Merge(1.5, 0.5), Merge(0.0, 2.0), Merge(-1.0, 1.0)])
def test_the_scale_that_made_the_likes_is_found(truth: Merge) -> None:
    assert fit_merge([world(truth, seed) for seed in range(2)]) == truth


def test_unseen_items_that_nobody_likes_come_last() -> None:
    one = world(Merge(NEVER), 0)
    assert float(one.ndcg(fit_merge([one])).min()) == pytest.approx(1.0)
    assert (
        fit_merge([Heads(one.warm, one.warm_hits, one.unseen[:, :0], one.unseen_hits[:, :0], one.n_liked)]).offset
        == NEVER
    )


def test_a_met_item_is_in_no_list_and_its_like_counts_for_nothing() -> None:
    scores, liked = torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    met, is_warm = torch.tensor([[True, False, False]]), torch.tensor([True, True, False])
    one = heads(scores, scores, is_warm, ~is_warm, met, liked)
    assert one.warm[0].tolist() == [2.0, -torch.inf, -torch.inf]
    assert one.warm_hits.tolist() == [[0.0, 0.0, 0.0]]
    assert one.unseen_hits.tolist() == [[1.0]]


def test_on_one_scale_the_best_ten_count_whether_seen_or_not_and_nothing_met() -> None:
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.9, 0.8, 0.7]])
    met = torch.tensor([[True, False, False], [False] * 3, [False] * 3])
    liked = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    values = ndcg_of_one_scale(scores, met, liked)
    assert values[:2].tolist() == pytest.approx([1.0, 1 / np.log2(3)])
    assert bool(values[2].isnan())


def test_better_is_shown_by_users_and_not_by_their_rounds() -> None:
    gains = torch.tensor([0.4, 0.1, 0.3, -0.1])  # mean .175, standard error .11
    users = torch.arange(4)
    nothing = torch.zeros(4)
    assert is_shown_better(gains, nothing, users, 1.0)
    assert not is_shown_better(gains, nothing, users, 2.0)
    rounds = [one.repeat(9) for one in (gains, nothing, users)]
    assert not is_shown_better(*rounds, 2.0), "nine rounds of the same four users say no more"
    assert is_shown_better(*[one.repeat(9) for one in (gains, nothing)], torch.arange(36), 2.0)
    assert not is_shown_better(torch.tensor([0.5]), torch.zeros(1), torch.arange(1), 1.0)
    with_nan = torch.cat([gains, torch.tensor([float("nan")])])
    assert is_shown_better(with_nan, torch.zeros(5), torch.arange(5), 1.0)


@pytest.mark.parametrize("highest", [4.5, 40.0, 400.0])
def test_unseen_items_may_come_before_all_others_however_far_those_are_up(highest: float) -> None:
    """Everybody goes on to like what is new, in the order of its scores, which differ by little; nobody anything else."""
    generator = torch.Generator().manual_seed(0)
    warm = highest + torch.rand(50, 10, generator=generator)
    unseen = (1e-2 * torch.arange(10.0).flip(0)).expand(50, 10)
    hits = torch.zeros(50, 10)
    hits[:, :3] = 1.0
    one = Heads(warm, torch.zeros(50, 10), unseen, hits, torch.full((50,), 3.0))
    assert float(one.ndcg(fit_merge([one])).min()) == pytest.approx(1.0)
    assert float(one.ndcg(Merge(ALWAYS)).min()) == pytest.approx(1.0)
