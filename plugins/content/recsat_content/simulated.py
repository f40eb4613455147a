"""A simulated player of films, tracks and articles whose truth is known. Nobody in it exists, and nothing in it was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Dataset
from recsat.testing.simulate import SimulatorSettings, World, log_exposures, make_world, only, popularity_policy
from recsat.testing.simulate_texts import item_texts

SOURCE = (
    "Simulated by recsat-content (seed {seed}): people, titles and what came of them are drawn from a known model of satisfaction. "
    "Nothing here was measured on real people."
)
WORDS = {
    genre: words.split()
    for genre, words in {
        "Adventure": "island map treasure expedition jungle captain river summit",
        "Comedy": "wedding neighbour misunderstanding prank roommate banana reunion clown",
        "Cooking": "dough broth saffron skillet harvest tasting knife pantry",
        "Crime": "detective alibi heist witness verdict informant ransom docks",
        "History": "empire archive treaty cathedral revolt manuscript dynasty siege",
        "Jazz": "saxophone trio ballad improvised trumpet brushes midnight standard",
        "Nature": "glacier wolves migration reef canopy savanna tide pollen",
        "Romance": "letters summer promise station waltz autumn balcony farewell",
        "Science": "telescope particle genome vaccine robot quantum fossil orbit",
        "Sports": "final coach stadium marathon rally penalty medal league",
    }.items()
}
SURFACES = {"movie": "films", "track": "music", "article": "reading"}
MINUTES = {"movie": 95.0, "track": 4.0, "article": 6.0}
PLAYS, RETURNS, SKIPS, FINISHED = 0.9, 0.1, 0.15, 0.8
LATER_S = 30
"""Seconds from the start of a visit to what is played again, after the places of its page."""
SETTINGS = SimulatorSettings(
    n_days=240,
    visits_per_day=0.1,
    taste_weight=6.0,
    quality_weight=0.4,
    base_logit=-3.5,
    policy_sharpness=0.2,
    n_slots=6,
)


@dataclass(frozen=True)
class Simulation:
    """The data, and the truth behind them."""

    data: Dataset
    world: World


def simulate(n_users: int, n_items: int, seed: int) -> Simulation:
    """A player's pages of films, music and reading for 240 days; the same arguments give the same world.

    Who clicks a title views it and plays nine of ten. Of a play the share watched is the square root of a Beta(1 + 4 s, 2) draw, s the
    satisfaction; from eight tenths on it is complete. What was completed is played again at each later visit with probability
    0.1 × s. Who looks at a title and does not click it skips it with probability 0.15 × (1 - s).
    """
    world = make_world(tuple(WORDS), SETTINGS.model_copy(update={"n_users": n_users, "n_items": n_items, "seed": seed}))
    rng = np.random.default_rng([seed, 8])
    kinds = pl.Series(rng.permutation(np.resize(list(MINUTES), n_items)))
    log = _pages(world, kinds.to_numpy())
    minutes = kinds.replace_strict(MINUTES, return_dtype=pl.Float64) * rng.uniform(0.6, 1.4, n_items)
    items = item_texts(world, WORDS).rename({"topics": "genres"}).with_columns(kind=kinds)
    data = Dataset(
        items=items,
        events=_events(log, items.select("item_id", seconds=60 * minutes), rng),
        exposures=log.drop("examined", "satisfaction", "page"),
        simulated=True,
        source=SOURCE.format(seed=seed),
    )
    return Simulation(data, world)


def _pages(world: World, kinds: NDArray[np.str_]) -> pl.DataFrame:
    """One page for each kind, each with propensities within it."""
    policy = popularity_policy(world)
    pages: list[pl.DataFrame] = []
    for place, (kind, surface) in enumerate(SURFACES.items()):
        allowed = np.broadcast_to(kinds == kind, policy.shape)
        log = log_exposures(world, only(policy, allowed), f"simulated {surface}", seed=place)
        pages.append(
            log.with_columns(pl.col("page") + sum(p["page"].n_unique() for p in pages), surface=pl.lit(surface))
        )
    return pl.concat(pages).sort("timestamp", "page")


def _events(log: pl.DataFrame, lengths: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    clicks = log.filter("click")
    plays = _played(clicks.filter(pl.Series(rng.random(clicks.height) < PLAYS)), lengths, rng)
    first = plays.filter(pl.col("watched") >= FINISHED).filter(pl.struct("user_id", "item_id").is_first_distinct())
    visits = log.filter(pl.col("position") == 1).select("user_id", visit="timestamp")
    chances = first.select("user_id", "item_id", "satisfaction", "timestamp")
    chances = chances.join(visits, on="user_id", maintain_order="left_right").filter(
        pl.col("visit") > pl.col("timestamp")
    )
    chances = chances.with_columns(timestamp=pl.col("visit") + pl.duration(seconds=LATER_S)).drop("visit")
    returns = chances.filter(pl.Series(rng.random(chances.height)) < RETURNS * pl.col("satisfaction"))
    played = pl.concat([plays, _played(returns, lengths, rng)], how="diagonal")
    unmoved = log.filter(pl.col("examined") & ~pl.col("click"))
    skips = unmoved.filter(pl.Series(rng.random(unmoved.height)) < SKIPS * (1 - pl.col("satisfaction")))
    steps = (
        (clicks, "view", None),
        (played, "play", pl.col("seconds") * pl.col("watched")),
        (played.filter(pl.col("watched") >= FINISHED), "complete", None),
        (skips, "skip", None),
    )
    return pl.concat([_rows(*step) for step in steps]).sort("timestamp", "user_id", "item_id", "event")


def _played(starts: pl.DataFrame, lengths: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    watched = np.sqrt(rng.beta(1 + 4 * starts["satisfaction"].to_numpy(), 2.0))
    return starts.with_columns(watched=pl.Series(watched)).join(lengths, on="item_id", maintain_order="left")


def _rows(log: pl.DataFrame, event: str, value: pl.Expr | None) -> pl.DataFrame:
    amount = pl.lit(None, dtype=pl.Float64) if value is None else value
    percent = 100 * pl.col("watched") if event == "play" else pl.lit(None, dtype=pl.Float64)
    return log.select("user_id", "item_id", "timestamp", event=pl.lit(event), value=amount, watched_percent=percent)
