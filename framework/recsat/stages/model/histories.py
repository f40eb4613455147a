"""What is known of every user, as arrays: whoever asks for a list is a row of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.interactions import Catalogue, UserBatch, liked_events, paired, user_batch
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.rated import with_ratings, with_rejections
from recsat.stages.trial.users import with_markets, with_profiles, with_texts

FEW = 16
"""Users up to whom each is looked for by itself."""
NOBODY = -1
"""The row of a user who is not known: the last one, which is empty."""


@dataclass(frozen=True)
class Histories:
    """Row u of every array is of user ``ids[u]``; one further row, the last, is of everybody who is not known."""

    ids: pl.Series
    """(n_users,), sorted."""
    seen: csr_array
    """(n_users + 1, n_items) bool: pairs with any event."""
    history: csr_array
    """(n_users + 1, n_items) float32, 1 where the user liked the item."""
    times: csr_array | None
    ratings: csr_array | None
    markets: NDArray[np.str_] | None
    profile: NDArray[np.int64]
    """(n_users + 1,) row of ``profiles``, -1 where the user has none."""
    profiles: NDArray[np.float32]
    """(n_texts, d) of what users without a history say of themselves, each text once."""
    rejections: csr_array | None = None
    """(n_users + 1, n_items) float32, 1 where the user rejected the item and has had no other event with it since."""
    texts: NDArray[np.float32] | None = None
    """(n_users + 1, d) the encoded texts of users with a history, as they were when they were encoded, zeros for others; None where the model's
    arm does not read users."""

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, user_ids: Sequence[str]) -> NDArray[np.int64]:
        """The rows of ``user_ids``, :data:`NOBODY` where a user is not known."""
        users = pl.Series(user_ids, dtype=pl.String)
        places = places_of(self.ids, users).clip(max=max(len(self) - 1, 0))
        known = (self.ids[places] == users).to_numpy() if len(self) else np.zeros(len(users), dtype=bool)
        return np.where(known, places, NOBODY)

    def batch(self, user_ids: Sequence[str]) -> UserBatch:
        """Users to score; whoever is not known has an empty row."""
        return self.at(self.rows(user_ids), list(user_ids))

    def at(self, rows: NDArray[np.int64], user_ids: list[str]) -> UserBatch:
        """Users by their rows, under these ids."""
        rows = rows % (len(self) + 1)
        profile = self.profile[rows]
        vectors = None
        if (profile >= 0).any():
            vectors = np.where((profile >= 0)[:, None], self.profiles[profile], np.float32(0))
        return UserBatch(
            ids=user_ids,
            history=rows_of(self.history, rows),
            times=None if self.times is None else rows_of(self.times, rows),
            profile_vectors=vectors,
            text_vectors=None if self.texts is None else self.texts[rows],
            markets=None if self.markets is None else self.markets[rows],
            ratings=None if self.ratings is None else rows_of(self.ratings, rows),
            rejections=None if self.rejections is None else rows_of(self.rejections, rows),
        )

    def seen_pairs(self, user_ids: pl.Series, catalogue: Catalogue) -> pl.DataFrame:
        """(user_id, item_id) of every event of ``user_ids``."""
        seen = self.seen[self.rows(user_ids.to_list()) % (len(self) + 1)]
        row = np.repeat(np.arange(len(user_ids)), np.diff(seen.indptr))
        return pl.DataFrame(
            {"user_id": user_ids.gather(row), "item_id": catalogue.items["item_id"].gather(seen.indices)}
        )

    @cached_property
    def learnt_from(self) -> UserBatch:
        """Everybody with a history, by id: whom the arm was fitted on."""
        rows = np.flatnonzero(np.diff(self.history.indptr)).astype(np.int64)
        return self.at(rows, self.ids.gather(rows).to_list())

    @cached_property
    def raters(self) -> UserBatch | None:
        """Everybody with a rating, by id."""
        if self.ratings is None:
            return None
        rows = np.flatnonzero(np.diff(self.ratings.indptr)).astype(np.int64)
        return self.at(rows, self.ids.gather(rows).to_list())

    def users_table(self) -> pl.DataFrame:
        """(user_id, market, profile) of the known."""
        n = len(self)
        markets = pl.Series([""] * n, dtype=pl.String) if self.markets is None else pl.Series(self.markets[:n])
        return pl.DataFrame(
            {"user_id": self.ids, "market": markets, "profile": self.profile[:n]},
            schema={"user_id": pl.String, "market": pl.String, "profile": pl.Int64},
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything else, by name."""
        sparse = {
            "seen": self.seen,
            "history": self.history,
            "times": self.times,
            "ratings": self.ratings,
            "rejections": self.rejections,
        }
        arrays: dict[str, NDArray[Any]] = {
            f"{name}/{part}": getattr(matrix, part)
            for name, matrix in sparse.items()
            if matrix is not None
            for part in ("data", "indices", "indptr")
        }
        has_markets = np.array([self.markets is not None])
        if self.texts is not None:
            arrays["texts"] = self.texts
        return arrays | {"profiles": self.profiles, "has_markets": has_markets}


