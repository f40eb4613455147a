"""A map learnt elsewhere as the prior mean: the closed form, its two ends, and what it is good for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsat.arms.aligned import AlignedText
from recsat.arms.linear.bilinear import Moments, bilinear_moments, length_weights, solve_bilinear
from recsat.arms.linear.transfer import load_mapping, save_mapping, solve_towards
from recsat.contract.interactions import TrainingData
from recsat.errors import ConfigError


def moments_of(train: TrainingData) -> Moments:
    return bilinear_moments(
        train.users.history,
        train.vectors["text"],
        user_weights=length_weights(train.users.history, 1.0),
        item_weights=train.warm.astype(np.float64),
    )


def test_the_map_solves_the_normal_equations_with_the_prior(blocks: TrainingData) -> None:
    A, R, C = moments_of(blocks)
    M0 = np.random.default_rng(0).standard_normal((8, 8))
    l2 = 0.4
    penalty = l2 * np.trace(A) / 8 * np.trace(C) / 8
    mapping = solve_bilinear(Moments(A, R, C), l2, M0)
    np.testing.assert_allclose(A @ mapping @ C + penalty * mapping, R + penalty * M0, rtol=1e-6, atol=1e-6)


def test_a_strong_prior_gives_the_old_map_scaled_to_fit_and_a_weak_one_what_the_data_say(blocks: TrainingData) -> None:
    moments = moments_of(blocks)
    M0 = solve_bilinear(moments, 5.0) * 40 + 0.01
    strong = solve_towards(moments, 1e9, M0)
    ratio = strong / M0
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)
    A, R, C = moments

    def error(M: np.ndarray) -> float:
        return float((A @ M @ C * M).sum() - 2 * (R * M).sum())

    assert error(strong) < min(error(1.01 * strong), error(0.99 * strong)), "no other scale fits better"
    weak = solve_towards(moments, 1e-6, M0)
    np.testing.assert_allclose(weak, solve_bilinear(moments, 1e-6), rtol=1e-2, atol=1e-3)


def test_without_data_the_old_map_is_kept() -> None:
    nothing = Moments(np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)))
    M0 = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(solve_towards(nothing, 1.0, M0), M0)


def test_a_map_that_contradicts_the_data_is_not_turned_round(blocks: TrainingData) -> None:
    moments = moments_of(blocks)
    M = solve_bilinear(moments, 1.0)
    np.testing.assert_allclose(solve_towards(moments, 1.0, -M), M, rtol=1e-6)


def test_few_events_and_a_map_from_elsewhere_beat_few_events(blocks: TrainingData, tmp_path: Path) -> None:
    save_mapping(AlignedText(l2=1.0).fit(blocks).mapping, tmp_path / "source.safetensors")
    history = blocks.users.history.toarray()
    history[1:] = 0  # a new service: one user with two likes so far
    history[0, np.flatnonzero(history[0])[2:]] = 0
    few = dataclasses.replace(blocks, users=dataclasses.replace(blocks.users, history=csr_array(history)))

    def share_of_own_group(arm: AlignedText) -> float:
        scores = arm.fit(few).score(blocks.users).numpy()
        scores[blocks.users.history.toarray() > 0] = -np.inf
        return float((scores.argmax(axis=1) % 3 == np.arange(60) % 3).mean())

    alone = share_of_own_group(AlignedText(l2=1.0))
    started = share_of_own_group(AlignedText(l2=1.0, prior=str(tmp_path / "source.safetensors")))
    assert started > 0.9
    assert started > alone


def test_towards_the_identity_few_events_rank_as_cosine_does(blocks: TrainingData) -> None:
    arm = AlignedText(l2=1e9, prior="identity").fit(blocks)
    np.testing.assert_allclose(arm.mapping / arm.mapping[0, 0], np.eye(8), atol=1e-4)


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    save_mapping(np.eye(4, dtype=np.float32), tmp_path / "four.safetensors")
    np.testing.assert_array_equal(load_mapping(tmp_path / "four.safetensors", 4), np.eye(4))
    with pytest.raises(ConfigError, match=r"its mapping is 4 × 4, the item vectors have 384 numbers"):
        load_mapping(tmp_path / "four.safetensors", 384)
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    for name in ("broken", "missing"):
        with pytest.raises(ConfigError, match=f"{name}.safetensors: no mapping can be read"):
            load_mapping(tmp_path / f"{name}.safetensors", 4)


def test_a_map_of_another_encoder_of_equal_length_is_refused_where_it_is_used(
    blocks: TrainingData, tmp_path: Path
) -> None:
    place = tmp_path / "map.safetensors"
    save_mapping(np.eye(8, dtype=np.float32), place, encoder="one")
    arm = AlignedText(prior=str(place))
    with pytest.raises(ConfigError, match=r"learnt with another encoder \(one\) than this run's \(other\)"):
        arm.fit(dataclasses.replace(blocks, encoder="other"))
    for encoder in ("one", ""):
        fitted = arm.fit(dataclasses.replace(blocks, encoder=encoder))
        np.testing.assert_array_equal(fitted.mapping, AlignedText(prior="identity").fit(blocks).mapping)


def test_a_map_is_of_the_models_vectors_alone() -> None:
    with pytest.raises(ValueError, match="this arm reads 'words'"):
        AlignedText(prior="map.safetensors", representation="words")
    AlignedText(prior="identity", representation="words")


def test_the_better_prior_is_found_inside_fit(blocks: TrainingData) -> None:
    """With one like a user nothing can be held out, and plain likeness stands; where texts mislead and likes are many, what is learnt from 0 is better."""
    one = blocks.users.history.toarray()
    one[np.arange(one.shape[1])[None, :] > (one > 0).argmax(axis=1)[:, None]] = 0
    little = dataclasses.replace(blocks, users=dataclasses.replace(blocks.users, history=csr_array(one)))
    arm = AlignedText(l2=3.0, prior="chosen").fit(little)
    assert arm.prior_in_use == "identity"
    np.testing.assert_array_equal(arm.mapping, AlignedText(l2=3.0, prior="identity").fit(little).mapping)

    rng = np.random.default_rng(0)
    E = blocks.vectors["text"]
    misleading = np.hstack([0.1 * E, rng.standard_normal((len(E), 24))]).astype(np.float32)
    misleading /= np.linalg.norm(misleading, axis=1, keepdims=True)
    full = dataclasses.replace(blocks, vectors={**blocks.vectors, "text": misleading})
    arm = AlignedText(l2=0.01, prior="chosen").fit(full)
    assert arm.prior_in_use is None
    np.testing.assert_array_equal(arm.mapping, AlignedText(l2=0.01).fit(full).mapping)
