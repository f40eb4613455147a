"""Who is how far from whom: the follow events known at a moment, as a sparse matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat_social.people import ties_of


@dataclass(frozen=True)
class Network:
    """``links[i, j]`` is 1 where ``people[i]`` follows ``people[j]`` or is followed by them; nobody is tied to themselves."""

    people: pl.Series
    """User ids, sorted."""
    links: csr_array
    """(n, n) float32, symmetric."""

    def places(self, users: pl.Series) -> NDArray[np.int64]:
        """Rows of ``users``; -1 for those without a tie."""
        return _places(self.people, users)


def known_network(events: pl.DataFrame) -> Network:
    """The network of the follow events among ``events``.

    It is made of events and not of ``Dataset.ties``, which also hold the friendships that are held out.
    """
    ties = ties_of(events)
    people = pl.concat([ties["user_id"], ties["other_id"].alias("user_id")]).unique().sort()
    one, other = _places(people, ties["user_id"]), _places(people, ties["other_id"])
    rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
    ones = np.ones(len(rows), dtype=np.float32)
    links = csr_array((ones, (rows, columns)), shape=(len(people), len(people)))
    return Network(people, _ones(links))


def within(network: Network, users: pl.Series, distance: int) -> pl.DataFrame:
    """Pairs (user_id, other_id): everybody at most ``distance`` ties from each of ``users``, themselves left out.

    Breadth first from all users at once: row u of :math:`A + A^2 + … + A^n`, of which only the pattern counts.
    """
    rows = network.places(users)
    known_users, rows = users.filter(pl.Series(rows >= 0)), rows[rows >= 0]
    reached = frontier = network.links[rows]
    for _ in range(distance - 1):
        frontier = _ones(csr_array(frontier @ network.links))
        reached = _ones(csr_array(reached + frontier))
    entries = reached.tocoo()
    from_place, to_place = entries.coords
    others = rows[from_place] != to_place
    return pl.DataFrame(
        {
            "user_id": known_users.gather(from_place[others]),
            "other_id": network.people.gather(to_place[others]),
        },
        schema={"user_id": pl.String, "other_id": pl.String},
    )


def are_strangers(network: Network, users: pl.Series, others: pl.Series) -> NDArray[np.bool_]:
    """Whether two people, row by row, are neither tied nor have a friend in common."""
    one, other = network.places(users), network.places(others)
    known = (one >= 0) & (other >= 0)
    strangers = np.ones(len(one), dtype=bool)
    a, b = network.links[one[known]], network.links[other[known]]
    tied = np.asarray(network.links[one[known], other[known]]).ravel() > 0 if known.any() else np.zeros(0, dtype=bool)
    common = np.asarray(a.multiply(b).sum(axis=1)).ravel() > 0
    strangers[known] = ~(tied | common)
    return strangers


def _places(people: pl.Series, users: pl.Series) -> NDArray[np.int64]:
    index = pl.DataFrame({"user_id": people, "row": np.arange(len(people), dtype=np.int64)})
    rows = users.rename("user_id").to_frame().join(index, on="user_id", how="left", maintain_order="left")
    return rows["row"].fill_null(-1).to_numpy()


def _ones(matrix: csr_array) -> csr_array:
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
