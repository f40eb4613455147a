"""Dense integers inside: the catalogue, the training matrix and batches of user histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import UnknownItem

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Catalogue:
    """The items of a run in a fixed order; item index ``i`` is row ``i`` of ``items``."""

    items: pl.DataFrame
    """(item_id, kind, title, …), item_id unique."""

    @cached_property
    def ids(self) -> list[str]:
        return self.items["item_id"].to_list()

    @cached_property
    def index(self) -> dict[str, int]:
        return {item_id: i for i, item_id in enumerate(self.ids)}

    def __len__(self) -> int:
        return self.items.height

    def has(self, item_ids: pl.Series) -> pl.Series:
        """Which of ``item_ids`` it has, Boolean."""
        if len(item_ids) > len(self):  # as in :meth:`positions`
            return item_ids.is_in(self.items["item_id"].implode())
        index = self.index
        return pl.Series([item_id in index for item_id in item_ids], dtype=pl.Boolean)

    def positions(self, item_ids: Sequence[str] | pl.Series) -> NDArray[np.int64]:
        """Item indices of ``item_ids``; raises :class:`UnknownItem` naming the first that is not in the catalogue."""
        if isinstance(item_ids, pl.Series) and len(item_ids) > len(self):
            return self._positions_of(item_ids)
        index = self.index
        try:
            return np.fromiter((index[i] for i in item_ids), dtype=np.int64, count=len(item_ids))
        except KeyError as error:
            raise self._unknown(error.args[0]) from error

    def _positions_of(self, ids: pl.Series) -> NDArray[np.int64]:
        """By a join: of many ids nobody makes Python strings. Of few it would cost what the catalogue costs, each time."""
        places = self.items.select(pl.col("item_id").alias("id"), place=pl.int_range(pl.len(), dtype=pl.Int64))
        joined = ids.alias("id").to_frame().join(places, on="id", how="left", maintain_order="left")["place"]
        if joined.null_count():
            raise self._unknown(ids.filter(joined.is_null())[0])
        return np.array(joined.to_numpy())

    def _unknown(self, item_id: object) -> UnknownItem:
        return UnknownItem(
            f"item {item_id!r} is not in the catalogue of {len(self)} items. Check the id, or add the item to items."
        )


@dataclass(frozen=True)
class UserBatch:
    """Users to score: row ``u`` of every member belongs to ``ids[u]``."""

    ids: list[str]
    history: csr_array
    """(n_users, n_items) float32, 1 where the user liked the item."""
    times: csr_array | None = None
    """Same pattern, float64 seconds since 1970 of the last such event; None where the data have no time."""
    first_times: csr_array | None = None
    """Same pattern, of the first such event; None where it is not known. Scores need no such thing: it is for arms that look at an earlier moment
    in ``fit``, at which an item that was liked again later was liked already."""
    profile_vectors: NDArray[np.float32] | None = None
    """(n_users, d) unit-length vectors of describe_user texts; None where they were not embedded."""
    text_vectors: NDArray[np.float32] | None = None
    """(n_users, d) describe_user texts as encoded, in the space of the item vectors ``raw``: of those with a history, zero rows for others. None
    where no arm of the run reads users."""
    markets: NDArray[np.str_] | None = None
    """(n_users,) the market of each, "" where it is not known; None where the domain names no markets."""
    ratings: csr_array | None = None
    """(n_users, n_items) float64, what each user rated, liked or not; a rating of 0 is stored. None where the domain names no ratings."""
    now: float | None = None
    """The moment at which lists are made, seconds since 1970; None as in :class:`TrainingData`."""
    rejections: csr_array | None = None
    """(n_users, n_items) float32, 1 where the user rejected the item and has had no other event with it since; None where the domain names no
    rejections. An item may be liked and rejected: what counts of both is the arm's to say."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def id_series(self) -> pl.Series:
        """``ids`` as a String Series named ``user_id``."""
        return pl.Series("user_id", self.ids, dtype=pl.String)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n_users,) liked items of each user."""
        return np.diff(self.history.indptr).astype(np.int64)

    @property
    def is_new(self) -> NDArray[np.bool_]:
        """(n_users,) True where nothing that the user liked is known."""
        return np.asarray(self.lengths == 0, dtype=np.bool_)

    def take(self, rows: NDArray[np.int64] | slice) -> UserBatch:
        """The same for some rows; of all of them, in their order, itself."""
        if isinstance(rows, slice) and rows.indices(len(self)) == (0, len(self), 1):
            return self
        ids = self.ids[rows] if isinstance(rows, slice) else [self.ids[i] for i in rows]
        return UserBatch(
            ids=ids,
            history=self.history[rows],
            times=None if self.times is None else self.times[rows],
            first_times=None if self.first_times is None else self.first_times[rows],
            profile_vectors=None if self.profile_vectors is None else self.profile_vectors[rows],
            text_vectors=None if self.text_vectors is None else self.text_vectors[rows],
            markets=None if self.markets is None else self.markets[rows],
            ratings=None if self.ratings is None else self.ratings[rows],
            now=self.now,
            rejections=None if self.rejections is None else self.rejections[rows],
        )


@dataclass(frozen=True)
class TrainingData:
    """What an arm may learn from."""

    catalogue: Catalogue
    users: UserBatch
    """Every user with a training history; ``users.history`` is the matrix X of the papers."""
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Item vectors by name, (n_items, d) float32: ``raw`` (unit length, as encoded), ``text`` (catalogue mean subtracted, unit length)."""
    seed: int = 0
    raters: UserBatch | None = None
    """Every user with a known rating, with ``ratings``: also those who liked nothing, who are not among ``users``. None where the domain
    names no ratings."""
    protocol: str | None = None
    """How what is judged was held out (:attr:`recsat.config.settings.SplitSettings.protocol`), so that an arm can choose on likes held out
    in the same way; None where it is not known."""
    test_share: float | None = None
    """The share that the split's test part was to have (:attr:`recsat.config.settings.SplitSettings.test_share`); None where it is not known."""
    now: float | None = None
    """The moment before which everything is known and after which nothing is, seconds since 1970: the cut of a timeline, and in a model that
    is kept its last event. None where there is no such moment: other splits hold out events of all times, and data without times of none."""
    device: str = "cpu"
    """Where closed forms may be solved, by torch's name; what is learnt is on the CPU, and the same but for rounding."""
    encoder: str = ""
    """Fingerprint of the encoder of ``raw`` and ``text``, so that what was learnt of another one's vectors is not taken for theirs; "" where it is not known."""

    @cached_property
    def popularity(self) -> NDArray[np.float32]:
        """Training users per item, (n_items,)."""
        return np.asarray(self.users.history.sum(axis=0), dtype=np.float32).ravel()

    @cached_property
    def warm(self) -> NDArray[np.bool_]:
        """Items with at least one training event."""
        return self.popularity > 0


