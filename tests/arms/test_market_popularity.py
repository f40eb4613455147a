"""Popularity by market, worked by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.popularity import Popularity
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch

ITEMS = pl.DataFrame({"item_id": list("abcd"), "kind": ["film", "film", "song", "song"]})
LIKES = np.array(
    [[1, 0, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 0]],
    dtype=np.float32,
)
MARKETS = np.array(["GB", "GB", "GB", "GB", "MT", "MT", "IS", ""])


def trained(markets: np.ndarray | None = MARKETS) -> TrainingData:
    return TrainingData(Catalogue(ITEMS), UserBatch([f"u{u}" for u in range(8)], csr_array(LIKES), markets=markets))


def strangers(*markets: str) -> UserBatch:
    none = csr_array((len(markets), 4), dtype=np.float32)
    return UserBatch([f"s{i}" for i in range(len(markets))], none, markets=np.array(markets))


def test_the_share_is_drawn_towards_everybodys_by_the_prior_users() -> None:
    # Of 8 users 6 liked a, 4 b, 4 c and nobody d. Of 4 in GB: 4, 1, 2, 0. Of 2 in MT: 0, 2, 1, 0.
    scores = MarketPopularity(prior_users=4).fit(trained()).score(strangers("GB", "MT", "", "FR"))
    everybody = [6 / 8, 4 / 8, 4 / 8, 0]
    expected = [
        [(4 + 3) / 8, (1 + 2) / 8, (2 + 2) / 8, 0],
        [(0 + 3) / 6, (2 + 2) / 6, (1 + 2) / 6, 0],
        everybody,
        everybody,
    ]
    torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float32))
    assert scores[0].argmax() == 0
    assert scores[1].argmax() == 1


@pytest.mark.parametrize(("prior_users", "first"), [(0.1, 1), (1.0, 1), (100.0, 0)])
def test_a_small_market_says_less_the_more_users_the_prior_is_worth(prior_users: float, first: int) -> None:
    assert MarketPopularity(prior_users=prior_users).fit(trained()).score(strangers("MT"))[0].argmax() == first


def test_without_markets_it_is_popularity() -> None:
    data = trained(None)
    scores = MarketPopularity().fit(data).score(UserBatch(["x"], csr_array((1, 4), dtype=np.float32)))
    torch.testing.assert_close(scores * 8, Popularity().fit(data).score(strangers("")))
    torch.testing.assert_close(MarketPopularity().fit(data).score(strangers("GB")), scores)
    assert torch.isfinite(
        MarketPopularity().fit(TrainingData(Catalogue(ITEMS), data.users.take(slice(0, 0)))).score(strangers("GB"))
    ).all()


def test_scores_at_candidates_are_those_of_the_catalogue() -> None:
    arm, users = MarketPopularity().fit(trained()), strangers("GB", "MT")
    candidates = torch.tensor([[3, -1, 0], [1, 2, -1]])
    picked, everything = arm.score(users, candidates), arm.score(users)
    assert torch.isneginf(picked[candidates == -1]).all()
    torch.testing.assert_close(picked[0, [0, 2]], everything[0, [3, 0]])
    torch.testing.assert_close(picked[1, :2], everything[1, [1, 2]])


def test_a_market_is_the_reason_only_where_several_of_its_users_liked_the_item_and_nothing_else_is_known() -> None:
    arm = MarketPopularity().fit(trained())
    items = np.array([[0, 1, 2, 3]] * 4)
    codes = arm.explain(strangers("GB", "MT", "IS", ""), items).code
    assert codes[0].tolist() == ["no-history-market", "popular", "no-history-market", "new"]  # one in GB liked b
    assert codes[1].tolist() == ["popular", "no-history-market", "popular", "new"]
    assert codes[2].tolist() == codes[3].tolist() == ["popular", "popular", "popular", "new"]
    assert arm.explain(trained().users.take(slice(0, 1)), items[:1]).code[0, 0] == "popular", "a history is known"


def test_a_share_means_the_same_for_every_kind() -> None:
    # Films are liked ten times in all and songs four; b (film) and c (song) are liked by as many users, and so are alike.
    scores = MarketPopularity().fit(trained()).score(strangers(""))[0]
    assert scores[1] == scores[2]


@pytest.mark.parametrize("prior_users", [0.0, -1.0])
def test_a_prior_of_nobody_is_refused(prior_users: float) -> None:
    with pytest.raises(ValueError, match="prior_users must be above 0"):
        MarketPopularity(prior_users=prior_users)


def test_markets_stay_with_their_users() -> None:
    assert trained().users.take(np.array([7, 4])).markets.tolist() == ["", "MT"]  # type: ignore[union-attr]
