"""What is known of users, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file
from scipy.sparse import csr_array

from recsat.contract.dataset import Dataset
from recsat.contract.interactions import Catalogue
from recsat.plugins import load_plugins
from recsat.stages.model.files import write_arrays
from recsat.stages.model.histories import NOBODY, Histories, everybody, histories_of, rows_of
from recsat.stages.trial.inputs import RunInputs

ITEMS = pl.DataFrame({"item_id": ["a", "b", "c"], "kind": "movie", "title": ["A", "B", "C"], "genres": [["x"]] * 3})
EVENTS = pl.DataFrame(
    [
        ("2", "a", "rating", 5.0, 10),
        ("2", "b", "rating", 1.0, 20),
        ("10", "c", "rating", 4.0, 30),
        ("10", "c", "rating", 2.0, 40),
        ("only-seen", "b", "rating", 1.0, 50),
    ],
    schema=["user_id", "item_id", "event", "value", "timestamp"],
    orient="row",
).with_columns(pl.from_epoch("timestamp").cast(pl.Datetime("us", "UTC")))
USERS = pl.DataFrame({"user_id": ["2", "words", "wordless"], "about": ["jazz", "rock", None]})


@pytest.fixture
def histories() -> Histories:
    domain = load_plugins(["content"]).domain("content")
    vectors = {"Somebody new, whose taste is not known yet.": np.array([0.6, 0.8], dtype=np.float32)}
    inputs = RunInputs(
        dataset=Dataset(items=ITEMS, events=EVENTS, users=USERS),
        catalogue=Catalogue(ITEMS),
        domain=domain,
        filters={},
        vectors={},
        encode=lambda texts: np.array([vectors[text] for text in texts]),
    )
    return everybody(inputs)


def test_everybody_of_events_and_user_table_is_known_and_nobody_else(histories: Histories) -> None:
    assert histories.ids.to_list() == ["10", "2", "only-seen", "wordless", "words"]
    assert histories.rows(["words", "2", "20", "zzz", "", "10"]).tolist() == [4, 1, NOBODY, NOBODY, NOBODY, 0]


def test_a_batch_has_the_rows_of_its_users_in_their_order(histories: Histories) -> None:
    batch = histories.batch(["2", "zzz", "10", "only-seen", "words", "wordless"])
    assert batch.ids == ["2", "zzz", "10", "only-seen", "words", "wordless"]
    assert batch.history.toarray().tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1], [0] * 3, [0] * 3, [0] * 3]
    assert batch.times is not None
    assert batch.times.toarray().tolist() == [[10, 0, 0], [0, 0, 0], [0, 0, 30], [0] * 3, [0] * 3, [0] * 3]
    assert batch.ratings is not None
    assert batch.ratings.toarray().tolist() == [[5, 1, 0], [0, 0, 0], [0, 0, 2], [0, 1, 0], [0] * 3, [0] * 3]
    assert batch.profile_vectors is not None
    assert np.flatnonzero(batch.profile_vectors.any(axis=1)).tolist() == [4]
    assert histories.batch(["2", "zzz"]).profile_vectors is None


def test_rows_are_taken_as_scipy_takes_them_in_any_order_and_twice() -> None:
    rng = np.random.default_rng(0)
    matrix = csr_array(np.where(rng.random((9, 7)) < 0.4, rng.random((9, 7)), 0.0).astype(np.float32))
    for rows in ([], [3], [8, 0, 8], [5, 4, 3, 2, 1, 0]):
        part, expected = rows_of(matrix, np.array(rows, dtype=np.int64)), matrix[np.array(rows, dtype=np.int64)]
        assert part.shape == expected.shape
        assert (part.dtype, part.indices.dtype) == (expected.dtype, expected.indices.dtype)
        assert part.toarray().tolist() == expected.toarray().tolist()


def test_what_was_seen_is_more_than_what_was_liked(histories: Histories) -> None:
    pairs = histories.seen_pairs(pl.Series(["zzz", "2", "only-seen"]), Catalogue(ITEMS))
    assert pairs.rows() == [("2", "a"), ("2", "b"), ("only-seen", "b")]


def test_whom_arms_learn_from_have_liked_something(histories: Histories) -> None:
    assert histories.learnt_from.ids == ["10", "2"]
    assert histories.raters is not None
    assert histories.raters.ids == ["10", "2", "only-seen"]


def test_they_come_back_from_the_disk_as_they_were(histories: Histories, tmp_path: Path) -> None:
    write_arrays(tmp_path / "arrays", histories.arrays())
    loaded = histories_of(histories.users_table(), load_file(tmp_path / "arrays"), len(ITEMS))
    ids = [*histories.ids, "zzz"]
    left, right = loaded.batch(ids), histories.batch(ids)
    for name in ("history", "times", "ratings"):
        assert (getattr(left, name) != getattr(right, name)).nnz == 0
        assert getattr(left, name).dtype == getattr(right, name).dtype
    np.testing.assert_array_equal(left.profile_vectors, right.profile_vectors)
    assert left.markets is None
    seen = [one.seen_pairs(pl.Series(ids), Catalogue(ITEMS)) for one in (loaded, histories)]
    assert seen[0].equals(seen[1])


def test_where_nobody_is_known_everybody_is_nobody() -> None:
    domain = load_plugins(["content"]).domain("content")
    empty = everybody(
        RunInputs(
            dataset=Dataset(items=ITEMS, events=EVENTS.clear()),
            catalogue=Catalogue(ITEMS),
            domain=domain,
            filters={},
            vectors={},
        )
    )
    assert empty.rows(["2"]).tolist() == [NOBODY]
    assert empty.batch(["2"]).history.nnz == 0
    assert len(empty.seen_pairs(pl.Series(["2"]), Catalogue(ITEMS))) == 0
