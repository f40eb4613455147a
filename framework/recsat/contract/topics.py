"""Topics of items, as rerankers take them: a catalogue may have as many topics as items, and an item has few of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class ItemTopics:
    """What a dense (n_items, n_topics) of shares says, in compressed rows: item i has ``topics[starts[i] : starts[i + 1]]``.

    ``starts``: int64 (n_items + 1,). ``topics``: int64 (n,), each once for an item. ``shares``: float32 (n,), above 0, of an
    item 1 in all. ``topics[items]`` is the dense form of some items, float32 (\\*items.shape, n_topics).
    """

    starts: Tensor
    topics: Tensor
    shares: Tensor
    n_topics: int

    @classmethod
    def of(cls, shares: csr_array, device: torch.device | str = "cpu") -> ItemTopics:
        """``shares`` (n_items, n_topics) on the device."""
        from torch import from_numpy

        return cls(
            starts=from_numpy(shares.indptr.astype(np.int64)).to(device),
            topics=from_numpy(shares.indices.astype(np.int64)).to(device),
            shares=from_numpy(shares.data.astype(np.float32)).to(device),
            n_topics=shares.shape[1],
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Items and topics."""
        return len(self.starts) - 1, self.n_topics

    @cached_property
    def matrix(self) -> csr_array:
        """The same on the host, float32."""
        parts = (self.shares.cpu().numpy(), self.topics.cpu().numpy(), self.starts.cpu().numpy())
        return csr_array(parts, shape=self.shape, dtype=np.float32)

    def __getitem__(self, items: Tensor) -> Tensor:
        places, topics, shares = self.pairs(items.flatten())
        rows = shares.new_zeros(items.numel(), self.n_topics)
        rows[places, topics] = shares
        return rows.view(*items.shape, self.n_topics)

    def pairs(self, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Every topic of ``items``, int64 (m,): the place in ``items``, ascending, the topic and its share, each (n,)."""
        lengths = self.starts[items + 1] - self.starts[items]
        stored = _of_rows(self.starts[items], lengths)
        places = _count(len(items), lengths).repeat_interleave(lengths)
        return places, self.topics[stored], self.shares[stored]


@dataclass(frozen=True)
class SharedTopics:
    """The topics that each candidate of a block has in common with its user's history, n in all.

    Nothing here is as wide as all topics of a catalogue: those of a history are numbered for its user alone, 0 to m.
    ``history``: float32 (B, m), p(t|u), 0 where padded. ``starts``: int64 (B·C + 1,), where those of each candidate begin
    (an absent candidate has some, which say nothing). ``topics``: int64 (n,), places in ``history.flatten()``, each once for a
    candidate. ``shares``: float32 (n,), p(t|i). ``has_topics``: bool (B, C), whether the item has any, in common or not.
    """

    history: Tensor
    starts: Tensor
    topics: Tensor
    shares: Tensor
    has_topics: Tensor

    @classmethod
    def of(cls, candidates: Tensor, topics: Tensor | ItemTopics, user_topics: Tensor) -> SharedTopics:
        """Of ``candidates``, int64 (B, C), -1 where padded, and the shares of topics in the histories, ``user_topics`` (B, t)."""
        items = candidates.clamp(min=0).flatten()
        if isinstance(topics, ItemTopics):
            places, columns, shares = topics.pairs(items)
        else:
            rows = topics[items]
            places, columns = rows.nonzero(as_tuple=True)
            shares = rows[places, columns]
        has_topics = places.bincount(minlength=len(items)) > 0

        is_liked = user_topics > 0
        number = is_liked.cumsum(1) - 1
        users, liked = is_liked.nonzero(as_tuple=True)
        width = int(number.max()) + 1 if user_topics.numel() else 0
        history = user_topics.new_zeros(len(user_topics), max(1, width))
        history[users, number[users, liked]] = user_topics[users, liked]

        user = places // max(1, candidates.shape[1])
        is_shared = is_liked[user, columns]
        places, user, columns = places[is_shared], user[is_shared], columns[is_shared]
        ends = places.bincount(minlength=len(items)).cumsum(0)
        return cls(
            history=history,
            starts=ends.new_zeros(1 + len(ends)).index_copy(0, _count(len(ends), ends) + 1, ends),
            topics=user * history.shape[1] + number[user, columns],
            shares=shares[is_shared],
            has_topics=has_topics.view(candidates.shape),
        )

    def of_places(self, places: Tensor) -> Tensor:
        """Which of the n are of the candidate at ``places``, int64 (B,), of each user; int64, ascending."""
        n_users, width = self.has_topics.shape
        candidates = width * _count(n_users, places) + places
        first = self.starts[candidates]
        return _of_rows(first, self.starts[candidates + 1] - first)


def _count(n: int, like: Tensor) -> Tensor:
    """0 to n - 1, int64, on the device of ``like``."""
    return like.new_ones(n).cumsum(0) - 1


def _of_rows(starts: Tensor, lengths: Tensor) -> Tensor:
    """Where the values of ragged rows are, one row after the other."""
    shift = starts - (lengths.cumsum(0) - lengths)
    return _count(int(lengths.sum()), starts) + shift.repeat_interleave(lengths)
