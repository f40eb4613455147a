"""Noise is called noise and the model's share the model's, on three seeds of each world of the page."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import coverage_texts
from coverage_texts import (
    Answer,
    answer,
    inputs_of_world,
    model_vectors,
    rows,
    seeds_with_an_answer,
    texts_of,
    too_often,
)

from recsat.testing.simulate import make_world

SEEDS = range(3)


def answers(kind: str) -> list[Answer]:
    return [answer((kind, "strong", "random", seed)) for seed in SEEDS]


def test_of_noise_nothing_is_said() -> None:
    assert {side for one in answers("noise") for side in (one.words, one.model)} == {"not shown"}


def test_what_words_carry_is_the_words_and_not_the_model_s() -> None:
    for one in answers("words"):
        assert one.words == "yes"
        assert one.model != "yes"


def test_what_a_model_alone_knows_is_the_model_s_and_not_the_words() -> None:
    for one in answers("synonyms"):
        assert one.words != "yes"
        assert one.model == "yes"


def test_texts_of_each_world_say_what_they_should() -> None:
    """How often two items of one topic share a word, and how much alike the model finds them."""
    world = make_world(coverage_texts.TOPICS, coverage_texts.TASTES["strong"])
    main = world.item_topics.argmax(axis=1)
    same = (main[:, None] == main) & ~np.eye(len(main), dtype=bool)
    likeness, overlap = {}, {}
    for kind in coverage_texts.WORLDS:
        texts = texts_of(kind, world)["description"].to_list()
        vectors = model_vectors(kind, texts)
        cosine = vectors @ vectors.T
        likeness[kind] = cosine[same].mean() - cosine[~same].mean()
        words = [set(text.split()) for text in texts]
        overlap[kind] = np.mean([len(words[i] & words[j]) for i, j in zip(*np.nonzero(same), strict=True)])
    assert abs(likeness["noise"]) < 0.05
    assert likeness["words"] > 0.3
    assert likeness["synonyms"] > 0.3
    assert overlap["words"] > 2 * overlap["noise"]
    assert overlap["synonyms"] < 0.05


def test_worlds_differ_in_texts_alone() -> None:
    events = [inputs_of_world(kind, "strong", 1).dataset.events for kind in coverage_texts.WORLDS]
    assert events[0].equals(events[1])
    assert events[0].equals(events[2])


@pytest.mark.parametrize("verdict", ["yes", "no"])
def test_what_is_said_of_noise_beyond_chance_is_named(verdict: str) -> None:
    one = Answer("not shown", "not shown", 0.0, -0.1, ("text", "ease", "ease"))
    other = replace(one, model=verdict)
    assert too_often([one] * 95 + [other] * 5) == []
    assert too_often([one] * 85 + [other] * 15) == ["model in 15 of 100", "words or model in 15 of 100"]
    of_words = replace(one, words=verdict)
    assert too_often([one] * 86 + [other] * 7 + [of_words] * 7) == ["words or model in 14 of 100"]


def test_a_line_has_the_shares_of_each_answer() -> None:
    one = Answer("yes", "no", 0.1, -0.1, ("text", "ease", "ease"))
    other = replace(one, words="not shown", words_share=0.3)
    (line,) = rows({("noise", "weak", "random"): [one, other]})
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["texts are noise", "weak", "random", "2"]
    assert cells[4:8] == ["50%", "0%", "50%", "+0.200 ± 0.100"]
    assert cells[8:] == ["0%", "100%", "0%", "-0.100 ± 0.000"]


@pytest.mark.parametrize("kind", coverage_texts.WORLDS)
def test_the_same_seed_gives_the_same_answer(kind: str) -> None:
    first, again = (answer((kind, "weak", "cold-items", 0)) for _ in range(2))
    assert first == again
    assert Counter(first.picked)["popularity"] >= 1


def test_in_how_many_seeds_something_is_said_is_said() -> None:
    without_answer = Answer("not shown", "not shown", 0.0, 0.0, ("a", "b", "c"))
    answers = [without_answer] * 7 + [
        replace(without_answer, words="no"),
        replace(without_answer, words="yes", model="no"),
        replace(without_answer, model="yes"),
    ]
    assert (
        seeds_with_an_answer(answers)
        == "Something is said of words in 2 of the 10 seeds, and of either in 3 (95 % interval 6.7 to 65.2 %)."
    )
