from __future__ import annotations

import polars as pl
import pytest

from recsat.measure.slices import exposure_slices, item_slices, user_slices


def liked(**counts: int) -> pl.DataFrame:
    return pl.DataFrame({"item_id": list(counts), "n": list(counts.values())})


@pytest.mark.parametrize(
    ("counts", "head", "tail", "cold"),
    [
        ({"a": 5, "b": 3, "c": 2}, ["a"], ["b", "c"], ["z"]),
        ({"a": 4, "b": 3, "c": 3}, ["a", "b"], ["c"], ["z"]),  # 4 of 10 is too little; of b and c the first by id
        ({"a": 1, "b": 1}, ["a"], ["b"], ["z"]),
    ],
)
def test_the_head_is_the_smallest_set_with_half_of_the_likes(
    counts: dict[str, int], head: list[str], tail: list[str], cold: list[str]
) -> None:
    slices = item_slices(liked(**counts), pl.Series([*counts, "z"]))
    assert {name: ids.to_list() for name, ids in slices.items()} == {
        "head items": head,
        "tail items": tail,
        "cold items": cold,
    }


def test_a_slice_that_is_everything_or_nothing_is_left_out() -> None:
    assert item_slices(liked(a=3), pl.Series(["x", "y"])) == {}
    assert user_slices(liked(a=3).rename({"item_id": "user_id"}), pl.Series(["u0", "u1"])) == {}


def test_likes_of_items_outside_the_ranked_ones_do_not_make_a_head() -> None:
    slices = item_slices(liked(a=50, b=3, c=1), pl.Series(["b", "c"]))
    assert slices["head items"].to_list() == ["b"]


def test_users_are_cold_up_to_five_likes() -> None:
    slices = user_slices(pl.DataFrame({"user_id": ["six", "five"], "n": [6, 5]}), pl.Series(["new", "six", "five"]))
    assert {name: ids.to_list() for name, ids in slices.items()} == {
        "cold users": ["five", "new"],
        "warm users": ["six"],
    }


def test_exposures_are_cut_by_their_most_used_surfaces_and_by_place() -> None:
    surfaces = [f"s{i}" for i in range(10) for _ in range(10 - i)] + [None]
    log = pl.DataFrame({"surface": surfaces, "position": [1 + i % 6 for i in range(len(surfaces))]})
    parts = exposure_slices(log)
    assert [name for name in parts if name.startswith("surface")] == [f"surface s{i}" for i in range(8)]
    assert parts["surface s3"].height == 7
    places = {name: set(part["position"]) for name, part in parts.items() if name.startswith("position")}
    assert places == {"position 1": {1}, "positions 2 to 3": {2, 3}, "positions from 4": {4, 5, 6}}
    assert exposure_slices(log.select("surface").head(10)) == {}, "one surface alone is everything"
