"""What is drawn, how often, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsat import DataError
from recsat.contract.interactions import Catalogue
from recsat.finetune.pairs import Pairs, PairSource

Toy = tuple[Catalogue, pl.DataFrame]


def describe(events: pl.DataFrame) -> pl.DataFrame:
    return events.sort("item_id").group_by("user_id").agg(text=pl.col("item_id").str.join(" ")).sort("user_id")


def source_and_pairs(toy: Toy, user_share: float, n: int = 600, seed: int = 0) -> tuple[PairSource, Pairs]:
    catalogue, events = toy
    source = PairSource(events, catalogue, describe)
    return source, source.draw(n, user_share, np.random.default_rng(seed))


def test_both_items_of_a_pair_are_distinct_and_liked_by_its_user(toy: Toy) -> None:
    source, pairs = source_and_pairs(toy, 0.0)
    assert len(pairs) == 600
    assert (pairs.anchor_items != pairs.items).all()
    for side in (pairs.anchor_items, pairs.items):
        assert np.asarray(source.history[pairs.users, side] > 0).all()


def test_a_users_text_never_names_the_item_that_it_is_to_find(toy: Toy) -> None:
    source, pairs = source_and_pairs(toy, 1.0)
    catalogue, _ = toy
    texts = [pairs.user_texts[i] for i in pairs.anchors - len(catalogue)]
    assert (pairs.anchor_items == -1).all()
    assert all(catalogue.ids[item] not in text.split() for item, text in zip(pairs.items, texts, strict=True))
    for user, text in zip(pairs.users, texts, strict=True):
        liked = {catalogue.ids[i] for i in source.history[[user]].indices}
        assert set(text.split()) < liked
    assert np.asarray(source.history[pairs.users, pairs.items] > 0).all()


def test_shares_hold_and_both_sorts_are_mixed(toy: Toy) -> None:
    _, pairs = source_and_pairs(toy, 0.25)
    is_user = pairs.anchor_items == -1
    assert is_user.sum() == 150
    assert 0 < is_user[:100].sum() < 100


def test_an_epoch_is_the_same_whenever_it_is_drawn_and_differs_from_the_next(toy: Toy) -> None:
    first, again, other = (source_and_pairs(toy, 0.5, seed=seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.items, again.items)
    assert first.user_texts == again.user_texts
    assert not np.array_equal(first.items, other.items)


def test_users_are_drawn_by_the_root_of_their_history_and_items_as_the_chances_say() -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    likes = [("short", f"i{i}") for i in range(4)] + [("long", f"i{i}") for i in range(16)] + [("one", "i0")]
    events = pl.DataFrame(likes, schema=["user_id", "item_id"], orient="row").with_columns(timestamp=pl.lit(at))
    source = PairSource(events, Catalogue(pl.DataFrame({"item_id": sorted({i for _, i in likes})})), describe)
    pairs = source.draw(30_000, 0.0, np.random.default_rng(0))
    names = source.user_ids.gather(pairs.users)
    assert (names == "one").sum() == 0  # nothing to pair with
    assert (names == "long").mean() == pytest.approx(2 / 3, abs=0.01)  # 4 : 2
    assert source.chances.sum() == pytest.approx(1.0)
    # i4 is liked by the long history alone: 4 / (2 + 4 + 1) of the draws, one in 16 of those.
    assert source.chances[source.catalogue.index["i4"]] == pytest.approx(4 / 7 / 16)


def test_what_a_user_liked_is_told_for_each_pair_of_a_batch(toy: Toy) -> None:
    source, pairs = source_and_pairs(toy, 0.0)
    is_liked = source.is_liked(pairs.users[:8], pairs.items[:8])
    assert is_liked.shape == (8, 8)
    assert is_liked.diagonal().all()
    kinds = source.history[pairs.users[:8]].indices.reshape(8, 5)[:, 0] >= 12
    assert not is_liked[kinds][:, pairs.items[:8] < 12].any()


def test_histories_of_one_item_are_refused(toy: Toy) -> None:
    catalogue, events = toy
    with pytest.raises(DataError, match="no user has two liked items"):
        PairSource(events.unique("user_id"), catalogue, describe)
