"""The page of feedback loops, made small."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import feedback_loop
from feedback_loop import (
    ARMS,
    best,
    entropy,
    hybrid_and_ease,
    loop,
    page,
    parts,
    personal_and_popular,
    with_error,
    world_of,
)


def test_what_was_clicked_is_not_listed_and_the_best_comes_first() -> None:
    scores = np.array([[0.1, 0.9, 0.5] + [0.0] * 9])
    clicked = np.zeros((1, 12), dtype=bool)
    clicked[0, 1] = True
    assert best(scores, clicked)[0, :2].tolist() == [2, 0]
    assert 1 not in best(scores, clicked)


def test_entropy_in_bits() -> None:
    assert entropy(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])) == pytest.approx([1, 0])


def test_an_arm_that_learns_narrows_what_is_shown_and_exploring_keeps_it_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_loop, "N_ROUNDS", 6)
    world = world_of(0)
    plain, exploring, random = (
        loop(world, ARMS[name], share, 0) for name, share in (("ease", 0.0), ("ease", 0.2), ("at random", 0.0))
    )
    assert plain[-1].coverage < 0.8 < exploring[-1].coverage
    assert plain[0].satisfaction > random[0].satisfaction
    assert exploring[0].satisfaction < plain[0].satisfaction
    pair = personal_and_popular(world)
    of_pair = {(0.0, 1.0): [parts(world, pair, 0.0, 1.0, seed) for seed in (0, 1)]}
    text = page({"ease": [plain, plain]}, {"personal": of_pair}, 1.0)
    assert "| ease | 0." in text
    assert "| personal | 2 | 0 | 1 | " in text


def test_half_of_the_interval_of_three_values_is_that_of_t() -> None:
    assert with_error([1.0, 2.0, 3.0], 2) == "2.00 ± 2.48"


def test_the_default_arm_and_ease_list_what_was_not_clicked_yet_and_not_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feedback_loop, "N_USERS", 60)
    monkeypatch.setattr(feedback_loop, "N_ITEMS", 40)
    pair = hybrid_and_ease(world_of(1))
    assert pair.treatment.shape == pair.control.shape == (60, feedback_loop.K)
    assert not np.array_equal(np.sort(pair.treatment, axis=1), np.sort(pair.control, axis=1))


def test_a_part_that_is_none_is_seen_where_users_differ_and_is_not_where_they_do_not() -> None:
    worlds = [world_of(seed) for seed in range(12)]
    pairs = [(world, personal_and_popular(world)) for world in worlds]
    right, wrong = ([parts(*one, 0.0, confounding, 0) for one in pairs] for confounding in (0.0, 1.0))
    assert all(one.truth == 0 for one in (*right, *wrong))
    bias = np.mean([one.mediation.indirect["diversity"] for one in wrong])
    assert abs(np.mean([one.mediation.indirect["diversity"] for one in right])) < abs(bias) / 3
    assert abs(np.mean([one.mediation.vanishes_at["diversity"] for one in wrong])) > 0.1
