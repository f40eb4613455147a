"""The sample: a simulated network whose truth is known. Nobody in it exists, and nothing in it was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Dataset
from recsat.people import PREFIX
from recsat.testing.simulate import SimulatorSettings, World, log_exposures, make_world, only, popularity_policy
from recsat.testing.simulate_texts import draw_ties, item_texts
from recsat_social.people import everybody, follow_events, ties_of, with_people
from recsat_social.words import NAMES, WORDS

SOURCE = (
    "Simulated by recsat-social (seed {seed}): people, posts, ties and what came of them are drawn from a known model of "
    "satisfaction. Nothing here was measured on real people."
)
N_DAYS = 60
OPTED_OUT = 0.04
LIKES = 0.7
SHARES = 0.15
ANSWER_HOURS = 48


@dataclass(frozen=True)
class Simulation:
    """The data, and the truth behind them."""

    data: Dataset
    posts: World
    posts_policy: NDArray[np.float64]
    """(U, I): probability that a place of the feed shows a post."""
    people: World
    """Users as items: ``people.satisfaction[u, v]`` is how likely u is to want v."""
    people_policy: NDArray[np.float64]
    """(U, U): probability that a suggested person is v; 0 for oneself, for blocks and for those who opted out."""


def simulate(n_users: int, n_posts: int, seed: int) -> Simulation:
    """A feed of posts and suggestions of people, side by side, for 60 days; the same arguments give the same world.

    Who clicks a post plays it, and may like and share it the first time. Who clicks a person follows them, writes to them from
    the second time on, and is followed back as likely as the other is to want them.
    """
    posts = make_world(
        tuple(WORDS),
        SimulatorSettings(
            n_users=n_users,
            n_items=n_posts,
            n_days=N_DAYS,
            n_slots=4,
            visits_per_day=0.6,
            taste_weight=6.0,
            quality_weight=0.4,
            base_logit=-3.5,
            policy_sharpness=0.2,
            seed=2 * seed,
        ),
    )
    people = make_world(
        tuple(WORDS),
        SimulatorSettings(
            n_users=n_users,
            n_items=n_users,
            n_days=N_DAYS,
            n_slots=3,
            visits_per_day=0.25,
            base_logit=-3.0,
            policy_sharpness=0.5,
            seed=2 * seed + 1,
        ),
        tastes=posts.tastes,
        item_topics=posts.tastes,
    )
    rng = np.random.default_rng([seed, 5])
    users = _users(people, rng)
    posts_policy = popularity_policy(posts)
    people_policy = only(popularity_policy(people), _may_meet(users))
    feed = log_exposures(posts, posts_policy, "simulated feed")
    met = log_exposures(people, people_policy, "simulated suggestions").with_columns(
        item_id=pl.concat_str(pl.lit(PREFIX + "u"), pl.col("item_id").str.slice(1))
    )
    follows = _follows(met, people, users, rng)
    events = pl.concat([_feed_events(feed, rng), follow_events(follows), _messages(met, follows)]).sort(
        "timestamp", "user_id", "item_id", "event"
    )
    exposures = pl.concat([feed, met.with_columns(pl.col("page") + feed["page"].n_unique())]).sort("timestamp", "page")
    data = Dataset(
        items=with_people(item_texts(posts, WORDS), users),
        users=users,
        events=events,
        exposures=exposures.drop("examined", "satisfaction"),
        ties=ties_of(events),
        simulated=True,
        source=SOURCE.format(seed=seed),
    )
    return Simulation(data=data, posts=posts, posts_policy=posts_policy, people=people, people_policy=people_policy)


def _users(people: World, rng: np.random.Generator) -> pl.DataFrame:
    """Interests and bio come from the taste; one in 25 opted out, and about as many blocks as people."""
    texts = item_texts(people, WORDS, n_words=6)
    n = texts.height
    ids = texts.select(user_id=pl.concat_str(pl.lit("u"), pl.col("item_id").str.slice(1))).to_series()
    who, whom = rng.integers(0, n, size=n), rng.integers(0, n, size=n)
    blocks = pl.DataFrame({"user_id": ids.gather(who), "blocked": ids.gather(whom)})
    blocked = (
        blocks.filter(pl.col("user_id") != pl.col("blocked")).group_by("user_id").agg(pl.col("blocked").unique().sort())
    )
    names = [f"{NAMES[i % len(NAMES)]} {chr(65 + i // len(NAMES) % 26)}." for i in range(n)]
    users = pl.DataFrame(
        {
            "user_id": ids,
            "name": names,
            "interests": texts["topics"],
            "bio": texts["description"],
            "opted_out": rng.random(n) < OPTED_OUT,
        }
    )
    return everybody(users.join(blocked, on="user_id", how="left", maintain_order="left"))


def _may_meet(users: pl.DataFrame) -> NDArray[np.bool_]:
    """(U, U): not oneself, nobody who opted out, no blocks either way."""
    allowed = np.tile(~users["opted_out"].to_numpy(), (users.height, 1))
    np.fill_diagonal(allowed, val=False)
    blocks = users.select("user_id", "blocked").explode("blocked").drop_nulls()
    who, whom = (blocks[column].str.slice(1).cast(pl.Int64).to_numpy() for column in ("user_id", "blocked"))
    allowed[who, whom] = allowed[whom, who] = False
    return allowed


def _feed_events(feed: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    clicks = feed.filter("click")
    first = clicks.filter(pl.struct("user_id", "item_id").is_first_distinct())
    liked, shared = (first.filter(pl.Series(rng.random(first.height) < share)) for share in (LIKES, SHARES))
    return pl.concat([_events(clicks, "play", 1.0), _events(liked, "like"), _events(shared, "share")])


def _follows(met: pl.DataFrame, people: World, users: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """(user_id, other_id, timestamp): old friends, suggestions that were taken, and those who followed back."""
    old = draw_ties(people, mean_friends=8.0)
    old = pl.concat([old, old.select(user_id="other_id", other_id="user_id", timestamp="timestamp")])
    allowed = _may_meet(users) | users["opted_out"].to_numpy()[None, :]
    one, other = _number(old["user_id"]), _number(old["other_id"])
    old = old.filter(pl.Series((allowed & allowed.T)[one, other]))
    clicked = met.filter("click").select(
        "user_id", pl.col("item_id").str.strip_prefix(PREFIX).alias("other_id"), "timestamp"
    )
    clicked = clicked.sort("timestamp").unique(["user_id", "other_id"], keep="first", maintain_order=True)
    chance = people.satisfaction[_number(clicked["other_id"]), _number(clicked["user_id"])]
    answers = clicked.filter(pl.Series(rng.random(clicked.height) < chance))
    later = pl.Series((rng.random(answers.height) * ANSWER_HOURS * 3600e6).astype(np.int64)).cast(pl.Duration("us"))
    back = answers.select(user_id="other_id", other_id="user_id", timestamp=pl.col("timestamp") + later)
    until = pl.lit(met["timestamp"].max())
    every = pl.concat([old, clicked, back]).filter(pl.col("timestamp") <= until)
    return every.sort("timestamp", "user_id", "other_id").unique(
        ["user_id", "other_id"], keep="first", maintain_order=True
    )


def _messages(met: pl.DataFrame, follows: pl.DataFrame) -> pl.DataFrame:
    """A click on somebody whom the user follows by then is a message."""
    since = follows.select("user_id", pl.concat_str(pl.lit(PREFIX), "other_id").alias("item_id"), since="timestamp")
    again = met.filter("click").join(since, on=["user_id", "item_id"], maintain_order="left")
    return _events(again.filter(pl.col("timestamp") > pl.col("since")), "message")


def _events(rows: pl.DataFrame, event: str, value: float | None = None) -> pl.DataFrame:
    amount = pl.lit(value, dtype=pl.Float64).alias("value")
    return rows.select("user_id", "item_id", pl.lit(event).alias("event"), amount, "timestamp")


def _number(ids: pl.Series) -> NDArray[np.int64]:
    return ids.str.slice(1).cast(pl.Int64).to_numpy()
