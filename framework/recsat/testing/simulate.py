"""A world whose satisfaction is known, to check every metric and every off-policy estimate against the truth.

Users have latent tastes over topics; items have topics, a quality and a text made from their topics; a logging policy
shows items with known propensities; what users then do follows a known model. A domain dresses the world: it names topics
and words, and turns outcomes into its own events. Whatever comes out must be called simulated wherever it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
SECONDS_PER_DAY: Final = 86_400


class SimulatorSettings(BaseModel):
    """Size and character of a world."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_users: int = Field(400, ge=1, description="Users.")
    n_items: int = Field(240, ge=1, description="Items.")
    n_days: int = Field(60, ge=1, description="Days of logging.")
    n_slots: int = Field(5, ge=1, description="Positions on one page; each visit shows one page.")
    visits_per_day: float = Field(0.4, gt=0, description="Mean visits of a user a day before satisfaction changes it.")
    focus: float = Field(
        0.25, gt=0, description="Dirichlet concentration of tastes and topics: smaller is more single-minded."
    )
    taste_weight: float = Field(4.0, description="Weight of taste match in the logit of satisfaction.")
    quality_weight: float = Field(0.7, description="Weight of item quality in the logit of satisfaction.")
    base_logit: float = Field(-2.2, description="Logit of satisfaction of an average item that does not match.")
    policy_sharpness: float = Field(
        1.0, ge=0, description="Logging policy: softmax of sharpness × popularity. 0 is uniform."
    )
    seed: int = Field(0, ge=0, description="Seed of everything.")


@dataclass(frozen=True)
class World:
    """The truth. U users, I items, T topics, K positions; all float64."""

    settings: SimulatorSettings
    topics: tuple[str, ...]
    tastes: NDArray[np.float64]
    """(U, T), rows sum to 1."""
    item_topics: NDArray[np.float64]
    """(I, T), rows sum to 1."""
    quality: NDArray[np.float64]
    """(I,), standard normal."""
    satisfaction: NDArray[np.float64]
    r"""(U, I): probability that the user is satisfied by the item, given that it is looked at,
    :math:`\sigma(b + w_t\, \theta_u^\top \phi_i / \max_i \theta_u^\top \phi_i + w_q q_i)`."""
    examination: NDArray[np.float64]
    r"""(K,): probability that position k is looked at, :math:`1 / \log_2(k + 1)`."""

    def click_probability(self) -> NDArray[np.float64]:
        """(U, I, K): examination × satisfaction, the position-based click model (Craswell et al., WSDM 2008)."""
        return self.satisfaction[:, :, None] * self.examination


def make_world(topics: Sequence[str], settings: SimulatorSettings) -> World:
    """Draws tastes, topics and qualities; the same settings give the same world."""
    rng = np.random.default_rng([settings.seed, 1])
    concentration = np.full(len(topics), settings.focus)
    tastes = rng.dirichlet(concentration, size=settings.n_users)
    item_topics = rng.dirichlet(concentration, size=settings.n_items)
    quality = rng.standard_normal(settings.n_items)
    match = tastes @ item_topics.T
    match /= match.max(axis=1, keepdims=True)
    logit = settings.base_logit + settings.taste_weight * match + settings.quality_weight * quality
    return World(
        settings=settings,
        topics=tuple(topics),
        tastes=tastes,
        item_topics=item_topics,
        quality=quality,
        satisfaction=1 / (1 + np.exp(-logit)),
        examination=1 / np.log2(np.arange(settings.n_slots) + 2),
    )


def popularity_policy(world: World) -> NDArray[np.float64]:
    """The logging policy, (U, I): softmax of ``policy_sharpness`` × standardised mean satisfaction, alike for everybody."""
    mean = world.satisfaction.mean(axis=0)
    standard = (mean - mean.mean()) / (mean.std() or 1.0)
    return np.broadcast_to(_softmax(world.settings.policy_sharpness * standard), world.satisfaction.shape)


def satisfaction_policy(world: World, sharpness: float = 8.0) -> NDArray[np.float64]:
    """A personal policy that knows the truth, (U, I): softmax of ``sharpness`` × satisfaction."""
    return _softmax(sharpness * world.satisfaction)


def uniform_policy(world: World) -> NDArray[np.float64]:
    """Every item with the same probability, (U, I)."""
    return np.full(world.satisfaction.shape, 1 / world.settings.n_items)


def true_click_rate(world: World, policy: NDArray[np.float64]) -> float:
    r"""Expected clicks per impression under ``policy``: :math:`\frac1{UK}\sum_{uk}\sum_i \pi(i|u)\, e_k s_{ui}`."""
    return float((policy * world.satisfaction).sum(axis=1).mean() * world.examination.mean())


