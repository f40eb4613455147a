"""One scale for warm and unseen items: the offset and slope that made the likes are found again."""

from __future__ import annotations

import pytest
import torch

from recsat.arms.hybrid.merge import NEVER, Heads, Merge, fit_merge, heads


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
