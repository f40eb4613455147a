"""Point ids from item ids, and the way back from hits to rows of the catalogue."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import StoreError
from recsat.store.port import PointId

_LOW_64 = (1 << 64) - 1
_SEED = hashlib.blake2b(digest_size=8, person=b"recsat:points")


def point_id(domain: str, kind: str, item_id: str) -> int:
    """The 64-bit BLAKE2b digest of ``domain:kind:item_id``: the same item always has the same point, so upserts are idempotent.

    It must never change: points that are stored would no longer be updated but doubled. A number and not a UUID, because
    the embedded engine makes a Python object of every hit's id: with UUIDs, 1,000 queries for 500 hits among 3,500 vectors of
    384 numbers take 1.5 times as long. Two of ten million items share a number with a chance of 3 in a million; then
    :class:`ItemIndex` says so.
    """
    return int(_numbers([f"{domain}:{kind}:{item_id}"])[0])


def point_ids(domain: str, items: pl.DataFrame) -> list[int]:
    """:func:`point_id` for every row of ``items`` (item_id, kind)."""
    names = items.select(
        pl.concat_str(
            pl.lit(f"{domain}:"), pl.col("kind").cast(pl.String), pl.lit(":"), pl.col("item_id").cast(pl.String)
        )
    ).to_series()
    if names.null_count():
        row = int(names.is_null().arg_max() or 0)
        raise StoreError(f"items, row {row}: item_id or kind is null, so the point has no id. Give every item both.")
    numbers: list[int] = _numbers(names.to_list()).tolist()
    return numbers


def _numbers(names: Sequence[str]) -> NDArray[np.uint64]:
    digests = bytearray()
    for name in names:
        digest = _SEED.copy()
        digest.update(name.encode())
        digests += digest.digest()
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def point_key(point: PointId) -> int:
    """The 64-bit number by which hits are matched: an integer id itself, or the low half of a UUID (62 random bits)."""
    if isinstance(point, int):
        return point
    return (point.int if isinstance(point, UUID) else int(point.replace("-", ""), 16)) & _LOW_64


def point_keys(points: Sequence[PointId]) -> NDArray[np.uint64]:
    """:func:`point_key` of each, (n,). Integers, which recsat's own points have, take the short way."""
    if set(map(type, points)) == {int}:
        return np.array(points, dtype=np.uint64)
    return np.fromiter(map(point_key, points), dtype=np.uint64, count=len(points))


@dataclass(frozen=True)
class ItemIndex:
    """Point ids in the order of the catalogue: ``ids[i]`` is the point of item index ``i``. Make it once and keep it."""

    ids: Sequence[PointId]

    @classmethod
    def of(cls, domain: str, items: pl.DataFrame) -> Self:
        """The index of an item table (item_id, kind, …)."""
        return cls(point_ids(domain, items))

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        keys = point_keys(self.ids)
        order = np.argsort(keys, kind="stable").astype(np.int64)
        keys = keys[order]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if len(twice):
            first, second = order[twice[0]], order[twice[0] + 1]
            raise StoreError(
                f"items in rows {first} and {second} share the point {self.ids[first]}. Give every item its own item_id and kind."
            )
        return keys, order

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Item indices of ``keys``, same shape; raises StoreError for a point that is no item of this index."""
        known, order = self._sorted
        if not keys.size:
            return np.empty(keys.shape, dtype=np.int64)
        places = np.searchsorted(known, keys)
        is_item = (
            known[np.minimum(places, len(known) - 1)] == keys if len(known) else np.zeros(keys.shape, dtype=np.bool_)
        )
        if not is_item.all():
            stray = int(keys[~is_item][0])
            raise StoreError(
                f"the store returned a point that is not among the {len(self)} items (key {stray:#018x}). "
                "The collection was published from another catalogue: publish this one first."
            )
        return order[places]


def plain_id(point: Any) -> int | str:
    """A point's id as the port gives it: whole numbers as they are, UUIDs as text."""
    return point if isinstance(point, int) else str(point)