def log_exposures(world: World, policy: NDArray[np.float64], name: str = "logging", seed: int = 0) -> pl.DataFrame:
    """What ``policy`` (U, I; rows sum to 1) showed over the days, and what came of it.

    Every position is drawn on its own, with replacement, so ``propensity`` is exactly ``policy[u, i]``. Visits are Poisson
    and become more frequent for users whom the policy satisfies, up to twice the base rate. Columns: user_id, item_id,
    position (1 first), timestamp, policy, propensity, page (one visit), examined, click, and satisfaction (the
    probability, for checks alone). Sorted by time.
    """
    settings = world.settings
    rng = np.random.default_rng([settings.seed, 2, seed])
    expected = (policy * world.satisfaction).sum(axis=1)
    rate = settings.visits_per_day * (1 + expected) * settings.n_days
    n_visits = rng.poisson(rate)
    user = np.repeat(np.arange(settings.n_users), n_visits)
    when = rng.uniform(0, settings.n_days * SECONDS_PER_DAY, size=len(user))
    order = np.argsort(when, kind="stable")
    user, when = user[order], when[order]
    K = settings.n_slots
    users, position = np.repeat(user, K), np.tile(np.arange(K), len(user))
    cumulative = policy.cumsum(axis=1)
    cumulative /= cumulative[:, -1:]
    # One search over all users at once: row u's cumulative probabilities are lifted into [u, u + 1].
    lifted = (cumulative + np.arange(settings.n_users)[:, None]).ravel()
    draw = users + rng.random(len(users))
    items = np.searchsorted(lifted, draw, side="right") - users * settings.n_items
    items = np.minimum(items, settings.n_items - 1)
    examined = rng.random(len(users)) < world.examination[position]
    satisfied = rng.random(len(users)) < world.satisfaction[users, items]
    return pl.DataFrame(
        {
            "user_id": _ids("u", users),
            "item_id": _ids("i", items),
            "position": position + 1,
            "timestamp": _times(np.repeat(when, K) + position),
            "policy": pl.Series([name]).new_from_index(0, len(users)),
            "propensity": policy[users, items],
            "page": np.repeat(np.arange(len(user)), K),
            "examined": examined,
            "click": examined & satisfied,
            "satisfaction": world.satisfaction[users, items],
        }
    )


def item_texts(world: World, words: Mapping[str, Sequence[str]], n_words: int = 8) -> pl.DataFrame:
    """Titles and descriptions from the topics: (item_id, title, description, topics).

    ``words`` has each topic's vocabulary. A description is ``n_words`` words drawn by the item's topics; a title is two
    words of its main topic and a number; ``topics`` are those with at least a quarter of the item.
    """
    settings = world.settings
    rng = np.random.default_rng([settings.seed, 3])
    width = max(len(words[topic]) for topic in world.topics)
    vocabulary = np.array([[words[topic][j % len(words[topic])] for j in range(width)] for topic in world.topics])
    cumulative = world.item_topics.cumsum(axis=1)[:, None, :]
    topic = (rng.random((settings.n_items, n_words, 1)) * cumulative[:, :, -1:] > cumulative).sum(axis=2)
    drawn = vocabulary[topic, rng.integers(0, width, size=topic.shape)]
    main = world.item_topics.argmax(axis=1)
    named = vocabulary[main[:, None], rng.integers(0, width, size=(settings.n_items, 2))]
    shown = pl.DataFrame(world.item_topics, schema=list(world.topics)).with_row_index("row").unpivot(index="row")
    largest = pl.col("value") == pl.col("value").max().over("row")
    chosen = shown.filter((pl.col("value") >= 0.25) | largest).sort("row", "value", descending=[False, True])
    return pl.DataFrame(
        {
            "item_id": _ids("i", np.arange(settings.n_items)),
            "title": [f"{a.capitalize()} {b} {i}" for i, (a, b) in enumerate(named.tolist(), start=1)],
            "description": pl.Series(drawn.tolist(), dtype=pl.List(pl.String)).list.join(" "),
            "topics": chosen.group_by("row", maintain_order=True).agg("variable").sort("row")["variable"],
        }
    )


def draw_ties(world: World, mean_friends: float = 6.0, homophily: float = 6.0) -> pl.DataFrame:
    """Undirected friendships (user_id, other_id, timestamp), each pair once; likelier between users of like taste.

    A pair is tied with probability proportional to exp(homophily × cosine of tastes), so that the mean degree is
    ``mean_friends``. Dense in users × users: for worlds of some thousand users.
    """
    settings = world.settings
    rng = np.random.default_rng([settings.seed, 4])
    unit = world.tastes / np.linalg.norm(world.tastes, axis=1, keepdims=True)
    first, second = np.triu_indices(settings.n_users, k=1)
    weight = np.exp(homophily * (unit[first] * unit[second]).sum(axis=1))
    chance = np.minimum(weight * (mean_friends * settings.n_users / 2) / max(weight.sum(), 1e-300), 1)
    tied = rng.random(len(first)) < chance
    when = rng.uniform(0, settings.n_days * SECONDS_PER_DAY, size=int(tied.sum()))
    return pl.DataFrame(
        {"user_id": _ids("u", first[tied]), "other_id": _ids("u", second[tied]), "timestamp": _times(when)}
    )


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _ids(prefix: str, numbers: NDArray[np.int64]) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.zfill(5).str.replace("^", prefix)


def _times(seconds: NDArray[np.float64]) -> pl.Series:
    microseconds = (seconds * 1e6).astype(np.int64)
    return pl.Series(microseconds).cast(pl.Duration("us")) + START
