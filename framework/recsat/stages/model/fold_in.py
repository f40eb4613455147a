"""Fold-in: what users did after a model was fitted changes their next lists, and nothing is fitted.

An arm scores the history that it is handed, so a longer history is all that item-item arms, the closed forms over texts and iALS (whose user vector is
one solve) need. Histories with later events folded in are, to the bit, those of a run that had known them, but
for the encoded texts of users (``Histories.texts``): no encoder runs here, so they stay as they were when the model was fitted, and who had no history
then has none.

Everything is done on pairs, numbered ``row * n_items + item``: for one user and one event the tables and matrices that a run makes cost more than the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array, get_index_dtype

from recsat.contract.domain import Domain
from recsat.contract.interactions import Catalogue
from recsat.stages.model.histories import NOBODY, Histories, and_zeros, places_of, stored_places

UNKNOWN = -np.inf
"""The time of an event that has none: before any other."""


def folded(
    histories: Histories, events: pl.DataFrame, domain: Domain, catalogue: Catalogue, users: Sequence[str] | None = None
) -> Histories:
    """``histories`` with later ``events`` of the domain, all of whose items are in the catalogue, in their order.

    Of ``users`` alone where they are named (those of whom nothing is known are left out), else of everybody. A rating among ``events``
    stands in the place of an earlier one.
    """
    if users is None:
        ids = pl.concat([histories.ids, events["user_id"]]).unique().sort()
        rows = histories.rows(ids.to_list())
    else:
        named = sorted(set(users))
        did_something = set(events["user_id"])
        if not did_something <= set(named):
            events = events.filter(pl.col("user_id").is_in(named))
            did_something = set(events["user_id"])
        rows = histories.rows(named)
        is_known = [row != NOBODY or user in did_something for row, user in zip(rows.tolist(), named, strict=True)]
        ids, rows = pl.Series("user_id", named, dtype=pl.String).filter(is_known), rows[is_known]
    rows = rows % (len(histories) + 1)  # the last one is empty
    shape = len(ids) + 1, len(catalogue)
    later = _Later.of(events, ids, domain, catalogue)

    def union(matrix: csr_array, pairs: NDArray[np.int64]) -> csr_array:
        """1, or True, where either has it, in the type of ``matrix``."""
        either = np.union1d(_pairs(matrix, rows)[0], pairs)
        return _matrix(either, np.ones(len(either), dtype=matrix.dtype), shape)

    times, ratings, rejections = histories.times, histories.ratings, histories.rejections
    if times is not None:
        # An earlier or a later one that is not known leaves all unknown, as in a run.
        moments = later.moments
        times = None if moments is None else _last_of_pairs(*_joined(times, rows, later.liked, moments), shape)
    if ratings is not None and domain.rating is not None:
        pairs, values = _joined(ratings, rows, later.rated, later.ratings)
        ratings = _last_of_pairs(pairs, values, shape, np.arange(len(pairs)))
    if rejections is not None and domain.rejections:
        # Whatever came since comes after the rejection.
        untouched = np.setdiff1d(_pairs(rejections, rows)[0], later.touched)
        either = np.union1d(untouched, later.rejected)
        rejections = _matrix(either, np.ones(len(either), dtype=rejections.dtype), shape)
    return Histories(
        ids,
        seen=union(histories.seen, later.touched),
        history=union(histories.history, later.liked),
        times=times,
        ratings=ratings,
        markets=None if histories.markets is None else np.append(histories.markets[rows], ""),
        profile=np.append(histories.profile[rows], NOBODY),
        profiles=histories.profiles,
        rejections=rejections,
        texts=None if histories.texts is None else and_zeros(histories.texts[rows]),
    )


@dataclass(frozen=True)
class _Later:
    """What events say of pairs."""

    touched: NDArray[np.int64]
    """Pairs with any event, each once."""
    liked: NDArray[np.int64]
    """Pair of each event by which something was liked."""
    moments: NDArray[np.float64] | None
    """Seconds since 1970 of each of these, or its position where no event has a time; None where some are not known."""
    rated: NDArray[np.int64]
    """Pair of each rating, in order of time and value."""
    ratings: NDArray[np.float64]
    rejected: NDArray[np.int64]
    """Pairs that were rejected and had no other event since."""

    @classmethod
    def of(cls, events: pl.DataFrame, ids: pl.Series, domain: Domain, catalogue: Catalogue) -> _Later:
        """``ids`` are sorted and have everybody of the ``events``."""
        row = places_of(ids, events["user_id"])
        pairs = row * len(catalogue) + catalogue.positions(events["item_id"])
        values = events.select(
            liked=domain.positive.fill_null(value=False),
            has_value=pl.col("value").is_not_null(),
            time=(pl.col("timestamp").dt.epoch("us").cast(pl.Float64) / 1e6).fill_null(UNKNOWN),
        )
        liked, has_value, time = (values[name].to_numpy() for name in values.columns)
        value = events["value"].cast(pl.Float64).to_numpy()
        rejects = _is_one_of(events["event"], domain.rejections)
        rating = () if domain.rating is None else (domain.rating,)
        in_order = np.flatnonzero(_is_one_of(events["event"], rating) & has_value)
        in_order = in_order[np.lexsort((value[in_order], time[in_order]))]
        moments = time[liked]
        if len(moments) and (moments == UNKNOWN).all() and "position" in events.columns:
            moments = events["position"].cast(pl.Float64).fill_null(UNKNOWN).to_numpy()[liked]
        return cls(
            touched=np.unique(pairs),
            liked=pairs[liked],
            moments=None if _unknown(pairs[liked], moments) else moments,
            rated=pairs[in_order],
            ratings=value[in_order],
            rejected=_rejected(pairs, rejects, time),
        )


def _is_one_of(events: pl.Series, names: Sequence[str]) -> NDArray[np.bool_]:
    is_one = np.zeros(len(events), dtype=np.bool_)
    for name in names:  # a list of names would be a query, and costs a few events more than all else
        is_one |= (events == name).to_numpy().astype(np.bool_)
    return is_one


def _unknown(pairs: NDArray[np.int64], moments: NDArray[np.float64]) -> bool:
    """Whether a pair has no known moment."""
    return len(np.unique(pairs)) > len(np.unique(pairs[moments > UNKNOWN]))


def _rejected(pairs: NDArray[np.int64], rejects: NDArray[np.bool_], time: NDArray[np.float64]) -> NDArray[np.int64]:
    """As :func:`~recsat.contract.interactions.rejected_pairs`: of equal or unknown times nothing came after the rejection."""
    rejected, place = np.unique(pairs[rejects], return_inverse=True)
    last, since = (np.full(len(rejected), UNKNOWN) for _ in range(2))
    np.maximum.at(last, place, time[rejects])
    other = np.flatnonzero(~rejects & np.isin(pairs, rejected))
    np.maximum.at(since, np.searchsorted(rejected, pairs[other]), time[other])
    standing: NDArray[np.int64] = rejected[(since <= last) | (last == UNKNOWN)]
    return standing


def _pairs(matrix: csr_array, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs that ``rows`` of ``matrix`` store, the first row being row 0, and where their values lie."""
    places, lengths = stored_places(matrix, rows)
    row = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
    return row * matrix.shape[1] + matrix.indices[places], places