def rejected_pairs(events: pl.DataFrame, rejections: Sequence[str]) -> pl.DataFrame:
    """(user_id, item_id) of what users rejected by one of the events ``rejections`` and have had no other event with since."""
    is_rejection, when, pair = pl.col("event").is_in(list(rejections)), pl.col("timestamp"), ["user_id", "item_id"]
    rejected = events.lazy().filter(is_rejection).select(pair).unique()
    last = (
        events.lazy()
        .join(rejected, on=pair, how="semi", nulls_equal=True)  # of all other pairs nothing is asked
        .group_by(pair)
        .agg(rejected=when.filter(is_rejection).max(), since=when.filter(~is_rejection).max(), any=is_rejection.any())
    )
    # Of equal or unknown times nothing came after the rejection.
    is_taken_back = (pl.col("since") > pl.col("rejected")).fill_null(value=False)
    return last.filter(pl.col("any") & ~is_taken_back).select("user_id", "item_id").collect()


HISTORY_COLUMNS = ("user_id", "item_id", "timestamp", "position")
"""What :func:`user_batch` reads of events; ``position`` where they have it."""


def liked_events(events: pl.DataFrame, positive: pl.Expr) -> pl.DataFrame:
    """Those of ``events`` that are liked, in their order and with :data:`HISTORY_COLUMNS` alone: what :func:`user_batch` takes."""
    names = [name for name in HISTORY_COLUMNS if name in events.columns]
    return events.lazy().filter(positive).select(names).collect()


