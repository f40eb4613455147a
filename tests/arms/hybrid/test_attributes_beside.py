"""Vectors of attributes beside those of texts: used where they tell something, left out where they do not, and nothing changes without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsat.arms.hybrid.hybrid import Hybrid, vectors_read
from recsat.arms.saved import ArmItems, load_arm, save_arm
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import without_events_on


@pytest.fixture
def telling(blocks: TrainingData) -> TrainingData:
    """Texts are noise, attributes tell the taste groups; one item of each group is new."""
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(blocks.vectors["text"].shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    vectors = {"text": noise, "raw": noise, "words": noise, "graph": blocks.vectors["text"]}
    return replace(without_events_on(blocks, slice(3)), vectors=vectors, protocol="mixed")


def right(arm: Hybrid, train: TrainingData) -> float:
    """Share of users whose best new item is of their group."""
    best = arm.score(train.users)[:, :3].argmax(dim=1)
    return float((best == torch.arange(60) % 3).float().mean())


def test_attributes_rank_new_items_where_texts_say_nothing(telling: TrainingData) -> None:
    with_attributes = Hybrid().fit(telling)
    texts = {name: vectors for name, vectors in telling.vectors.items() if name != "graph"}
    without = Hybrid().fit(replace(telling, vectors=texts))
    assert right(with_attributes, telling) > 0.9 > 0.6 > right(without, telling)
    assert any(name.endswith("graph") for name in with_attributes.selection.unseen.weights)
    items = np.tile(np.array([0, 1, 2]), (len(telling.users), 1))
    parts = with_attributes.parts(telling.users, items)
    assert np.abs(parts["attributes of an unseen item"]).max() > 0
    total = sum(parts.values(), start=np.zeros_like(parts["offset of an unseen item"]))
    np.testing.assert_allclose(total, with_attributes.score(telling.users)[:, :3].numpy(), atol=1e-4)


def test_attributes_that_say_nothing_hardly_count(blocks: TrainingData) -> None:
    rng = np.random.default_rng(7)
    noise = rng.standard_normal((30, 8)).astype(np.float32)
    train = replace(without_events_on(blocks, slice(3)), protocol="mixed")
    fitted = Hybrid().fit(replace(train, vectors={**train.vectors, "graph": noise}))
    assert right(fitted, train) > 0.9
    warm = fitted.selection.warm.weights
    assert sum(weight for name, weight in warm.items() if name.endswith("graph")) <= 0.2 * sum(warm.values())


def test_without_them_the_vectors_read_are_those_of_the_texts_alone(blocks: TrainingData) -> None:
    assert vectors_read("both", blocks) == ["text", "words"]
    assert vectors_read("words", blocks) == ["words"]
    having = replace(
        blocks, vectors={**blocks.vectors, "graph": blocks.vectors["text"], "image": blocks.vectors["text"]}
    )
    assert vectors_read("both", having) == ["text", "words", "graph"]
    assert vectors_read("permuted", having) == ["permuted", "graph"]


def test_an_arm_that_reads_attributes_is_saved_and_loaded(telling: TrainingData, tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path)) / "arm"
    fitted = Hybrid().fit(telling)
    items = ArmItems(telling.catalogue, telling.vectors)
    save_arm(fitted, folder, name="hybrid", items=items)
    loaded = load_arm(Hybrid(), folder, name="hybrid", items=items)
    torch.testing.assert_close(loaded.score(telling.users), fitted.score(telling.users), rtol=0, atol=0)
    assert "graph" in loaded.queries(telling.users)
    assert "graph" in loaded.stored_vectors()
