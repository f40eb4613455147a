"""Trade-offs swept over candidates that were scored once."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from recsat import PluginError
from recsat.contract.reranker import RerankInput
from recsat.measure.evidence import ItemVectors
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.trade_off import ScoredUsers, TradeOffPoint, chosen_point, scored_users, sweep

VECTORS = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
IDS = pl.Series("item_id", ["a", "b", "c", "d"])
BLOCK = RerankInput(
    candidates=torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3]]),
    scores=torch.tensor([[4.0, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1]]),
    vectors=torch.from_numpy(VECTORS),
    topics=None,
    user_topics=None,
    user_ids=["u", "v", "w"],
)
RELEVANT = pl.DataFrame({"user_id": ["u", "w"], "item_id": ["b", "a"]})


def scored(mask: list[bool]) -> ScoredUsers:
    shortlists = [(slice(0, 3), BLOCK)]
    return scored_users(shortlists, ["u", "v", "w"], np.array(mask), RELEVANT, ItemVectors(IDS, VECTORS), k=2)


def test_points_are_means_over_the_wanted_users_by_hand() -> None:
    plain, diverse = sweep(scored([True, False, True]), lambda t: MaxSumDiversification(trade_off=t), [0.0, 1.0])
    # Plain: both see a, b, one direction. u hits at rank 2, w at rank 1.
    assert plain == TradeOffPoint(0.0, pytest.approx((1 / np.log2(3) + 1) / 2), 0.0)
    # Diversity alone: both see a, c at a right angle. u misses, w hits.
    assert diverse == TradeOffPoint(1.0, 0.5, 1.0)


def test_users_who_are_not_wanted_are_left_out_and_rows_stay_with_their_users() -> None:
    of_w = scored([False, False, True])
    assert of_w.users.to_list() == ["w"]
    assert of_w.blocks[0].user_ids == ["w"]
    (plain,) = sweep(of_w, lambda t: MaxSumDiversification(trade_off=t), [0.0])
    assert plain.ndcg == 1.0
    assert scored([False, False, False]).blocks == []


def test_a_reranker_that_repeats_a_place_is_named_and_not_measured() -> None:
    class Stuck:
        def rerank(self, block: RerankInput, k: int) -> torch.Tensor:
            return torch.zeros(len(block.scores), k, dtype=torch.int64)

    with pytest.raises(PluginError, match=r"^reranker .*Stuck\.rerank .* returned place 0 twice in one list"):
        sweep(scored([True, True, True]), lambda t: Stuck(), [0.0])


def test_a_sweep_computes_similarities_once() -> None:
    users = scored([True, False, True])
    sweep(users, lambda t: MaxSumDiversification(trade_off=t), [0.0])
    similarity = users.blocks[0].similarity
    sweep(users, lambda t: MaxSumDiversification(trade_off=t), [0.1, 0.2])
    assert users.blocks[0].similarity is similarity


@pytest.mark.parametrize(
    ("points", "trade_off"),
    [
        ([(0.0, 0.300, 0.5), (0.1, 0.298, 0.6), (0.2, 0.290, 0.7)], 0.1),
        ([(0.0, 0.300, 0.5), (0.1, 0.290, 0.6), (0.2, 0.298, 0.7)], 0.2),  # what noise lost at 0.1 is no reason to stop
        ([(0.0, 0.300, 0.5), (0.1, 0.296, 0.6)], 0.0),
        ([(0.0, 0.300, 0.5), (0.1, 0.310, 0.4)], 0.0),
        ([(0.0, 0.0, 0.5), (0.1, 0.0, 0.9)], 0.0),
    ],
)
def test_the_most_diverse_point_that_keeps_99_per_cent_is_chosen(
    points: list[tuple[float, float, float]], trade_off: float
) -> None:
    assert chosen_point([TradeOffPoint(*point) for point in points]).trade_off == trade_off
