"""Vectors of items by what they have in common."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsat.embed.item_attributes import attribute_vectors, shared_attributes
from recsat.errors import DataError

IDS = pl.Series("item_id", ["a", "b", "c", "d", "e"])
EDGES = pl.DataFrame(
    [
        ("a", "developer", "Valve"),
        ("b", "developer", "Valve"),
        ("a", "genre", "puzzle"),
        ("b", "genre", "puzzle"),
        ("c", "genre", "puzzle"),
        ("c", "developer", "Alone"),  # ties c to nobody
        ("d", "publisher", "Valve"),  # another relation than the developer's
        ("x", "genre", "puzzle"),  # no item of the catalogue
    ],
    schema=["item_id", "relation", "value"],
    orient="row",
)


def test_inner_products_are_those_of_idf_weighted_rows() -> None:
    """Three items have attributes that others share: Valve's are rarer than puzzles."""
    edges = EDGES.filter(pl.col("item_id") != "x")
    vectors = attribute_vectors(edges, IDS)
    valve, puzzle = np.log(4 / 3) + 1, np.log(4 / 4) + 1
    a = np.array([valve, puzzle]) / np.hypot(valve, puzzle)
    expected = np.zeros((5, 5))
    expected[:2, :2] = 1
    expected[2, 2] = 1
    expected[:2, 2] = expected[2, :2] = a[1]
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-6)
    assert vectors.dtype == np.float32
    assert not vectors[3:].any()


def test_order_and_repeats_of_edges_and_what_is_not_in_the_catalogue_change_nothing() -> None:
    shuffled = pl.concat([EDGES, EDGES]).sample(fraction=1, shuffle=True, seed=3)
    edges = EDGES.filter(pl.col("item_id") != "x")
    np.testing.assert_array_equal(attribute_vectors(shuffled, IDS), attribute_vectors(edges, IDS))


def test_a_wide_matrix_is_cut_to_its_largest_directions() -> None:
    rng = np.random.default_rng(0)
    edges = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in rng.integers(0, 60, 900)],
            "relation": "tag",
            "value": [f"t{n}" for n in rng.integers(0, 40, 900)],
        }
    )
    ids = pl.Series("item_id", [f"i{n}" for n in range(60)])
    full, cut = attribute_vectors(edges, ids, width=60), attribute_vectors(edges, ids, width=20)
    assert cut.shape == (60, 20)
    np.testing.assert_array_equal(cut, attribute_vectors(edges, ids, width=20))
    np.testing.assert_allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-5)
    off = ~np.eye(60, dtype=bool)
    assert np.corrcoef((full @ full.T)[off], (cut @ cut.T)[off])[0, 1] > 0.8


@pytest.mark.parametrize("edges", [EDGES.clear(), EDGES.filter(pl.col("item_id") == "d"), EDGES.head(1)])
def test_nothing_in_common_is_zeros(edges: pl.DataFrame) -> None:
    vectors = attribute_vectors(edges, IDS)
    assert vectors.shape == (5, 1)
    assert not vectors.any()


def test_cells_without_a_value_are_no_attribute() -> None:
    edges = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "relation": "developer", "value": [None, None, "", " "]})
    assert shared_attributes(edges).is_empty()
    numbers = pl.DataFrame({"item_id": ["a", "b"], "relation": ["year", "year"], "value": [1999, 1999]})
    assert shared_attributes(numbers)["value"].to_list() == ["1999", "1999"]


def test_a_table_without_a_column_is_named() -> None:
    with pytest.raises(DataError, match="no column 'value'; they have item_id, relation"):
        attribute_vectors(EDGES.drop("value"), IDS)
