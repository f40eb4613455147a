"""Who gains: slices of habits by hand, and worlds in which one habit alone gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from explorers import ExplorerWorld, gains_of

from recsat.measure.behaviour import HABITS, habit_slices, habits, thirds
from recsat.measure.evidence import Evidence, ItemVectors


def evidence_of(likes: dict[str, str], **changes: object) -> Evidence:
    """Users by the letters of the items that they liked; a and b lie together, z far from both."""
    pairs = [(user, item) for user, items in likes.items() for item in items]
    events = pl.DataFrame(pairs, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")
    items = pl.Series("item_id", list("abcdz"))
    vectors = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)
    return Evidence(
        split="s",
        users=pl.Series("user_id", list(likes)),
        relevant=events.clear(),
        known_likes=events,
        history=events,
        outcomes=events.clear(),
        items=items.to_frame(),
        **{"vectors": ItemVectors(items, vectors), **changes},  # type: ignore[arg-type]
    )


LIKES = {"one": "a", "alike": "ab", "apart": "az", "most": "abc", "full": "abcz", "none": ""}


def test_habits_are_distance_rarity_and_number() -> None:
    evidence = evidence_of(LIKES)
    values = habits(evidence)
    np.testing.assert_allclose(values["interests"], [np.nan, 0, 1, 0, 0.5, np.nan], atol=1e-6)
    np.testing.assert_allclose(
        values["exploration"], [0, 0, 0.5, 1 / 3, 0.5, np.nan]
    )  # a and b have eight of twelve likes
    np.testing.assert_allclose(values["activity"], [1, 2, 2, 3, 4, np.nan])


def test_slices_are_the_ends_and_leave_out_who_has_no_history() -> None:
    slices = habit_slices(evidence_of(LIKES))
    assert slices["few interests"].to_list() == ["alike", "most"]
    assert slices["many interests"].to_list() == ["apart", "full"]
    assert slices["occasional users"].to_list() == ["alike", "apart", "one"]
    assert slices["active users"].to_list() == ["full", "most"]
    assert set(slices) <= {name for ends in HABITS.values() for name in ends}


def test_without_vectors_interests_are_not_known() -> None:
    assert "few interests" not in habit_slices(evidence_of(LIKES, vectors=None))


def test_a_habit_that_everybody_has_makes_no_slices() -> None:
    assert habit_slices(evidence_of({"u": "a", "v": "a", "w": "a"})) == {}
    assert not np.any(thirds(np.full(9, 3.0)))
    assert not np.any(thirds(np.full(4, np.nan)))


@pytest.mark.parametrize("seed", range(4))
def test_where_explorers_alone_gain_it_is_told(seed: int) -> None:
    gains = gains_of(ExplorerWorld(), seed)
    assert gains.tells_explorers
    means = {one.slice: one for one in gains.within.slices}
    low, high = means["loyal users"].low, means["loyal users"].high
    assert low is not None
    assert high is not None
    assert low < 0.02
    assert means["explorers"].mean > 0.04


def test_where_everybody_gains_the_same_nobody_is_named() -> None:
    differ = [gains_of(replace(ExplorerWorld(), gain_of_loyal=0.3), seed).within.differ for seed in range(12)]
    assert sum(differ) <= 2


def test_draws_are_placed_by_their_own_histories() -> None:
    world = ExplorerWorld(n_draws=3)
    gains = gains_of(world, 0)
    assert gains.tells_explorers
    assert len(gains.within.contrasts) == 3
