"""Ready vectors and their fusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsat.embed.fusion import fuse, ready_vectors, shared_out, unit_length
from recsat.errors import DataError


def random_units(n: int, d: int, seed: int) -> np.ndarray:
    return unit_length(np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32))


@given(share=st.floats(0.0, 1.0), seed=st.integers(0, 50))
def test_inner_products_are_the_weighted_mean_of_the_modalities_cosines(share: float, seed: int) -> None:
    text, image = random_units(6, 4, seed), random_units(6, 7, seed + 1)
    fused = fuse({"text": text, "image": image}, {"text": share, "image": 1 - share})
    expected = share * text @ text.T + (1 - share) * image @ image.T
    np.testing.assert_allclose(fused @ fused.T, expected, atol=1e-5)


def test_weights_count_by_their_ratio_and_a_weight_of_nothing_takes_no_room() -> None:
    vectors = {"text": random_units(3, 4, 0), "image": random_units(3, 5, 1), "sound": random_units(3, 6, 2)}
    fused = fuse(vectors, {"text": 3.0, "image": 1.0, "sound": 0.0})
    assert fused.shape == (3, 9)
    np.testing.assert_allclose(fused, fuse(vectors, {"text": 0.75, "image": 0.25}), rtol=1e-6)


def test_an_item_without_a_picture_keeps_unit_length() -> None:
    image = random_units(3, 5, 1)
    image[1] = 0
    fused = fuse({"text": random_units(3, 4, 0), "image": image}, {"text": 0.5, "image": 0.5})
    np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1.0, rtol=1e-6)
    assert not fused[1, 4:].any()


def test_ready_vectors_lose_their_common_part_and_zero_rows_stay_zero() -> None:
    given_vectors = np.array([[3.0, 1.0], [6.0, 0.0], [0.0, 0.0], [1.0, -1.0]], dtype=np.float64)
    vectors = ready_vectors({"image": given_vectors}, 4, "here")["image"]
    assert vectors.dtype == np.float32
    unit = given_vectors / np.linalg.norm(given_vectors, axis=1, keepdims=True).clip(min=1e-12)
    moved = unit - unit[[0, 1, 3]].mean(axis=0)
    expected = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors[[0, 1, 3]], expected[[0, 1, 3]], rtol=1e-5, atol=1e-6)
    assert not vectors[2].any()


@pytest.mark.parametrize(
    ("name", "matrix", "message"),
    [
        ("text", np.ones((2, 3)), "here gives vectors named 'text'"),
        ("My Pictures", np.ones((2, 3)), "lower-case letters"),
        ("image", np.ones((3, 3)), r"shape \(3, 3\) and type float64 for 2 items"),
        ("image", np.ones(2), r"shape \(2,\)"),
        ("image", np.array([["a"], ["b"]]), "type <U1"),
        ("image", np.array([[1.0], [np.nan]]), "row 1: not finite"),
    ],
)
def test_ready_vectors_that_do_not_fit_are_named(name: str, matrix: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ready_vectors({name: matrix}, 2, "here")


def test_the_text_has_its_share_and_the_others_the_rest() -> None:
    assert shared_out(["raw", "text", "image", "sound"], 0.5) == {"text": 0.5, "image": 0.25, "sound": 0.25}
    assert shared_out(["raw", "text"], 0.5) == {"text": 1.0}


def test_weights_without_vectors_or_without_sense_are_named() -> None:
    vectors = {"text": random_units(3, 4, 0)}
    with pytest.raises(DataError, match="no vectors named 'image'; there are text"):
        fuse(vectors, {"text": 1.0, "image": 1.0})
    with pytest.raises(DataError, match="one of them above"):
        fuse(vectors, {"text": 0.0})
