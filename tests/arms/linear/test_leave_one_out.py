"""What scores lose without one item of the history."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.linear.leave_one_out import contributions_of_cosine, contributions_of_least_squares
from recsat.arms.text import TextSimilarity
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch


@pytest.mark.parametrize("alpha", [0.5, 1.0, 40.0])
def test_the_loss_of_least_squares_is_that_of_solving_anew(alpha: float) -> None:
    torch.manual_seed(0)
    Y, history = torch.randn(30, 5), torch.tensor([2, 7, 11, 19])
    gram, ridge = Y.T @ Y, 0.3

    def solved(items: torch.Tensor) -> torch.Tensor:
        system = gram + ridge * torch.eye(5) + (alpha - 1) * Y[items].T @ Y[items]
        return torch.linalg.solve(system, alpha * Y[items].sum(dim=0))

    of_history = torch.cat([Y[history], torch.zeros(1, 5)])[None]  # the last place is padding
    contributions = contributions_of_least_squares(gram, of_history, Y[None], alpha=alpha, regularisation=ridge)[0]
    expected = torch.stack([Y @ (solved(history) - solved(history[history != h])) for h in history])
    torch.testing.assert_close(contributions[:4], expected, rtol=1e-3, atol=1e-4)
    assert (contributions[4] == 0).all()


def test_the_loss_of_a_cosine_is_that_of_the_mean_without_the_item() -> None:
    torch.manual_seed(1)
    E = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    E[:4] *= torch.tensor([[1.0], [0.5], [2.0], [1.5]])
    of_history = torch.cat([E[:4], torch.zeros(1, 4)])[None]
    contributions = contributions_of_cosine(of_history, of_history @ E[None, 4:].mT)[0]
    for h in range(4):
        left = torch.arange(4) != h
        whole, without = (torch.nn.functional.normalize(part.sum(dim=0), dim=0) for part in (E[:4], E[:4][left]))
        torch.testing.assert_close(contributions[h], E[4:] @ (whole - without))
    torch.testing.assert_close(contributions[4], torch.zeros(2))


def test_without_its_only_item_a_history_has_no_cosine() -> None:
    E = torch.tensor([[[0.6, 0.8], [0.0, 0.0]]])
    torch.testing.assert_close(contributions_of_cosine(E, E[:, :, :1]), torch.tensor([[[0.6], [0.0]]]))


def test_text_names_the_likest_item_only_where_it_speaks_for_the_listed_one() -> None:
    # The first liked item is the likest, and without it the mean is nearer still: cosines .980, then .990, .984 and .822.
    vectors = np.array([[1, 0], [0.96, 0.28], [0.6, 0.8], [0.8, -0.6]], dtype=np.float32)
    users = UserBatch(["u"], csr_array(np.array([[0, 1, 1, 1]], dtype=np.float32)))
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcd")}))
    arm = TextSimilarity(vector="text").fit(TrainingData(catalogue, users, {"text": vectors}))
    without = UserBatch(["x"] * 3, csr_array(np.array([[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]], dtype=np.float32)))
    assert arm.score(users)[0, 0].item() == pytest.approx(2.36 / np.hypot(2.36, 0.48))
    assert arm.score(without)[:, 0].numpy().round(3).tolist() == pytest.approx([0.990, 0.984, 0.822])
    assert arm.explain(users, np.array([[0, -1]])).item.tolist() == [[3, -1]]