def stored_places(matrix: csr_array, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where ``matrix`` stores the values of ``rows``, and how many each of these has."""
    starts = matrix.indptr[rows].astype(np.int64)
    lengths = matrix.indptr[rows + 1] - starts
    first = starts - np.cumsum(lengths) + lengths
    return np.arange(lengths.sum(), dtype=np.int64) + np.repeat(first, lengths), lengths


def rows_of(matrix: csr_array, rows: NDArray[np.int64]) -> csr_array:
    """``matrix[rows]``, of which scipy's own way checks for longer than one user's rows take."""
    places, lengths = stored_places(matrix, rows)
    indptr = np.append(0, np.cumsum(lengths)).astype(matrix.indptr.dtype)
    return csr_array((matrix.data[places], matrix.indices[places], indptr), shape=(len(rows), matrix.shape[1]))


def places_of(ids: pl.Series, users: pl.Series) -> NDArray[np.int64]:
    """Where each of ``users`` stands among the sorted ``ids``, or would."""
    if len(users) <= FEW:  # a query of polars takes longer than these
        return np.array([bisect_left(ids, user) for user in users.to_list()], dtype=np.int64)
    return ids.search_sorted(users).to_numpy().astype(np.int64)


def histories_of(table: pl.DataFrame, arrays: Mapping[str, NDArray[Any]], n_items: int) -> Histories:
    """Those whose :meth:`Histories.users_table` and :meth:`Histories.arrays` they were."""
    n = table.height

    def sparse(name: str) -> csr_array | None:
        if f"{name}/data" not in arrays:
            return None
        parts = tuple(arrays[f"{name}/{part}"] for part in ("data", "indices", "indptr"))
        return csr_array(parts, shape=(n + 1, n_items))

    seen, history = sparse("seen"), sparse("history")
    assert seen is not None
    assert history is not None
    markets = np.append(table["market"].to_numpy().astype(np.str_), "") if arrays["has_markets"][0] else None
    profile = np.append(table["profile"].to_numpy(), NOBODY)
    return Histories(
        table["user_id"],
        seen,
        history,
        sparse("times"),
        sparse("ratings"),
        markets,
        profile,
        arrays["profiles"],
        sparse("rejections"),
        arrays.get("texts"),
    )


def everybody(inputs: RunInputs) -> Histories:
    """Everybody of the events and of the user table, when all events of the run are known."""
    dataset, domain, catalogue = inputs.dataset, inputs.domain, inputs.catalogue
    ids = pl.concat([dataset.events["user_id"], dataset.users["user_id"]]).unique().sort()
    users = user_batch(liked_events(dataset.events, domain.positive), ids.to_list(), catalogue)
    users = with_markets(users, dataset.users, domain.market)
    users = with_ratings(users, dataset.events, domain.rating, catalogue)
    users = with_rejections(users, dataset.events, domain.rejections, catalogue)
    if inputs.encode_users is not None:
        users = with_texts(users, inputs, dataset.events.filter(domain.positive))
    profile, profiles = _profiles(users, inputs)
    return Histories(
        ids,
        seen=and_nobody(seen_matrix(dataset.events, ids, catalogue)),
        history=and_nobody(users.history),
        times=None if users.times is None else and_nobody(users.times),
        ratings=None if users.ratings is None else and_nobody(users.ratings),
        markets=None if users.markets is None else np.append(users.markets, ""),
        profile=np.append(profile, NOBODY),
        profiles=profiles,
        rejections=None if users.rejections is None else and_nobody(users.rejections),
        texts=None if users.text_vectors is None else and_zeros(users.text_vectors),
    )


def seen_matrix(events: pl.DataFrame, ids: pl.Series, catalogue: Catalogue) -> csr_array:
    """(n_users, n_items) bool: pairs of ``ids`` with any of ``events``."""
    pairs = paired(events, ids, catalogue).to_series().unique().sort().to_numpy()
    rows, columns = np.divmod(pairs, max(1, len(catalogue)))
    return csr_array((np.ones(len(rows), dtype=np.bool_), (rows, columns)), shape=(len(ids), len(catalogue)))


def _profiles(users: UserBatch, inputs: RunInputs) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The row of each user's own words, and these rows, each text once."""
    profile = np.full(len(users), NOBODY, dtype=np.int64)
    new = np.flatnonzero(users.is_new).astype(np.int64)
    vectors = with_profiles(users.take(new), inputs).profile_vectors
    if vectors is None:
        return profile, np.zeros((0, 0), dtype=np.float32)
    has_words = vectors.any(axis=1)
    profiles, place = np.unique(vectors[has_words], axis=0, return_inverse=True)
    profile[new[has_words]] = place
    return profile, profiles


def and_nobody(matrix: csr_array) -> csr_array:
    """With an empty row at the end."""
    indptr = np.append(matrix.indptr, matrix.indptr[-1])
    return csr_array((matrix.data, matrix.indices, indptr), shape=(matrix.shape[0] + 1, matrix.shape[1]))


def and_zeros(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """With a row of zeros at the end."""
    return np.concatenate([vectors, np.zeros((1, vectors.shape[1]), dtype=np.float32)])
