"""What reads the texts for an arm is a parameter, and nothing else of the arm changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from recsat import Catalogue, RecommenderSpec, RunError, TrainingData, UserBatch
from recsat.builtin.arms import CLOSED_FORMS, RECOMMENDERS
from recsat.embed.centre import centre

SPECS = {spec.name: spec for spec in RECOMMENDERS}


def train(**vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> TrainingData:
    rng = np.random.default_rng(1)
    history = csr_array((rng.random((40, 20)) < 0.3).astype(np.float32))
    history = csr_array(history.toarray() * (np.arange(20) < 17))  # three unseen items
    items = Catalogue(pl.DataFrame({"item_id": [f"i{i:02}" for i in range(20)], "kind": ["film"] * 20}))
    return TrainingData(items, UserBatch([f"u{i:02}" for i in range(40)], history), vectors, seed=3)


def vectors(seed: int) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    raw = np.random.default_rng(seed).normal(size=(20, 6)).astype(np.float32)
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    return {"raw": raw, "text": centre(raw)[0]}


MODEL, WORDS = vectors(10), vectors(11)
BOTH = train(**MODEL, **{"words-raw": WORDS["raw"], "words": WORDS["text"]})


@pytest.mark.parametrize("name", sorted(CLOSED_FORMS))
def test_with_words_an_arm_is_what_it_is_on_a_run_whose_encoder_gave_these_vectors(name: str) -> None:
    grid = {key: values[0] for key, values in SPECS[name].grid.items()}
    of_words = SPECS[f"{name}-words"].make(**grid).fit(BOTH)
    elsewhere = SPECS[name].make(**grid, representation="model").fit(replace(BOTH, vectors=WORDS))
    of_model = SPECS[name].make(**grid).fit(BOTH)
    users = BOTH.users
    np.testing.assert_array_equal(of_words.score(users).numpy(), elsewhere.score(users).numpy())
    assert np.abs(of_words.score(users).numpy() - of_model.score(users).numpy()).max() > 1e-3
    assert not set(of_words.queries(users)) & {"text", "raw"}


@pytest.mark.parametrize("name", sorted(CLOSED_FORMS))
def test_controls_share_the_grid_and_say_what_they_are(name: str) -> None:
    spec = SPECS[name]
    assert spec.controls == ("words", "permuted", "masked")
    for control in spec.controls:
        of_control: RecommenderSpec = SPECS[f"{name}-{control}"]
        assert of_control.grid == spec.grid
        assert of_control.control == control
        assert of_control.reads == ("words" if control == "words" else "language model")


def test_without_the_vectors_an_arm_says_which_are_missing() -> None:
    with pytest.raises(RunError, match="no item vectors named 'words'"):
        SPECS["aligned-words"].make(l2=1.0).fit(train(**MODEL))


@pytest.mark.parametrize("name", sorted(CLOSED_FORMS))
def test_an_unknown_representation_is_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"representation must be one of model, words, permuted, masked, both, not 'letters'"
    ):
        SPECS[name].make(representation="letters")


def test_every_arm_says_what_it_reads() -> None:
    reads = {name: spec.reads for name, spec in SPECS.items() if spec.control is None}
    assert {name for name, what in reads.items() if what == "nothing"} == {
        "popularity",
        "popularity-recent",
        "item-knn",
        "linear-order",
        "ease",
        "ials",
        "mf",
    }
    assert set(reads.values()) == {"nothing", "language model"}


@pytest.mark.parametrize("name", ["aligned-both", "ease-text-both", "ials-text-both"])
def test_with_words_beside_the_ends_of_the_share_are_the_two_arms(name: str) -> None:
    """All of one block and nothing of the other: columns of zeros change no ranking where the ridge is absolute."""
    spec, users = SPECS[name], BOTH.users
    fixed = {key: values[0] for key, values in spec.grid.items() if key not in ("words_share", "l2")}
    fixed |= {} if name.startswith("ials") else {"l2": 30.0}
    for share, of_one in ((0.0, name.removesuffix("-both")), (1.0, name.replace("-both", "-words"))):
        l2 = (
            {"l2": 4 * 30.0} if name.startswith("aligned") else {}
        )  # counted in mean eigenvalues, of twice as many directions each
        ours = spec.make(**{**fixed, **l2}, words_share=share).fit(BOTH).score(users)
        theirs = SPECS[of_one].make(**fixed).fit(BOTH).score(users)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-3, atol=1e-4)


def test_a_share_of_words_outside_0_and_1_is_refused() -> None:
    with pytest.raises(ValueError, match="words_share must lie in"):
        SPECS["aligned-both"].make(words_share=1.5).fit(BOTH)


def test_what_is_stored_of_both_is_what_scores_it() -> None:
    arm = SPECS["aligned-both"].make(words_share=0.3).fit(BOTH)
    by_query = arm.queries(BOTH.users)["both"] @ arm.stored_vectors()["both"].T
    np.testing.assert_allclose(by_query, arm.score(BOTH.users).numpy(), rtol=1e-4, atol=1e-5)
