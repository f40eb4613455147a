"""The tests that every encoder inherits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import pytest

from recsat.contract.domain import Encoder


class EncoderContract:
    """Inherit, name your encoder, done.

    .. code-block:: python

        from recsat.testing import EncoderContract
        from recsat_letters import Letters

        class TestLetters(EncoderContract):
            make = staticmethod(lambda: Letters())
            others = (lambda: Letters(alphabet="greek"),)
    """

    texts: ClassVar[Sequence[str]] = (
        "Heat (1995). Action, Crime, Thriller",
        "x",
        "a retired detective in Paris takes one last job that goes terribly wrong, and then another one",
        "无线降噪耳机 🎧",
        "cotton bed sheets",
        "12.50",
        "x",
        "long " * 400,
        "",
    )
    """What is embedded; some text twice, one that is empty, one that is longer than models take."""
    others: ClassVar[Sequence[Callable[[], Encoder]]] = ()
    """Encoders that give some text another vector: other weights, prompt, pooling, length limit. Their fingerprints differ."""
    alike: ClassVar[Sequence[Callable[[], Encoder]]] = ()
    """Encoders that give every text the same vector: other batches, another name. Their fingerprints are the same."""
    tolerance: ClassVar[float] = 1e-5
    """What a component may differ by when a text stands in another batch."""

    @staticmethod
    def make() -> Encoder:
        """A new encoder."""
        raise NotImplementedError("name the encoder: make = staticmethod(lambda: MyEncoder())")

    def test_vectors_are_float32_of_unit_length_one_a_text(self) -> None:
        encoder = self.make()
        assert isinstance(encoder, Encoder), "the encoder needs dimension, fingerprint and encode."
        vectors = encoder.encode(list(self.texts))
        shape = (len(self.texts), encoder.dimension)
        assert isinstance(vectors, np.ndarray), f"encode returns a {type(vectors).__name__}; return a numpy array."
        assert vectors.dtype == np.float32, f"encode returns {vectors.dtype}; return float32."
        assert vectors.shape == shape, (
            f"encode returns shape {vectors.shape} for {len(self.texts)} texts; return {shape}."
        )
        lengths = np.linalg.norm(vectors, axis=1)
        wrong = np.flatnonzero(~(np.abs(lengths - 1) < 1e-3))  # NaN too
        assert not len(wrong), (
            f"the vector of {self.texts[wrong[0]][:40]!r} has length {lengths[wrong[0]]:.4g}; it must be 1. "
            "Divide by the norm, and give a text of which nothing is left some vector."
        )
        assert np.ptp(vectors, axis=0).max() > self.tolerance, "every text gets the same vector."

    def test_no_texts_give_no_vectors(self) -> None:
        encoder = self.make()
        vectors = encoder.encode([])
        assert vectors.shape == (0, encoder.dimension), (
            f"encode([]) returns shape {vectors.shape}; return (0, {encoder.dimension})."
        )
        assert vectors.dtype == np.float32, f"encode([]) returns {vectors.dtype}; return float32."

    def test_a_vector_depends_on_its_text_alone(self) -> None:
        encoder = self.make()
        together = encoder.encode(list(self.texts))
        alone = np.concatenate([encoder.encode([text]) for text in self.texts])
        for what, vectors in (
            ("alone", alone),
            ("when the texts come in another order", encoder.encode(list(reversed(self.texts)))[::-1]),
            ("the second time", encoder.encode(list(self.texts))),
            ("from a second encoder", self.make().encode(list(self.texts))),
        ):
            gaps = np.abs(vectors - together).max(axis=1)
            worst = int(gaps.argmax())
            assert gaps[worst] <= self.tolerance, (
                f"{self.texts[worst][:40]!r} gets another vector {what} (by {gaps[worst]:.2g}). "
                "Mask what is padding, and switch dropout off."
            )

    def test_progress_counts_every_text(self) -> None:
        counts: list[int] = []
        self.make().encode(list(self.texts), progress=counts.append)
        assert sum(counts) == len(self.texts), (
            f"progress was told of {sum(counts)} texts, and there are {len(self.texts)}."
        )

    def test_the_fingerprint_stays_the_same(self) -> None:
        encoder = self.make()
        before = encoder.fingerprint
        assert isinstance(before, str), f"fingerprint is a {type(before).__name__}; it must be a text."
        assert before, "fingerprint is empty, and other encoders' cached vectors would be taken for this one's."
        encoder.encode(list(self.texts))
        stays = {before, encoder.fingerprint, self.make().fingerprint}
        assert len(stays) == 1, (
            f"fingerprint changes for one and the same encoder: {sorted(stays)}. Let nothing else in."
        )
        differ = [n for n, make in enumerate(self.alike) if make().fingerprint != before]
        assert not differ, f"alike[{differ[0]}] has another fingerprint, so that its texts would be embedded again."

    def test_the_fingerprint_changes_with_what_changes_a_vector(self) -> None:
        if not self.others:
            pytest.skip("no other encoders are named")
        names = {self.make().fingerprint: "the encoder itself"}
        for n, make in enumerate(self.others):
            other = make()
            assert other.fingerprint not in names, (
                f"others[{n}] has the fingerprint of {names[other.fingerprint]}: cached vectors of one would be taken for the "
                "other's. Let weights, pooling, prompt and length limit into it."
            )
            names[other.fingerprint] = f"others[{n}]"
