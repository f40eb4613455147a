"""InfoNCE against its formula, one row at a time."""

from __future__ import annotations

import math

import pytest
import torch

from recsat.finetune.losses import info_nce


def by_hand(anchors: torch.Tensor, items: torch.Tensor, liked: torch.Tensor, temperature: float) -> float:
    total = 0.0
    for i in range(len(anchors)):
        own = math.exp(float(anchors[i] @ items[i]) / temperature)
        others = [
            math.exp(float(anchors[i] @ items[j]) / temperature)
            for j in range(len(items))
            if j != i and not bool(liked[i, j])
        ]
        total -= math.log(own / (own + sum(others)))
    return total / len(anchors)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_is_the_formula_with_what_the_user_liked_left_out_of_the_negatives(share: float) -> None:
    torch.manual_seed(0)
    anchors, items = (torch.nn.functional.normalize(torch.randn(6, 4), dim=1) for _ in range(2))
    liked = torch.rand(6, 6) < share
    liked |= torch.eye(6, dtype=torch.bool)
    found = info_nce(anchors, items, liked, temperature=0.2)
    assert float(found) == pytest.approx(by_hand(anchors, items, liked, 0.2), rel=1e-5, abs=1e-6)


def test_equal_vectors_give_the_log_of_the_batch_and_the_correction_gives_the_entropy_of_the_chances() -> None:
    same, none = torch.ones(4, 1), torch.zeros(4, 4, dtype=torch.bool)
    assert float(info_nce(same, same, none, temperature=1.0)) == pytest.approx(math.log(4))
    chances = torch.tensor([0.4, 0.3, 0.2, 0.1])
    weights = (1 / chances) / (1 / chances).sum()
    found = info_nce(same, same, none, temperature=1.0, log_chances=chances.log())
    assert float(found) == pytest.approx(float(-weights.log().mean()))