def _joined(
    matrix: csr_array, rows: NDArray[np.int64], later: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs and values of ``rows``, and then the later ones."""
    pairs, places = _pairs(matrix, rows)
    return np.concatenate([pairs, later]), np.concatenate([matrix.data[places], values])


def _last_of_pairs(
    pairs: NDArray[np.int64],
    values: NDArray[np.float64],
    shape: tuple[int, int],
    order: NDArray[np.int64] | None = None,
) -> csr_array:
    """Of several values of a pair the one that is last in ``order`` (None: the largest)."""
    by_pair = np.lexsort((values if order is None else order, pairs))
    last = by_pair[np.append(np.diff(pairs[by_pair]) > 0, True)] if len(pairs) else by_pair
    return _matrix(pairs[last], values[last], shape)


def _matrix(pairs: NDArray[np.int64], values: NDArray[np.generic], shape: tuple[int, int]) -> csr_array:
    """``values`` at ``pairs``, which are sorted and each there once."""
    row, column = np.divmod(pairs, shape[1]) if shape[1] else (pairs, pairs)
    index = get_index_dtype(maxval=max(len(pairs), *shape))
    indptr = np.searchsorted(row, np.arange(shape[0] + 1)).astype(index)
    return csr_array((values, column.astype(index), indptr), shape=shape)
