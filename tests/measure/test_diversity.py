from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest

from recsat.errors import DataError, UnknownItem
from recsat.measure import diversity
from recsat.measure.evidence import ItemVectors

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d", "e"],
        "genres": [["Crime", "Drama"], ["Drama"], ["Comedy"], [], None],
    },
    schema={"item_id": pl.String, "genres": pl.List(pl.String)},
)


def lists_of(**lists: str) -> pl.DataFrame:
    rows = [(user, item, i + 1) for user, items in lists.items() for i, item in enumerate(items)]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}, orient="row")


def test_the_fast_sum_equals_the_sum_over_pairs() -> None:
    dice = np.random.default_rng(0)
    values = dice.normal(size=(30, 8)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    ids = [f"i{i}" for i in range(30)]
    items_by_user = {f"u{u}": dice.permutation(30)[: dice.integers(2, 9)] for u in range(25)}
    lists = pl.DataFrame(
        [(u, ids[i], r + 1) for u, items in items_by_user.items() for r, i in enumerate(items)],
        schema=["user_id", "item_id", "rank"],
        orient="row",
    )
    diversities = dict(diversity.intra_list_diversity(lists, ItemVectors(pl.Series(ids), values)).iter_rows())
    for user, items in items_by_user.items():
        pairs = [1 - float(values[i] @ values[j]) for i, j in itertools.combinations(items, 2)]
        assert diversities[user] == pytest.approx(np.mean(pairs), abs=1e-5)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [("ab", 0.0), ("ac", 2.0), ("ad", 1.0), ("abcd", (0 + 2 + 1 + 2 + 1 + 1) / 6), ("a", None)],
)
def test_distance_in_lists_worked_by_hand(listed: str, expected: float | None) -> None:
    vectors = ItemVectors(pl.Series(list("abcd")), np.array([[1, 0], [1, 0], [-1, 0], [0, 1]], dtype=np.float32))
    value = diversity.intra_list_diversity(lists_of(u=listed), vectors)["value"][0]
    assert value == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_an_item_without_a_vector_is_named() -> None:
    vectors = ItemVectors(pl.Series(["a"]), np.ones((1, 1), dtype=np.float32))
    with pytest.raises(UnknownItem, match="'b' has no vector"):
        diversity.intra_list_diversity(lists_of(u="ab"), vectors)


@pytest.mark.parametrize(
    ("listed", "distance", "entropy", "simpson"),
    [
        ("ab", 1 - 1 / math.sqrt(2), -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)), 0.375),
        ("bc", 1.0, 1.0, 0.5),
        ("b", None, 0.0, 0.0),
        ("bd", None, 0.0, 0.0),  # d has no topics: it is left out
        ("bcde", 1.0, 1.0, 0.5),
        ("de", None, None, None),
    ],
)
def test_topics_of_lists_worked_by_hand(
    listed: str, distance: float | None, entropy: float | None, simpson: float | None
) -> None:
    lists = lists_of(u=listed, v="ac")
    for measure, expected in (
        (diversity.topic_diversity, distance),
        (diversity.topic_entropy, entropy),
        (diversity.topic_simpson, simpson),
    ):
        value = dict(measure(lists, ITEMS, "genres").iter_rows())["u"]
        assert value == (None if expected is None else pytest.approx(expected, abs=1e-6)), measure.__name__


@pytest.mark.parametrize(("column", "message"), [("tags", "no such column"), ("item_id", "it is String")])
def test_a_column_that_holds_no_topics_is_refused(column: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        diversity.topic_entropy(lists_of(u="ab"), ITEMS, column)


def test_novelty_is_self_information_with_one_added() -> None:
    known = pl.DataFrame({"user_id": ["u", "v", "w", "u", "u"], "item_id": ["a", "a", "a", "b", "b"]})
    novelties = dict(diversity.novelty(lists_of(x="a", y="b", z="bc"), known).iter_rows())
    # 3 users: a is known by all, b by one (twice by the same), c by none
    assert novelties == pytest.approx({"x": 0.0, "y": 1.0, "z": (1.0 + 2.0) / 2})
