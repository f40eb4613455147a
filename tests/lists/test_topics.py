"""Topics that a listed item and a user's history have in common."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.errors import DataError
from recsat.lists import topics
from recsat.lists.topics import catalogue_topics

GENRES = [
    ["Crime", "Drama"],
    ["Drama", "Crime"],
    ["Drama", None],
    [],
    None,
    ["Noir", "Drama", "Drama"],
    ["Noir", "Crime"],
]
ITEMS = pl.DataFrame(
    {"item_id": list("abcdefg"), "genres": GENRES}, schema={"item_id": pl.String, "genres": pl.List(pl.String)}
)
LIKED = csr_array(np.array([[0, 0, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 0, 1], [0] * 7], dtype=np.float32))


@pytest.mark.parametrize(
    ("item", "named", "user", "topic"),
    [
        (0, 1, 1, "Crime"),  # both topics are shared; three items are crime, four drama
        (0, 2, 0, "Drama"),  # the only topic of both, rare or not
        (6, 2, 0, None),  # no topic of both, though the user liked Noir elsewhere
        (3, 2, 0, None),
        (6, -1, 0, "Noir"),
        (0, -1, 0, "Drama"),
        (0, -1, 1, "Crime"),  # two liked items are drama and two crime: the first in the alphabet
        (3, -1, 1, None),
        (4, -1, 1, None),
        (0, -1, 2, None),  # who liked nothing has no topics
    ],
)
def test_the_topic_is_the_rarest_of_both_items_or_the_one_most_liked(
    item: int, named: int, user: int, topic: str | None
) -> None:
    shared_topics = catalogue_topics(ITEMS, "genres").in_common(
        np.array([item]), np.array([named]), np.array([user]), LIKED
    )
    assert shared_topics.to_list() == [topic]


@given(seed=st.integers(0, 10_000), n=st.integers(0, 12))
def test_a_topic_that_is_named_is_the_items_and_the_historys(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    topics = [[name for name in "pqrs" if rng.random() < 0.4] for _ in range(8)]
    items = pl.DataFrame({"item_id": list("abcdefgh"), "t": topics}, schema_overrides={"t": pl.List(pl.String)})
    liked = rng.random((3, 8)) < 0.4
    listed, users = rng.integers(0, 8, n), rng.integers(0, 3, n)
    named = np.array([rng.choice([-1, *np.flatnonzero(liked[user])]) for user in users], dtype=np.int64)
    shared_topics = catalogue_topics(items, "t").in_common(listed, named, users, csr_array(liked.astype(np.float32)))
    assert len(shared_topics) == n
    for topic, item, other, user in zip(shared_topics, listed, named, users, strict=True):
        theirs = [other] if other >= 0 else np.flatnonzero(liked[user])
        shared = [name for i in theirs for name in topics[i] if name in topics[item]]
        assert (topic in shared) if shared else (topic is None)
        if shared and other < 0:
            assert shared.count(topic) == max(map(shared.count, shared))
        if shared and other >= 0:
            n_items = {name: sum(name in of for of in topics) for name in shared}
            assert n_items[topic] == min(n_items.values())


@given(seed=st.integers(0, 10_000))
def test_few_users_topics_are_counted_as_many_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    listed = [[name for name in "pqrs" if rng.random() < 0.4] for _ in range(8)]
    items = pl.DataFrame({"item_id": list("abcdefgh"), "t": listed}, schema_overrides={"t": pl.List(pl.String)})
    liked = csr_array((rng.random((3, 8)) < 0.4).astype(np.float32))
    of_items, users = rng.integers(0, 8, 12), rng.integers(0, 3, 12)
    with pytest.MonkeyPatch.context() as patch:
        by_limit = []
        for limit in (topics.MOST_PLACES, 0):
            patch.setattr(topics, "MOST_PLACES", limit)
            by_limit.append(catalogue_topics(items, "t").in_common(of_items, np.full(12, -1), users, liked).to_list())
    assert by_limit[0] == by_limit[1]


def test_a_catalogue_without_any_topic_names_none() -> None:
    bare = ITEMS.with_columns(genres=pl.lit([], dtype=pl.List(pl.String)))
    assert catalogue_topics(bare, "genres").in_common(
        np.array([0]), np.array([-1]), np.array([0]), LIKED
    ).to_list() == [None]


def test_a_column_that_is_no_list_of_topics_is_named() -> None:
    with pytest.raises(DataError, match="column 'genre' should hold lists of strings"):
        catalogue_topics(ITEMS, "genre")
