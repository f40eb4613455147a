"""Fold-in: what users did after a model was fitted changes their next lists, and nothing is fitted.

An arm scores the history that it is handed, so a longer history is all that item-item arms, the closed forms over texts and iALS (whose user vector is
one solve) need. Histories with later events folded in are, to the bit, those of a run that had known them, but
for the encoded texts of users (``Histories.texts``): no encoder runs here, so they stay as they were when the model was fitted, and who had no history
then has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from recsat.contract.domain import Domain
from recsat.contract.interactions import Catalogue, UserBatch, user_batch
from recsat.stages.model.histories import NOBODY, Histories, and_nobody, and_zeros, seen_matrix
from recsat.stages.trial.rated import with_ratings, with_rejections


def folded(
    histories: Histories, events: pl.DataFrame, domain: Domain, catalogue: Catalogue, users: Sequence[str] | None = None
) -> Histories:
    """``histories`` with later ``events`` of the domain, all of whose items are in the catalogue, in their order.

    Of ``users`` alone where they are named (those of whom nothing is known are left out), else of everybody. A rating among ``events``
    stands in the place of an earlier one.
    """
    if users is None:
        ids = pl.concat([histories.ids, events["user_id"]]).unique().sort()
    else:
        named = pl.Series("user_id", users, dtype=pl.String).unique().sort()
        ids = named.filter(
            pl.Series(histories.rows(named.to_list()) != NOBODY) | named.is_in(events["user_id"].implode())
        )
    rows = histories.rows(ids.to_list())
    before = histories.at(rows, ids.to_list())
    since = events.filter(pl.col("user_id").is_in(ids.implode()))
    later = with_ratings(
        user_batch(since.filter(domain.positive), before.ids, catalogue), since, domain.rating, catalogue
    )
    later = with_rejections(later, since, domain.rejections, catalogue)
    touched = seen_matrix(since, ids, catalogue)
    rejections = before.rejections
    if rejections is not None and later.rejections is not None:
        # Whatever came since comes after the rejection.
        untouched = csr_array(rejections - rejections.multiply(touched))
        untouched.eliminate_zeros()
        rejections = _union(untouched, later.rejections)
    rows = rows % (len(histories) + 1)  # the last one is empty
    markets = None if before.markets is None else np.append(before.markets, "")
    times = None if before.times is None else _times(before, later)
    ratings = before.ratings
    if ratings is not None and later.ratings is not None:
        ratings = _last_of_pairs(ratings, later.ratings, by_value=False)
    return Histories(
        ids,
        seen=and_nobody(_union(histories.seen[rows], touched)),
        history=and_nobody(_union(before.history, later.history)),
        times=None if times is None else and_nobody(times),
        ratings=None if ratings is None else and_nobody(ratings),
        markets=markets,
        profile=np.append(histories.profile[rows], NOBODY),
        profiles=histories.profiles,
        rejections=None if rejections is None else and_nobody(rejections),
        texts=None if before.text_vectors is None else and_zeros(before.text_vectors),
    )


def _union(one: csr_array, other: csr_array) -> csr_array:
    """1, or True, where either has it, in the type of ``one``; indices in order."""
    union: csr_array = csr_array(one.astype(bool) + other.astype(bool)).astype(one.dtype)
    union.sort_indices()
    return union


def _times(before: UserBatch, later: UserBatch) -> csr_array | None:
    """The last time of each pair; None where an earlier or a later one is not known, as in a run."""
    if later.times is None:
        return before.times if later.history.nnz == 0 else None
    assert before.times is not None
    return _last_of_pairs(before.times, later.times, by_value=True)


def _last_of_pairs(one: csr_array, other: csr_array, *, by_value: bool) -> csr_array:
    """Where both have a value, the larger one (times before 1970 are negative, so this is no maximum of matrices), or that of ``other``."""
    parts = [matrix.tocoo() for matrix in (one, other)]
    rows, columns, values = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "col", "data"))
    pair = rows.astype(np.int64) * one.shape[1] + columns
    order = np.lexsort((values, pair)) if by_value else np.argsort(pair, kind="stable")
    last = order[np.append(np.diff(pair[order]) > 0, True)] if len(order) else order
    return csr_array((values[last], (rows[last], columns[last])), shape=one.shape)
