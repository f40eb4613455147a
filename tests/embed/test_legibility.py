"""Whether different texts get different vectors, and what was cut or unknown, is counted and said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from recsat.embed.legibility import TokenCounts, legibility


class Plain:
    """An encoder that says nothing of tokens."""

    dimension, fingerprint = 2, "plain"

    def encode(self, texts: Sequence[str], *, progress: object = None) -> NDArray[np.float32]:
        raise NotImplementedError


class Counting(Plain):
    def count_tokens(self, texts: Sequence[str]) -> TokenCounts:
        return TokenCounts(n_texts=len(texts), n_cut=1, n_tokens=10 * len(texts), n_unknown=4)


def vectors(*angles: float) -> NDArray[np.float32]:
    return np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32)


def test_texts_that_can_be_told_apart_need_no_note() -> None:
    seen = legibility(["a", "b", "a"], vectors(0, 1, 0), Plain())
    assert (seen.n_texts, seen.n_vectors, seen.is_blind) == (2, 2, False)
    assert list(seen.notes("plain")) == []


def test_one_vector_of_different_texts_is_blindness() -> None:
    seen = legibility(["a", "b", "c"], vectors(1, 1, 1 + 1e-7), Plain())
    assert seen.is_blind
    (note,) = seen.notes("plain")
    assert note.startswith("encoder plain: 3 different texts get one vector, so arms that read are left out")


def test_one_text_is_no_fault_of_the_encoder() -> None:
    (note,) = legibility(["a", "a"], vectors(1, 1), Plain()).notes("plain")
    assert note == "items: all have one text, so arms that read are left out"


def test_some_texts_that_share_a_vector_are_counted() -> None:
    (note,) = legibility([*"abcd"], vectors(0, 1, 1, 2), Plain()).notes("plain")
    assert note == "encoder plain: 4 different texts get 3 vectors; arms that read cannot tell the others apart"


def test_unknown_tokens_and_cut_texts_are_said_where_the_encoder_counts_them() -> None:
    notes = list(legibility([*"abcd"], vectors(0, 1, 2, 3), Counting()).notes("counting"))
    assert notes == [
        "encoder counting: it does not know 10% of the texts' tokens",
        "encoder counting: 25% of the texts are cut after max_tokens",
    ]


@pytest.mark.parametrize(("text", "unknown"), [("a plain film", False), ("뷁쀍괅놡", True)])
def test_the_bundled_model_counts_what_it_does_not_know(text: str, unknown: bool) -> None:
    from recsat.config.settings import EncoderSettings
    from recsat.plugins import load_plugins

    encoder = load_plugins([]).encoder("minilm").make(EncoderSettings(max_tokens=8))
    counts = encoder.count_tokens([text, "long " * 50])  # type: ignore[attr-defined]
    assert (counts.n_unknown > 0) == unknown
    assert (counts.n_texts, counts.n_cut) == (2, 1)
