"""The k-core of users and items: those with enough liked items, and liked by enough users, in each other's company."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.data.codes import coded
from recsat.data.split import liked_of
from recsat.errors import DataError

N_NAMES = 8
"""Events that a refusal names."""


def core(dataset: Dataset, positive: pl.Expr, *, min_user_events: int, min_item_events: int) -> Dataset:
    """Drops users with fewer than ``min_user_events`` liked items and items liked by fewer than ``min_item_events`` users.

    Repeated until nothing more drops out (Seidman, 1983); an item that a user liked twice counts once. A user or an item
    that stays keeps all its events with those that stay, liked or not. A minimum of 0 keeps everybody, also items and users
    without events. ``ties`` and ``users`` stay whole: whom somebody knows, and what they tell of themselves, does not depend on
    what they liked, and of whoever has no history yet it is all that there is to serve them by. So do ``exposures``: a rate over
    what was shown to those alone who liked something would be conditional on its outcome.

    Raises DataError where nothing is left, with what is liked by name of event and what was noted of the events.
    """
    events = coded(dataset.events, ["user_id", "item_id"])
    liked = liked_of(dataset.events, positive)
    pairs = events.filter(liked).unique()
    while True:
        left = _at_least(_at_least(pairs, "user_id", min_user_events), "item_id", min_item_events)
        if left.height == pairs.height:
            break
        pairs = left
    if pairs.is_empty():
        raise DataError(_nothing_left(dataset, liked, min_user_events, min_item_events))
    if min_user_events:
        inside = events["user_id"].is_in(pairs["user_id"].unique().implode())
    else:
        inside = pl.repeat(value=True, n=events.height, eager=True)
    items = dataset.items
    if min_item_events:
        rows = events["item_id"].is_in(pairs["item_id"].unique().implode())
        items = items.join(dataset.events.filter(rows).select("item_id").unique(), on="item_id", how="semi")
        inside &= rows
    return replace(dataset, items=items, events=dataset.events if inside.all() else dataset.events.filter(inside))


def _nothing_left(dataset: Dataset, liked: pl.Series, min_user_events: int, min_item_events: int) -> str:
    """What is liked, by the name of the event, and whatever was noted of the events: there lies the cause."""
    events = dataset.events.with_columns(_liked=liked)
    counts = ""
    if "event" in events.columns:
        by_name = (
            events.group_by("event")
            .agg(pl.col("_liked").sum(), n=pl.len())
            .sort("n", "event", descending=[True, False])
        )
        listed = [f"{name!r} {n_liked:,} of {n:,}" for name, n_liked, n in by_name.head(N_NAMES).iter_rows()]
        counts = f" Liked are {liked.sum():,} of {events.height:,} events: {', '.join(listed)}."
    message = (
        f"no user with {min_user_events} liked items is left among items liked by {min_item_events} users.{counts} "
        "Lower data.min_user_events and data.min_item_events, or check what the domain counts as liked (positive)."
    )
    return "\n".join([message, *(note for note in dataset.notes if note.startswith("events"))])


def _at_least(pairs: pl.DataFrame, key: str, minimum: int) -> pl.DataFrame:
    return pairs.filter(pl.len().over(key) >= minimum) if minimum > 1 else pairs
