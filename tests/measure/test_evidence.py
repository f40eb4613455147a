"""What every measure and slice of a split counts of what was liked before its cut."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsat.measure.evidence import Evidence


def test_likes_are_counted_by_item_and_by_user_and_a_repeated_one_once(world: Evidence) -> None:
    once = replace(world, known_likes=pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"]}))
    twice = replace(once, known_likes=pl.concat([once.known_likes, once.known_likes]))
    for evidence in (once, twice):
        assert dict(evidence.n_likes["item_id"].iter_rows()) == {"a": 2, "b": 1}
        assert dict(evidence.n_likes["user_id"].iter_rows()) == {"u": 2, "v": 1}


def test_liked_items_are_those_of_the_served_users_in_their_order(world: Evidence) -> None:
    evidence = replace(world, users=world.users.reverse())
    likes = dict(world.known_likes.group_by("user_id").agg(pl.col("item_id").sort()).iter_rows())
    listed = evidence.liked_items
    ids = world.items["item_id"]
    for row, user in enumerate(evidence.users):
        assert ids.gather(listed.matrix[[row]].indices).sort().to_list() == likes.get(user, [])
