"""The sample: a simulated store and its players, whose truth is known. Nobody in it exists, and nothing in it was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Dataset
from recsat.people import PREFIX, everybody, with_people
from recsat.testing.simulate import (
    SimulatorSettings,
    World,
    log_exposures,
    make_world,
    only,
    popularity_policy,
    visit_rate,
)
from recsat.testing.simulate_texts import item_texts
from recsat_game.catalogue import GAME, ITEM, with_games
from recsat_game.words import AGES, GAME_PRICES, ITEM_PRICES, NAMES, PLATFORMS, THINGS, USED_UP, WORDS

SOURCE = (
    "Simulated by recsat-game (seed {seed}): players, games, items and what came of them are drawn from a known model of "
    "satisfaction. Nothing here was measured on real people, and no money was spent."
)
N_DAYS = 180
BUYS = 0.5
PLAYS = 0.3
HOURS = 6.0
SERVICES = 10
SETTINGS = SimulatorSettings(
    n_days=N_DAYS, taste_weight=6.0, quality_weight=0.4, base_logit=-3.5, policy_sharpness=0.2, n_slots=4
)


@dataclass(frozen=True)
class Shelf:
    """One catalogue that the population meets, and the policy that shows it: both (U, I)."""

    world: World
    policy: NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """The data, and the truth behind them."""

    data: Dataset
    games: Shelf
    items: Shelf
    people: Shelf

    @property
    def visits_per_day(self) -> NDArray[np.float64]:
        """(U,): how often a user is there, whatever is shown then. Each visit leaves exposures."""
        shelves = (self.games, self.items, self.people)
        return np.asarray(sum(visit_rate(shelf.world, shelf.policy) for shelf in shelves))


def simulate(n_users: int, n_games: int, n_items: int, seed: int) -> Simulation:
    """A store front, offers inside games and suggestions of people, for 180 days; the same arguments give the same world.

    Who clicks a game looks at it, and buys it with probability one half. At every later visit to the store front they play each
    game that they own with probability ``0.3 × satisfaction``, for hours that are exponential with mean ``6 × satisfaction``.
    Items are sold inside every tenth game, the most satisfying ones, which are free to play. Who clicks an item spends where
    they own its game by then, and looks at it otherwise. Who clicks a person invites them.
    """
    rng = np.random.default_rng([seed, 6])
    games = _shelf(n_users, n_games, 3 * seed, 0.35)
    tastes = games.world.tastes
    services = np.argsort(-games.world.satisfaction.mean(axis=0), kind="stable")[: max(1, n_games // SERVICES)]
    game_of = rng.choice(services, n_items)
    items = _shelf(n_users, n_items, 3 * seed + 1, 0.1, tastes, games.world.item_topics[game_of])
    people = _shelf(n_users, n_users, 3 * seed + 2, 0.05, tastes, tastes)
    people = Shelf(people.world, only(people.policy, ~np.eye(n_users, dtype=bool)))
    store = _logged(games, "store front", "g")
    offers = _logged(items, "in-game offers", "x")
    met = _logged(people, "suggested players", PREFIX + "u")

    sold = _sold(games.world, items.world, game_of, rng)
    users = _users(people.world)
    played = _store_events(store, sold, rng)
    owned = played.filter(pl.col("event") == "purchase").select("user_id", game_id="item_id", since="timestamp")
    invites = met.filter("click").filter(pl.struct("user_id", "item_id").is_first_distinct())
    events = pl.concat([played, _offer_events(offers, sold, owned), _events(invites, "invite", None)])
    n_pages = store["page"].n_unique()
    exposures = [store, offers.with_columns(pl.col("page") + n_pages)]
    exposures.append(met.with_columns(pl.col("page") + n_pages + offers["page"].n_unique()))
    data = Dataset(
        items=with_people(with_games(sold), users),
        users=users,
        events=events.sort("timestamp", "user_id", "item_id", "event"),
        exposures=pl.concat(exposures).sort("timestamp", "page").drop("examined", "satisfaction"),
        simulated=True,
        source=SOURCE.format(seed=seed),
    )
    return Simulation(data=data, games=games, items=items, people=people)


def _shelf(
    n_users: int,
    n_items: int,
    seed: int,
    visits: float,
    tastes: NDArray[np.float64] | None = None,
    topics: NDArray[np.float64] | None = None,
) -> Shelf:
    changes = {"n_users": n_users, "n_items": n_items, "seed": seed, "visits_per_day": visits}
    world = make_world(tuple(WORDS), SETTINGS.model_copy(update=changes), tastes=tastes, item_topics=topics)
    return Shelf(world, popularity_policy(world))


def _logged(shelf: Shelf, name: str, prefix: str) -> pl.DataFrame:
    log = log_exposures(shelf.world, shelf.policy, f"simulated {name}")
    return log.with_columns(item_id=pl.concat_str(pl.lit(prefix), pl.col("item_id").str.slice(1)))


def _sold(games: World, items: World, game_of: NDArray[np.int64], rng: np.random.Generator) -> pl.DataFrame:
    texts = item_texts(games, WORDS)
    n_games, n_items = texts.height, len(game_of)
    of_games = texts.with_columns(
        item_id=pl.concat_str(pl.lit("g"), pl.col("item_id").str.slice(1)),
        kind=pl.lit(GAME),
        price=pl.Series(np.where(np.isin(np.arange(n_games), game_of), 0.0, rng.choice(GAME_PRICES, n_games))),
        platforms=pl.Series([PLATFORMS[i] for i in rng.integers(0, len(PLATFORMS), n_games).tolist()]),
        age_rating=pl.Series(rng.choice(AGES, n_games), dtype=pl.Int64),
    )
    words = item_texts(items, WORDS, n_words=4)
    nouns = pl.Series([THINGS[i] for i in rng.integers(0, len(THINGS), n_items).tolist()])
    of_items = words.select(
        pl.concat_str(pl.lit("x"), pl.col("item_id").str.slice(1)).alias("item_id"),
        pl.concat_str(pl.col("title").str.split(" ").list.first(), pl.lit(" "), nouns).alias("title"),
        "description",
        "topics",
        pl.lit(ITEM).alias("kind"),
        pl.Series("price", rng.choice(ITEM_PRICES, n_items)),
        of_games["item_id"].gather(game_of).alias("game_id"),
        nouns.is_in(USED_UP).alias("consumable"),
    )
    return pl.concat([of_games, of_items], how="diagonal")


def _users(people: World) -> pl.DataFrame:
    texts = item_texts(people, WORDS, n_words=6)
    names = [f"{NAMES[i % len(NAMES)]} {chr(65 + i // len(NAMES) % 26)}." for i in range(texts.height)]
    return everybody(
        texts.select(
            pl.concat_str(pl.lit("u"), pl.col("item_id").str.slice(1)).alias("user_id"),
            pl.Series("name", names),
            pl.col("topics").alias("interests"),
            pl.col("description").alias("bio"),
        )
    )


def _store_events(store: pl.DataFrame, sold: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A view at every click, one purchase at the game's price, and play at visits after it."""
    clicks = store.filter("click")
    bought = clicks.filter(pl.Series(rng.random(clicks.height) < BUYS))
    bought = bought.filter(pl.struct("user_id", "item_id").is_first_distinct())
    bought = bought.join(sold.select("item_id", "price"), on="item_id", how="left", maintain_order="left")
    visits = store.filter(pl.col("position") == 1).select("user_id", visit="timestamp")
    chances = bought.select("user_id", "item_id", "satisfaction", since="timestamp")
    chances = chances.join(visits, on="user_id", maintain_order="left_right").filter(pl.col("visit") > pl.col("since"))
    satisfaction = chances["satisfaction"].to_numpy()
    hours = HOURS * satisfaction * rng.exponential(size=chances.height)
    chances = chances.with_columns(hours=pl.Series(hours), timestamp=pl.col("visit"))
    plays = chances.filter(pl.Series(rng.random(chances.height) < PLAYS * satisfaction))
    return pl.concat(
        [
            _events(clicks, "view", None),
            _events(bought, "purchase", pl.col("price")),
            _events(plays, "play", pl.col("hours")),
        ]
    )


def _offer_events(offers: pl.DataFrame, sold: pl.DataFrame, owned: pl.DataFrame) -> pl.DataFrame:
    """Spending on items of games that are owned by then, once unless they are used up; else a view."""
    items = sold.filter(pl.col("kind") == ITEM).select("item_id", "game_id", "price", "consumable")
    clicks = offers.filter("click").join(items, on="item_id", how="left", maintain_order="left")
    clicks = clicks.join(owned, on=["user_id", "game_id"], how="left", maintain_order="left")
    has = (pl.col("since") <= pl.col("timestamp")).fill_null(value=False)
    could = clicks.filter(has)
    first = pl.struct("user_id", "item_id").is_first_distinct()
    spends = could.filter(first | pl.col("consumable"))
    return pl.concat([_events(clicks.filter(~has), "view", None), _events(spends, "spend", pl.col("price"))])


def _events(rows: pl.DataFrame, event: str, value: pl.Expr | None) -> pl.DataFrame:
    amount = pl.lit(None, dtype=pl.Float64) if value is None else value
    return rows.select("user_id", "item_id", pl.lit(event).alias("event"), amount.alias("value"), "timestamp")
