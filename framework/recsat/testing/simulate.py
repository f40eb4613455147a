"""A world whose satisfaction is known, to check every metric and every off-policy estimate against the truth.

Users have latent tastes over topics; items have topics, a quality and a text made from their topics; a logging policy
shows items with known propensities; what users then do follows a known model. A domain dresses the world: it names topics
and words, and turns outcomes into its own events. Whatever comes out must be called simulated wherever it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from recsat.errors import DataError
from recsat.measure.scale import scale_of

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


def make_world(
    topics: Sequence[str],
    settings: SimulatorSettings,
    *,
    tastes: NDArray[np.float64] | None = None,
    item_topics: NDArray[np.float64] | None = None,
) -> World:
    """Draws tastes, topics and qualities; the same settings give the same world.

    ``tastes`` (U, T) and ``item_topics`` (I, T) stand in for what would be drawn, so that one population can meet several
    catalogues, or itself: with ``item_topics=tastes`` people are shown to people. Raises DataError where a shape does not fit.
    """
    rng = np.random.default_rng([settings.seed, 1])
    concentration = np.full(len(topics), settings.focus)
    drawn_tastes = rng.dirichlet(concentration, size=settings.n_users)
    drawn_topics = rng.dirichlet(concentration, size=settings.n_items)
    quality = rng.standard_normal(settings.n_items)
    tastes = _override_or_draw("tastes", tastes, drawn_tastes)
    item_topics = _override_or_draw("item_topics", item_topics, drawn_topics)
    match = tastes @ item_topics.T
    match /= np.maximum(match.max(axis=1, keepdims=True), np.finfo(float).tiny)
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
    standard = (mean - mean.mean()) / scale_of(mean.std(), mean.mean())
    return np.broadcast_to(_softmax(world.settings.policy_sharpness * standard), world.satisfaction.shape)


def satisfaction_policy(world: World, sharpness: float = 8.0) -> NDArray[np.float64]:
    """A personal policy that knows the truth, (U, I): softmax of ``sharpness`` × satisfaction."""
    return _softmax(sharpness * world.satisfaction)


def uniform_policy(world: World) -> NDArray[np.float64]:
    """Every item with the same probability, (U, I)."""
    return np.full(world.satisfaction.shape, 1 / world.settings.n_items)


def only(policy: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``policy`` over the ``allowed`` items alone, (U, I) each: rows sum to 1 again.

    Raises DataError where a user is left with nothing that could be shown.
    """
    weights = np.where(allowed, policy, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise DataError(f"policy: user {int(np.argmin(total))} has no allowed item. Allow at least one for each user.")
    return np.asarray(weights / total)


def true_click_rate(world: World, policy: NDArray[np.float64]) -> float:
    r"""Expected clicks per impression under ``policy``: :math:`\frac1{UK}\sum_{uk}\sum_i \pi(i|u)\, e_k s_{ui}`."""
    return float((policy * world.satisfaction).sum(axis=1).mean() * world.examination.mean())


def visit_rate(world: World, policy: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Mean visits a day of each user under ``policy``, (U,): :math:`v\,(1 + \sum_i \pi(i|u)\, s_{ui})`.

    Users whom the policy satisfies come more often, up to twice the base rate v.
    """
    return np.asarray(world.settings.visits_per_day * (1 + (policy * world.satisfaction).sum(axis=1)))


def return_probability(visits_per_day: NDArray[np.float64], days: float) -> NDArray[np.float64]:
    r"""Probability of at least one visit in ``days`` that follow any moment, (U,): :math:`1 - e^{-\lambda t}`.

    Visits are a Poisson process, which forgets: it does not matter when the last visit was. Rates of several logs of one
    user add up.
    """
    return np.asarray(-np.expm1(-visits_per_day * days))


def log_exposures(world: World, policy: NDArray[np.float64], name: str = "logging", seed: int = 0) -> pl.DataFrame:
    """What ``policy`` (U, I; rows sum to 1) showed over the days, and what came of it.

    Every position is drawn on its own, with replacement, so ``propensity`` is exactly ``policy[u, i]``. Visits are a Poisson
    process of :func:`visit_rate`. Columns: user_id, item_id, position (1 first), timestamp, policy, propensity, page (one
    visit), examined, click, and satisfaction (the probability, for checks alone). Sorted by time. Raises DataError where
    ``policy`` is no policy.
    """
    settings = world.settings
    _require_policy(world, policy)
    rng = np.random.default_rng([settings.seed, 2, seed])
    n_visits = rng.poisson(visit_rate(world, policy) * settings.n_days)
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
    # Next to 1 a sum may round up to the next user's row.
    draw = np.minimum(users + rng.random(len(users)), np.nextafter(users + 1.0, 0.0))
    items = np.searchsorted(lifted, draw, side="right") - users * settings.n_items
    items = np.minimum(items, settings.n_items - 1)
    examined = rng.random(len(users)) < world.examination[position]
    satisfied = rng.random(len(users)) < world.satisfaction[users, items]
    return pl.DataFrame(
        {
            "user_id": dense_ids("u", users),
            "item_id": dense_ids("i", items),
            "position": position + 1,
            "timestamp": moments(np.repeat(when, K) + position),
            "policy": pl.Series([name]).new_from_index(0, len(users)),
            "propensity": policy[users, items],
            "page": np.repeat(np.arange(len(user)), K),
            "examined": examined,
            "click": examined & satisfied,
            "satisfaction": world.satisfaction[users, items],
        }
    )


def _override_or_draw(
    name: str, override: NDArray[np.float64] | None, draw: NDArray[np.float64]
) -> NDArray[np.float64]:
    if override is None:
        return draw
    if override.shape != draw.shape:
        raise DataError(f"{name}: the shape is {override.shape}; the settings and topics ask for {draw.shape}.")
    return override


def _require_policy(world: World, policy: NDArray[np.float64]) -> None:
    shape = world.satisfaction.shape
    if policy.shape != shape:
        raise DataError(f"policy: the shape is {policy.shape}; the world has (users, items) = {shape}.")
    if (policy < 0).any() or not np.allclose(policy.sum(axis=1), 1, atol=1e-9):
        raise DataError("policy: each user's row must be probabilities that sum to 1. Divide it by its sum.")


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def dense_ids(prefix: str, numbers: NDArray[np.int64]) -> pl.Series:
    """``u00012`` of 12."""
    return pl.Series(numbers).cast(pl.String).str.zfill(5).str.replace("^", prefix)


def moments(seconds: NDArray[np.float64]) -> pl.Series:
    """UTC times that many seconds after the world began."""
    microseconds = (seconds * 1e6).astype(np.int64)
    return pl.Series(microseconds).cast(pl.Duration("us")) + START
