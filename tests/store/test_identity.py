from hashlib import blake2b
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsat.errors import StoreError
from recsat.store import ItemIndex, point_id, point_ids
from recsat.store.identity import point_key, point_keys

words = st.text(min_size=1, max_size=12)


def test_the_point_of_an_item_never_changes() -> None:
    assert point_id("content", "movie", "1") == 18214122290218742799


@given(domain=words, rows=st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_a_table_of_ids_equals_the_digest_row_by_row(domain: str, rows: list[tuple[str, str]]) -> None:
    items = pl.DataFrame(rows, schema={"kind": pl.String, "item_id": pl.String}, orient="row")
    names = [f"{domain}:{kind}:{item_id}".encode() for kind, item_id in rows]
    digests = [blake2b(name, digest_size=8, person=b"recsat:points").digest() for name in names]
    expected = [int.from_bytes(digest, "big") for digest in digests]
    assert point_ids(domain, items) == expected == [point_id(domain, *row) for row in rows]


def test_an_item_without_an_id_is_named() -> None:
    with pytest.raises(StoreError, match="row 1: item_id or kind is null"):
        point_ids("content", pl.DataFrame({"item_id": ["a", None], "kind": ["movie", "movie"]}))


@given(st.uuids(), st.integers(0, 2**64 - 1))
def test_a_key_is_the_same_for_every_form_of_an_id(point: UUID, number: int) -> None:
    assert point_key(point) == point_key(str(point)) == point.int % 2**64
    assert point_keys([point]).tolist() == point_keys([str(point)]).tolist() == [point_key(point)]
    assert point_keys([number, point]).tolist() == [number, point_key(point)]
    assert point_keys([number, 7]).tolist() == [number, 7]


def test_positions_invert_the_ids_in_any_shape() -> None:
    index = ItemIndex.of("content", pl.DataFrame({"item_id": [str(i) for i in range(50)], "kind": "movie"}))
    order = np.random.default_rng(0).permutation(50).reshape(5, 10)
    keys = point_keys(index.ids)
    np.testing.assert_array_equal(index.positions(keys[order]), order)
    assert index.positions(keys[:0]).shape == (0,)


def test_a_stray_key_is_refused_also_by_an_empty_index() -> None:
    for index in (ItemIndex([]), ItemIndex([1, 2])):
        with pytest.raises(StoreError, match="not among"):
            index.positions(np.array([3], dtype=np.uint64))


def test_two_items_with_one_point_are_refused() -> None:
    with pytest.raises(StoreError, match="rows 0 and 2 share the point 7"):
        ItemIndex([7, 8, 7]).positions(np.array([7], dtype=np.uint64))
