"""The multimodal arm: what pictures tell that texts do not, and retrieval by modality."""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from recsat.arms.aligned import AlignedText
from recsat.arms.multimodal import MultimodalAligned
from recsat.contract.interactions import TrainingData
from recsat.embed.fusion import fuse
from recsat.errors import DataError, RunError
from recsat.measure.intervals import bootstrap_intervals


@pytest.fixture
def pictured(blocks: TrainingData) -> TrainingData:
    """The three groups of taste show only in the pictures; the texts are noise."""
    noise = np.random.default_rng(3).standard_normal((30, 8)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return dataclasses.replace(blocks, vectors={"raw": noise, "text": noise, "image": blocks.vectors["text"]})


def hits_of_own_group(arm: AlignedText, train: TrainingData) -> float:
    scores = arm.score(train.users).numpy()
    scores[train.users.history.toarray() > 0] = -np.inf
    return float((scores.argmax(axis=1) % 3 == np.arange(60) % 3).mean())


def test_pictures_help_where_texts_say_nothing(pictured: TrainingData) -> None:
    both = hits_of_own_group(MultimodalAligned(text_share=0.25).fit(pictured), pictured)
    assert both > 0.9
    assert both > hits_of_own_group(AlignedText().fit(pictured), pictured)


def test_without_other_modalities_it_is_aligned_text(blocks: TrainingData) -> None:
    expected = AlignedText(l2=2.0).fit(blocks).score(blocks.users)
    np.testing.assert_allclose(
        MultimodalAligned(l2=2.0).fit(blocks).score(blocks.users), expected, rtol=1e-3, atol=1e-4
    )


def test_the_score_is_the_sum_of_the_queries_to_the_stored_vectors(pictured: TrainingData) -> None:
    arm = MultimodalAligned(text_share=0.4).fit(pictured)
    queries = arm.queries(pictured.users)
    assert {name: q.shape[1] for name, q in queries.items()} == {"text": 8, "image": 8}
    share = {"text": 0.4, "image": 0.6}
    total = sum(np.sqrt(share[name]) * q @ pictured.vectors[name].T for name, q in queries.items())
    np.testing.assert_allclose(arm.score(pictured.users).numpy(), total, rtol=1e-3, atol=1e-5)


def test_no_single_stored_vector_gives_the_score(pictured: TrainingData) -> None:
    assert MultimodalAligned().fit(pictured).vector is None


def test_weights_that_are_given_are_used(pictured: TrainingData) -> None:
    arm = MultimodalAligned(weights={"image": 1.0}).fit(pictured)
    np.testing.assert_allclose(arm.item_vectors, fuse(pictured.vectors, {"image": 1.0}), rtol=1e-6)
    assert set(arm.queries(pictured.users)) == {"image"}


def test_what_cannot_be_fitted_is_named(pictured: TrainingData) -> None:
    with pytest.raises(DataError, match="no vectors named 'sound'"):
        MultimodalAligned(weights={"text": 1.0, "sound": 1.0}).fit(pictured)
    with pytest.raises(RunError, match=r"multimodal arm: .* no item vectors named 'text'"):
        MultimodalAligned().fit(dataclasses.replace(pictured, vectors={}))
    with pytest.raises(ValueError, match="text_share must lie between 0 and 1"):
        MultimodalAligned(text_share=1.5)


def test_pictures_add_to_texts_on_products() -> None:
    folder = Path(os.environ.get("RECSAT_DATA", "")) / "amazon-scientific-multimodal"
    if not os.environ.get("RECSAT_DATA") or not folder.exists():
        pytest.skip(
            "set RECSAT_DATA to the folder that has amazon-scientific-multimodal; its licence keeps it out of here"
        )
    benchmarks = Path(__file__).parents[1] / "benchmarks"
    sys.path.insert(0, str(benchmarks))
    try:
        multimodal = importlib.import_module("multimodal")
    finally:
        sys.path.remove(str(benchmarks))
    _, test = multimodal.published(folder)
    with_pictures = test.ndcg(AlignedText(l2=0.3).fit(multimodal.fused(test.train, 0.9)))
    texts = test.ndcg(AlignedText(l2=0.3).fit(multimodal.fused(test.train, 1.0)))
    gain = bootstrap_intervals((with_pictures - texts)[:, None], confidence=0.95, n_bootstrap=1000, seed=0)
    assert gain.low[0] > 0
