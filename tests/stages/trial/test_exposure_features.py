"""Features of exposures against loops over everything that came before, and against what must not be in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsat.stages.trial.exposure_features import (
    PRIOR_EXPOSURES,
    Likes,
    Log,
    counts_before,
    exposure_features,
)

N_USERS, N_ITEMS, CUT = 6, 5, 70


@pytest.fixture(scope="module")
def log() -> Log:
    """90 exposures in 100 moments, so that some share one; outcomes are known two moments later."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.integers(0, 100, 90))
    return Log(
        users=rng.integers(0, N_USERS, 90),
        items=rng.integers(0, N_ITEMS, 90),
        times=times,
        known_at=times + 2,
        happened=rng.random(90) < 0.3,
        positions=rng.integers(1, 4, 90),
    )


@pytest.fixture(scope="module")
def likes() -> Likes:
    rng = np.random.default_rng(1)
    return Likes(
        users=rng.integers(-1, N_USERS, 40), items=rng.integers(0, N_ITEMS, 40), times=rng.integers(0, 100, 40)
    )


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    values = np.random.default_rng(2).standard_normal((N_ITEMS, 4)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_counts_are_those_of_a_loop(log: Log) -> None:
    n, hits = counts_before(log.items, log.times, log.items, log)
    for row in range(len(n)):
        before = (log.items == log.items[row]) & (log.known_at < log.times[row])
        assert (n[row], hits[row]) == (before.sum(), log.happened[before].sum())


def test_features_are_those_of_a_loop(log: Log, likes: Likes, vectors: np.ndarray) -> None:
    features = exposure_features(log, log, likes, vectors, cut=CUT)
    assert features.shape == (90, 5)
    for row, values in enumerate(features):
        moment = min(log.times[row], CUT)
        known = log.known_at < moment
        overall = (log.happened[known].sum() + 1) / (known.sum() + 2)
        liked = likes.times < moment
        history = likes.items[liked & (likes.users == log.users[row])]
        taste = vectors[history].astype(np.float64).sum(axis=0)
        expected = [np.log(log.positions[row]), np.log1p((liked & (likes.items == log.items[row])).sum())]
        for same in (log.items == log.items[row], log.users == log.users[row]):
            hits, n = log.happened[known & same].sum(), (known & same).sum()
            share = (hits + PRIOR_EXPOSURES * overall) / (n + PRIOR_EXPOSURES)
            expected.append(np.log(share / (1 - share)))
        expected.append(taste @ vectors[log.items[row]] / np.linalg.norm(taste) if len(history) else 0.0)
        np.testing.assert_allclose(values, expected, atol=1e-6)


def test_no_exposure_sees_its_own_outcome_nor_one_of_its_moment_or_later(
    log: Log, likes: Likes, vectors: np.ndarray
) -> None:
    before = exposure_features(log, log, likes, vectors, cut=CUT)
    for row in range(0, 90, 7):
        others = log.happened.copy()
        others[log.times >= log.times[row]] ^= True
        after = exposure_features(log, replace(log, happened=others), likes, vectors, cut=CUT)
        np.testing.assert_array_equal(after[row], before[row])


def test_what_is_liked_at_the_moment_or_later_is_not_in_the_history(
    log: Log, likes: Likes, vectors: np.ndarray
) -> None:
    before = exposure_features(log, log, likes, vectors, cut=CUT)
    row = 45
    early = likes.times < log.times[row]
    fewer = Likes(likes.users[early], likes.items[early], likes.times[early])
    np.testing.assert_allclose(exposure_features(log, log, fewer, vectors, cut=CUT)[row], before[row], atol=1e-12)


def test_a_block_of_vectors_is_as_all_at_once(
    log: Log, likes: Likes, vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = exposure_features(log, log, likes, vectors, cut=CUT)
    monkeypatch.setattr("recsat.stages.trial.exposure_features.VECTOR_ROWS", 7)
    np.testing.assert_array_equal(exposure_features(log, log, likes, vectors, cut=CUT), at_once)


def test_nobody_has_liked_anything(log: Log, vectors: np.ndarray) -> None:
    nothing = np.zeros(0, dtype=np.int64)
    features = exposure_features(log, log, Likes(nothing, nothing, nothing), vectors, cut=CUT)
    assert (features[:, [1, 4]] == 0).all()
