"""A small world: two kinds of taste, arms that know it more or less well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsat.measure.evidence import Evidence, ItemVectors

N_USERS, N_ITEMS, K = 80, 40, 5
NOW = datetime(2024, 1, 1, tzinfo=UTC)
USERS = [f"u{i:02d}" for i in range(N_USERS)]
ITEMS = [f"i{i:02d}" for i in range(N_ITEMS)]
TASTE = np.arange(N_ITEMS) % 2 == np.arange(N_USERS)[:, None] % 2
"""Users like items of their own parity."""


def pairs_of(matrix: np.ndarray) -> pl.DataFrame:
    user, item = np.nonzero(matrix)
    return pl.DataFrame({"user_id": [USERS[u] for u in user], "item_id": [ITEMS[i] for i in item]})


def _sampled_likes() -> tuple[np.ndarray, np.ndarray]:
    """(users, items): liked before the cut, and after it."""
    dice = np.random.default_rng(0)
    share = np.where(np.arange(N_USERS) % 4 < 2, 0.15, 0.6)[:, None]  # half of the users have short histories
    known = TASTE & (dice.random(TASTE.shape) < share * np.linspace(1.0, 0.4, N_ITEMS))
    known[:, -4:] = False  # cold items
    liked = TASTE & ~known & (dice.random(TASTE.shape) < 0.4)
    liked[:, -2:] |= TASTE[:, -2:]  # everybody likes something
    liked[3] = False  # but one, who is served all the same
    return known, liked


KNOWN, LIKED = _sampled_likes()


@pytest.fixture(scope="session")
def world() -> Evidence:
    dice = np.random.default_rng(1)
    known_likes, relevant = pairs_of(KNOWN), pairs_of(LIKED)
    events = {"event": pl.lit("rating"), "value": pl.lit(5.0), "timestamp": pl.lit(NOW)}
    vectors = dice.normal(size=(N_ITEMS, 6)).astype(np.float32)
    return Evidence(
        split="warm",
        users=pl.Series(USERS),
        relevant=relevant,
        known_likes=known_likes,
        history=known_likes.with_columns(**events),
        outcomes=relevant.with_columns(**events),
        items=pl.DataFrame(
            {"item_id": ITEMS, "genres": [["even" if i % 2 == 0 else "odd", f"g{i % 5}"] for i in range(N_ITEMS)]}
        ),
        vectors=ItemVectors(pl.Series(ITEMS), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)),
        topics="genres",
    )


@pytest.fixture(scope="session")
def arm() -> Callable[..., pl.DataFrame]:
    """``arm(0.5)``: lists by scores in which taste weighs half and chance the rest."""

    def make(weight: float, seed: int = 1) -> pl.DataFrame:
        scores = weight * TASTE + np.random.default_rng(seed).random(TASTE.shape) - 9 * KNOWN
        best = np.argsort(-scores, axis=1)[:, :K]
        return pl.DataFrame(
            {
                "user_id": np.repeat(USERS, K),
                "item_id": [ITEMS[i] for i in best.ravel()],
                "rank": np.tile(np.arange(1, K + 1), N_USERS),
                "score": np.take_along_axis(scores, best, axis=1).ravel(),
            }
        )

    return make
