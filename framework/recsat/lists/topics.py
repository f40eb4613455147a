"""What a listed item has in common with a user's history: a topic, by its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.arms.linear.padded import PADDING
from recsat.measure.diversity import topic_matrix

MOST_PLACES = 2**16
"""Users times topics whose counts are held in one array; more are counted as a sparse product, which takes longer for few."""


@dataclass(frozen=True)
class CatalogueTopics:
    """The topics of a catalogue's items."""

    names: pl.Series
    """(n_topics,), in alphabetical order."""
    members: csr_array
    """(n_items, n_topics) float64, 1 where the item is of the topic; the topics of an item ascend."""

    def in_common(
        self,
        items: NDArray[np.int64],
        named: NDArray[np.int64],
        users: NDArray[np.int64],
        liked: csr_array,
    ) -> pl.Series:
        """For each listed item a topic that it has and that its user's history has too; null where there is none.

        ``items`` (n,) are the listed ones, ``named`` (n,) the history items that their reasons name, -1 for none; ``users``
        (n,) are rows of ``liked`` (n_users, n_items). Beside a named history item it is the topic of both that fewest items
        of the catalogue have, since that says most; otherwise the one of the item's topics that most of the user's liked
        items have. Of equals the first in the alphabet.
        """
        n_topics = len(self.names)
        n_of_items = np.diff(self.members.indptr)[items]
        row, topic = np.repeat(np.arange(len(items)), n_of_items), self._topics_of(items, n_of_items)
        n_liked = self._n_liked(liked, users[row] * n_topics + topic)
        most_liked = _largest(row, topic, n_liked, len(items))
        is_shared = _values_at(self._member_pairs, self.members.data, np.maximum(named, 0)[row] * n_topics + topic)
        rarest = _largest(row, topic, is_shared / self._n_items[topic], len(items))
        place = np.where(named == PADDING, most_liked, rarest)
        if not n_topics:
            return pl.Series([None] * len(items), dtype=pl.String)
        return self.names[place.clip(min=0)].set(pl.Series(place == PADDING), None)

    def _n_liked(self, liked: csr_array, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many liked items a user has of a topic, by ``pairs``, user · n_topics + topic."""
        n_places = liked.shape[0] * len(self.names)
        if n_places > MOST_PLACES:
            counts = csr_array(liked @ self.members)
            counts.sort_indices()
            return _values_at(_pairs(counts), counts.data, pairs)
        n_of_items = np.diff(self.members.indptr)[liked.indices]
        user = np.repeat(np.arange(liked.shape[0]), np.diff(liked.indptr))
        topics = self._topics_of(liked.indices.astype(np.int64), n_of_items)
        places = np.repeat(user * len(self.names), n_of_items) + topics
        n_liked: NDArray[Any] = np.bincount(places, np.repeat(liked.data, n_of_items), minlength=n_places)
        return n_liked[pairs]

    def _topics_of(self, items: NDArray[np.int64], n_of_items: NDArray[np.int64]) -> NDArray[np.int64]:
        """The topics of each of ``items``, one after the other."""
        shift = self.members.indptr[items] - np.cumsum(n_of_items) + n_of_items
        places = np.arange(n_of_items.sum()) + np.repeat(shift, n_of_items)
        return np.asarray(self.members.indices[places], dtype=np.int64)

    @cached_property
    def _n_items(self) -> NDArray[np.float64]:
        """(n_topics,) items of each topic."""
        return np.bincount(self.members.indices, minlength=len(self.names)).astype(np.float64)

    @cached_property
    def _member_pairs(self) -> NDArray[np.int64]:
        return _pairs(self.members)


def catalogue_topics(items: pl.DataFrame, topics: str) -> CatalogueTopics:
    """The topics of ``items``; ``topics`` is a list-of-strings column, or DataError."""
    shares = topic_matrix(items, topics, items["item_id"])
    members = csr_array((np.ones(shares.nnz), shares.indices, shares.indptr), shape=shares.shape)
    members.sort_indices()
    return CatalogueTopics(items[topics].explode().drop_nulls().unique().sort(), members)


def _pairs(matrix: csr_array) -> NDArray[np.int64]:
    """The stored places as row · n_columns + column, ascending; columns must be sorted in each row."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return rows * matrix.shape[1] + matrix.indices


def _values_at(
    pairs: NDArray[np.int64], values: NDArray[np.float64], targets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """``values`` of the ``pairs`` at the ``targets`` ones, 0 where there is none."""
    if not len(pairs):
        return np.zeros(len(targets))
    places = np.searchsorted(pairs, targets).clip(max=len(pairs) - 1)
    return np.where(pairs[places] == targets, values[places], 0.0)


def _largest(
    row: NDArray[np.int64], column: NDArray[np.int64], weights: NDArray[np.float64], n_rows: int
) -> NDArray[np.int64]:
    """The column of each row's largest positive weight, the first of equals, or -1, (n_rows,); ``row`` ascends, and ``column`` in each row."""
    columns = np.full(n_rows, PADDING, dtype=np.int64)
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    if len(starts):
        largest = np.repeat(np.maximum.reduceat(weights, starts), np.diff(starts, append=len(row)))
        places = np.flatnonzero((weights == largest) & (weights > 0))
        first = places[np.flatnonzero(np.diff(row[places], prepend=-1))]
        columns[row[first]] = column[first]
    return columns
