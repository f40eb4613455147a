"""Scores of item-item arms, and their reasons."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.ease import Ease
from recsat.arms.linear import item_item
from recsat.arms.linear.item_item import history_times
from recsat.contract.interactions import UserBatch


def history(seed: int = 0) -> csr_array:
    """Histories of 0 to 5 of 40 items, with weights."""
    dice = np.random.default_rng(seed)
    rows = np.where(dice.random((12, 40)) < 0.07, dice.random((12, 40)), 0).astype(np.float32)
    rows[3] = 0
    return csr_array(rows)


@pytest.mark.parametrize("share", [0, 20, 10_000])
@pytest.mark.parametrize("transposed", [False, True])
def test_scores_are_the_product_whichever_way(monkeypatch: pytest.MonkeyPatch, share: int, transposed: bool) -> None:
    monkeypatch.setattr(item_item, "GATHER_SHARE", share)
    weights = torch.randn(40, 40, generator=torch.Generator().manual_seed(1))
    weights = weights.T if transposed else weights
    expected = torch.from_numpy(history().toarray()) @ weights
    torch.testing.assert_close(history_times(history(), weights), expected, rtol=1e-5, atol=1e-6)
    of_sparse = history_times(history(), csr_array(weights.numpy()))
    torch.testing.assert_close(of_sparse, expected, rtol=1e-5, atol=1e-6)


def test_sparse_weights_are_explained_as_dense_ones() -> None:
    dense = torch.randn(40, 40, generator=torch.Generator().manual_seed(1)).clamp(min=0)
    users = UserBatch([str(i) for i in range(12)], history())
    items = np.random.default_rng(2).integers(-1, 40, (12, 6))
    reasons = []
    for weights in (dense, csr_array(dense.numpy())):
        arm = Ease()
        arm.weights = weights  # type: ignore[assignment]
        reasons.append(arm.explain(users, items))
    assert (reasons[0].item >= 0).any()
    np.testing.assert_array_equal(reasons[0].item, reasons[1].item)
    np.testing.assert_array_equal(reasons[0].code, reasons[1].code)


def test_what_the_items_of_a_history_add_sums_to_the_score() -> None:
    arm = Ease()
    arm.weights = torch.randn(40, 40, generator=torch.Generator().manual_seed(1))
    liked = history()
    liked.data[:] = 1
    users = UserBatch([str(i) for i in range(12)], liked)
    items = np.random.default_rng(2).integers(0, 40, (12, 6))
    scores = arm.score(users).gather(1, torch.from_numpy(items))
    torch.testing.assert_close(arm.losses(users, items).sum(dim=1), scores, rtol=1e-4, atol=1e-5)