def paired(
    events: pl.DataFrame, user_ids: pl.Series, catalogue: Catalogue, columns: Sequence[str] = ()
) -> pl.DataFrame:
    """(pair, ``columns``) of those of ``events`` that are by ``user_ids``, in their order: pair is the user's row times the number of items plus the item's.

    One number takes a quarter of the memory of two ids. ``user_ids`` are distinct; an item outside the catalogue raises :class:`UnknownItem`.
    """
    order = pl.DataFrame({"user_id": user_ids, "row": pl.int_range(len(user_ids), dtype=pl.UInt32, eager=True)})
    row = events.select("user_id").join(order, on="user_id", how="left", maintain_order="left")["row"]
    if row.null_count():
        is_here = row.is_not_null()
        events, row = events.select("item_id", *columns).filter(is_here), row.filter(is_here)
    pair = row.cast(pl.Int64) * max(1, len(catalogue)) + pl.Series(catalogue.positions(events["item_id"]))
    return events.select(pair.alias("pair"), *columns)


def user_batch(events: pl.DataFrame, user_ids: Sequence[str], catalogue: Catalogue) -> UserBatch:
    """Histories of ``user_ids`` from liked ``events`` (user_id, item_id, timestamp); a user without events has an empty row.

    Repeated events on one item count once, at their last time; ``first_times`` has their first. Where no event has a time, ``position`` of the
    events stands for it. Events of other users are left aside; an item outside the
    catalogue raises :class:`UnknownItem`.
    """
    from scipy.sparse import csr_array

    ids, n_items = list(user_ids), max(1, len(catalogue))
    distinct = list(dict.fromkeys(ids))
    if len(distinct) < len(ids):
        row_of = {user: row for row, user in enumerate(distinct)}
        places = np.array([row_of[user] for user in ids])
        return user_batch(events, distinct, catalogue).take(places)
    names = [name for name in ("timestamp", "position") if name in events.columns]
    position = pl.col("position")
    positions = (
        [position.max().alias("last_position"), position.min().alias("first_position")] if "position" in names else []
    )
    # Groups of what is sorted are runs, which need no table of hashes.
    pairs = (
        paired(events, pl.Series("user_id", ids, dtype=pl.String), catalogue, names)
        .sort("pair")
        .lazy()
        .group_by("pair", maintain_order=True)
        .agg(pl.col("timestamp").max(), pl.col("timestamp").min().alias("first"), *positions)
        .collect()
    )
    rows, columns = np.divmod(pairs.drop_in_place("pair").to_numpy(), n_items)
    starts = np.append(0, np.cumsum(np.bincount(rows, minlength=len(ids))))
    del rows
    shape = (len(ids), len(catalogue))
    history = csr_array((np.ones(len(columns), dtype=np.float32), columns, starts), shape=shape)
    del columns
    if pairs["timestamp"].is_null().all() and positions:
        moments = {name: pairs[name].cast(pl.Float64) for name in ("last_position", "first_position")}
    else:
        moments = {name: pairs[name].dt.epoch("us").cast(pl.Float64) / 1e6 for name in ("timestamp", "first")}
    if not history.nnz or any(of_pairs.null_count() for of_pairs in moments.values()):
        return UserBatch(ids=ids, history=history)
    # The pattern is there once: the pairs are in its order.
    last, first = (
        csr_array((of_pairs.to_numpy(), history.indices, history.indptr), shape=shape) for of_pairs in moments.values()
    )
    return UserBatch(ids=ids, history=history, times=last, first_times=first)
