"""What a listed item has in common with a user's history: a topic, by its name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.arms.linear.padded import PADDING
from recsat.measure.diversity import topic_matrix


@dataclass(frozen=True)
class CatalogueTopics:
    """The topics of a catalogue's items."""

    names: pl.Series
    """(n_topics,), in alphabetical order."""
    members: csr_array
    """(n_items, n_topics) float64, 1 where the item is of the topic."""

    @cached_property
    def rarity(self) -> csr_array:
        """``members`` with 1 / items of the topic in the place of 1."""
        n_of_catalogue = self.members.sum(axis=0)
        shape, places = self.members.shape, (self.members.indices, self.members.indptr)
        return csr_array((1 / n_of_catalogue[self.members.indices], *places), shape=shape)

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
        rarest = _largest(self.rarity[items].multiply(self.members[np.maximum(named, 0)]))
        most_liked = _largest(self.members[items].multiply(csr_array(liked @ self.members)[users]))
        place = np.where(named == PADDING, most_liked, rarest)
        return self.names.gather(pl.Series(place).replace(PADDING, None).cast(pl.UInt32))


def catalogue_topics(items: pl.DataFrame, topics: str) -> CatalogueTopics:
    """The topics of ``items``; ``topics`` is a list-of-strings column, or DataError."""
    shares = topic_matrix(items, topics, items["item_id"])
    members = csr_array((np.ones(shares.nnz), shares.indices, shares.indptr), shape=shares.shape)
    return CatalogueTopics(items[topics].explode().drop_nulls().unique().sort(), members)


def _largest(weights: csr_array) -> NDArray[np.int64]:
    """The column of each row's largest positive weight, the first of equals, or -1, (n_rows,)."""
    weights = csr_array(weights)
    row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    order = np.lexsort((weights.indices, -weights.data, row))
    first = order[weights.indptr[:-1][np.diff(weights.indptr) > 0]]
    columns = np.full(weights.shape[0], PADDING, dtype=np.int64)
    columns[row[first]] = np.where(weights.data[first] > 0, weights.indices[first], PADDING)
    return columns
