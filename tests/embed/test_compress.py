"""Fewer bits and fewer numbers: bounds that follow from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsat.embed.compress import int8, principal, truncated
from recsat.embed.fusion import unit_length
from recsat.errors import DataError

FINITE = st.floats(-1e3, 1e3, width=32)


def test_int8_by_hand() -> None:
    rounded = int8(np.array([[1.27, -0.635, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32))
    assert rounded.codes.tolist()[1] == [0, 0, 0]
    assert rounded.codes.tolist()[0] in ([127, -64, 0], [127, -63, 0])
    assert rounded.scales.tolist() == pytest.approx([0.01, 0.0])
    assert rounded.nbytes == 2 * (3 + 4)
    assert len(rounded) == 2


@given(arrays(np.float32, (4, 6), elements=FINITE))
def test_no_number_moves_by_more_than_half_a_step(vectors: np.ndarray) -> None:
    rounded = int8(vectors)
    assert (np.abs(rounded.decoded() - vectors) <= rounded.scales[:, None] * 0.5001 + 1e-12).all()
    np.testing.assert_array_equal(rounded.decoded(slice(1, 3)), rounded.decoded()[1:3])


def test_principal_directions_lose_less_of_the_inner_products_than_any_others() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((80, 12)) @ np.diag(np.linspace(3, 0.1, 12)) @ rng.standard_normal((12, 12))).astype(
        np.float32
    )
    gram = vectors @ vectors.T

    def lost(directions: np.ndarray) -> float:
        return float(np.linalg.norm(gram - (vectors @ directions) @ (vectors @ directions).T))

    best = principal(vectors, 4).directions
    np.testing.assert_allclose(best.T @ best, np.eye(4), atol=1e-5)
    values = np.linalg.eigvalsh(gram.astype(np.float64))[::-1]
    assert lost(best) == pytest.approx(float(np.linalg.norm(values[4:])), rel=1e-3)
    for _ in range(20):
        assert lost(best) < lost(np.linalg.qr(rng.standard_normal((12, 4)))[0])
    assert lost(best) < lost(truncated(vectors, 4).directions)


def test_all_directions_keep_every_cosine() -> None:
    vectors = unit_length(np.random.default_rng(1).standard_normal((9, 5)).astype(np.float32))
    vectors[3] = 0
    for projection in (principal(vectors, 5), truncated(vectors, 5)):
        np.testing.assert_allclose(projection(vectors) @ projection(vectors).T, vectors @ vectors.T, atol=1e-5)


def test_truncation_keeps_the_first_numbers() -> None:
    vectors = np.array([[3.0, 4.0, 12.0]], dtype=np.float32)
    np.testing.assert_allclose(truncated(vectors, 2)(vectors), [[0.6, 0.8]], rtol=1e-6)


def test_what_cannot_be_compressed_is_named() -> None:
    with pytest.raises(DataError, match="row 1: not finite"):
        int8(np.array([[1.0], [np.inf]], dtype=np.float32))
    for make in (principal, truncated):
        with pytest.raises(DataError, match="cannot make 4 numbers of 3: give 1 to 3"):
            make(np.ones((2, 3), dtype=np.float32), 4)
