"""Pairs to learn from, drawn anew for each epoch from users' training histories. Whole tables: no torch, no loops over users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.interactions import Catalogue, user_batch
from recsat.errors import DataError

Describe = Callable[[pl.DataFrame], pl.Series]
"""From some users' events, oldest first, to (user_id, text) of each of them."""
LENGTH_POWER = 0.5
"""A user is drawn in proportion to the square root of the history's length, so that a few heavy users do not set the taste."""


@dataclass(frozen=True)
class Pairs:
    """Row i: text ``texts[anchors[i]]`` belongs with item ``items[i]``; ``users`` is the user (row of the history) it is from.

    ``texts`` holds the item texts first, by item index, then this epoch's user texts. ``anchor_items`` is the item of an
    item anchor and -1 for a user text.
    """

    anchors: NDArray[np.int64]
    anchor_items: NDArray[np.int64]
    items: NDArray[np.int64]
    users: NDArray[np.int64]
    user_texts: list[str]

    def __len__(self) -> int:
        return len(self.items)


class PairSource:
    """Draws pairs from liked ``events`` (user_id, item_id, timestamp, …) of the training part."""

    def __init__(
        self, events: pl.DataFrame, catalogue: Catalogue, describe: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> None:
        users = events["user_id"].unique().sort()
        self.user_ids = users
        numbered = pl.DataFrame({"user_id": users}).with_row_index("user")
        # Of one moment's events none is the earlier: they stay in the order in which they come, which says nothing.
        self.events = events.join(numbered, on="user_id", maintain_order="left").sort(
            "timestamp", "user_id", nulls_last=True, maintain_order=True
        )
        self.history: csr_array = user_batch(events, users.to_list(), catalogue).history
        self.catalogue = catalogue
        self.describe = describe
        self.n_liked = np.diff(self.history.indptr)
        if not (self.n_liked >= 2).any():
            raise DataError(
                "no user has two liked items in training, so there is no pair to learn from. Bring more events."
            )

    @cached_property
    def chances(self) -> NDArray[np.float64]:
        """Probability that an item is the positive of a drawn pair, (n_items,)."""
        weights = _weights(self.n_liked)
        return np.asarray(self.history.T @ (weights / np.maximum(self.n_liked, 1)), dtype=np.float64)

    def draw(self, n: int, user_share: float, rng: np.random.Generator) -> Pairs:
        """``n`` pairs in random order, ``user_share`` of them with a user text as anchor.

        The two items of an item pair are distinct items of one user. A user text is made of a random half of the user's
        events and its item comes from the other half: a text that names its own answer would teach nothing.
        """
        n_user = round(n * user_share)
        users, first, second = self._item_pairs(n - n_user, rng)
        text_users, texts, targets = self._user_pairs(n_user, rng)
        places, distinct = _places(text_users)
        order = rng.permutation(n - n_user + len(targets))
        user_texts = [texts[i] for i in distinct]
        return Pairs(
            anchors=np.concatenate([first, len(self.catalogue) + places])[order],
            anchor_items=np.concatenate([first, np.full(len(targets), -1)])[order],
            items=np.concatenate([second, targets])[order],
            users=np.concatenate([users, text_users])[order],
            user_texts=user_texts,
        )

    def is_liked(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(len(users), len(items)): whether that user liked that item in training."""
        return np.asarray(self.history[users][:, items].toarray() > 0)

    def _item_pairs(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        users = _draw_users(self.n_liked * (self.n_liked >= 2), n, rng)
        length, start = self.n_liked[users], self.history.indptr[users]
        one = np.floor(rng.random(n) * length).astype(np.int64)
        other = (one + 1 + np.floor(rng.random(n) * (length - 1)).astype(np.int64)) % length
        columns = self.history.indices.astype(np.int64)
        return users, columns[start + one], columns[start + other]

    def _user_pairs(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[str], NDArray[np.int64]]:
        """Users, the text of each, and an item that the text was not made of."""
        if not n:
            return np.zeros(0, dtype=np.int64), [], np.zeros(0, dtype=np.int64)
        liked = self.history.tocoo()
        rows, columns = liked.coords
        pairs = pl.DataFrame({"user": rows.astype(np.uint32), "item": columns, "in_text": rng.random(len(rows)) < 0.5})
        targets = pairs.filter(~pl.col("in_text")).sort("user", "item")
        n_in_text = np.bincount(pairs.filter("in_text")["user"].to_numpy(), minlength=len(self.n_liked))
        n_targets = np.bincount(targets["user"].to_numpy(), minlength=len(self.n_liked))
        users = _draw_users(self.n_liked * ((n_in_text > 0) & (n_targets > 0)), n, rng)
        starts = np.cumsum(n_targets) - n_targets
        target_items = (
            targets["item"]
            .to_numpy()
            .astype(np.int64)[starts[users] + np.floor(rng.random(n) * n_targets[users]).astype(np.int64)]
        )
        in_text = pairs.filter(
            pl.col("in_text") & pl.col("user").is_in(pl.Series(np.unique(users), dtype=pl.UInt32).implode())
        )
        in_text = in_text.select("user", item_id=self.catalogue.items["item_id"].gather(in_text["item"]))
        described = self.describe(self.events.join(in_text, on=["user", "item_id"], how="semi").drop("user"))
        known = self.events.select("user", "user_id").unique().join(described, on="user_id").sort("user")
        texts = known["text"].gather(known["user"].search_sorted(pl.Series(users, dtype=pl.UInt32))).to_list()
        return users, texts, target_items


def _weights(n_liked: NDArray[np.intp]) -> NDArray[np.float64]:
    weights = n_liked.astype(np.float64) ** LENGTH_POWER * (n_liked > 0)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _draw_users(n_liked: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if n and not n_liked.any():
        raise DataError(
            "no user has a history that could be divided, so there is no pair to learn from. Bring more events."
        )
    if not n:
        return np.zeros(0, dtype=np.int64)
    edges = np.cumsum(_weights(n_liked))
    users = np.searchsorted(edges, rng.random(n) * edges[-1], side="right").astype(np.int64)
    return np.asarray(
        np.minimum(users, np.flatnonzero(n_liked)[-1]), dtype=np.int64
    )  # where rounding reaches the last edge


def _places(users: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(place of each row's text among the distinct ones, a row of each distinct one)."""
    _, distinct, places = np.unique(users, return_index=True, return_inverse=True)
    return places.astype(np.int64), distinct.astype(np.int64)
