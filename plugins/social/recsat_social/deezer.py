"""GEMSEC Deezer: friends to recommend, and the genres that they like as what describes them. There is no other content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse.csgraph import breadth_first_order

from recsat import Column, Dataset, read_table
from recsat_social.network import known_network
from recsat_social.people import everybody, follow_events, ties_of, with_people

NAME = "deezer-friends"
SOURCE = (
    "Deezer friendships of {country} (B. Rozemberczki, R. Davies, R. Sarkar and C. Sutton, GEMSEC, ASONAM 2019), from a "
    "repository under the GNU General Public License, version 3."
)
COUNTRIES = {"ro": "Romania", "hu": "Hungary"}
FRIENDS = {"user_id": Column(source="user_a"), "other_id": Column(source="user_b")}
GENRES = {"user_id": Column(), "interests": Column(kind="list", source="liked_genres")}
CONTENT = pl.DataFrame(
    schema={"item_id": pl.String, "title": pl.String, "topics": pl.List(pl.String), "description": pl.String}
)


def read_deezer(folder: Path, country: str, max_people: int | None, seed: int = 0) -> Dataset:
    """``<country>_friends`` and ``<country>_user_genres`` of ``folder``; each friendship is two follow events without a time.

    Of more than ``max_people``, those stay whom a breadth-first search from one person, drawn by ``seed``, meets first: a
    random share of people would leave hardly any friendship whole.
    """
    friends, friend_faults = read_table((folder, f"{country}_friends"), FRIENDS)
    genres, genre_faults = read_table((folder, f"{country}_user_genres"), GENRES)
    both = pl.concat([friends, friends.select(user_id="other_id", other_id="user_id", _file="_file", _row="_row")])
    events = follow_events(both.with_columns(timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC"))))
    if max_people is not None:
        near = _nearest(events, max_people, seed)
        inside = pl.col("user_id").is_in(near.implode()) & pl.col("item_id").str.strip_prefix("user:").is_in(
            near.implode()
        )
        events, genres = events.filter(inside), genres.filter(pl.col("user_id").is_in(near.implode()))
    users = everybody(genres, events["user_id"])
    return Dataset(
        items=with_people(CONTENT, users),
        users=users,
        events=events,
        ties=ties_of(events),
        quarantine=pl.concat([friend_faults, genre_faults]),
        source=SOURCE.format(country=COUNTRIES[country]),
    )


def _nearest(events: pl.DataFrame, n: int, seed: int) -> pl.Series:
    network = known_network(events)
    start = int(np.random.default_rng(seed).integers(len(network.people)))
    order = breadth_first_order(network.links, start, directed=False, return_predecessors=False)
    return network.people.gather(order[:n])
