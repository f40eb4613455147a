"""The contract passes an encoder that keeps it, and fails each that breaks one rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recsat.testing import EncoderContract


class Letters:
    """Counts of letters, and a last component of 1, so that a text without letters has a vector too."""

    def __init__(self, alphabet: str = "abcdefghijklmnopqrstuvwxyz", name: str = "") -> None:
        self.alphabet = alphabet
        self.name = name
        self.dimension = len(alphabet) + 1
        self.fingerprint = f"letters-{alphabet}"

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        counts = [[*(text.lower().count(letter) for letter in self.alphabet), 1] for text in texts]
        if progress is not None:
            progress(len(texts))
        vectors = np.array(counts, dtype=np.float32).reshape(-1, self.dimension)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class TestLetters(EncoderContract):
    make = Letters
    others = (partial(Letters, "aeiou"), partial(Letters, "xyz"))
    alike = (partial(Letters, name="another name"),)


def broken(**methods: Any) -> Callable[[], Letters]:
    return type("Broken", (Letters,), methods)


def encoding(change: Callable[[NDArray[np.float32], Sequence[str]], Any]) -> Callable[[], Letters]:
    """``change(vectors, texts)`` of the right vectors."""

    def encode(self: Letters, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> Any:
        return change(Letters.encode(self, texts, progress=progress), texts)

    return broken(encode=encode)


def rotating(letters: Letters) -> str:
    letters.count = getattr(letters, "count", 0) + 1  # type: ignore[attr-defined]
    return f"letters-{letters.count}"  # type: ignore[attr-defined]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


FORM = "test_vectors_are_float32"
RULES: list[tuple[str, Callable[[], Letters], str, str]] = [
    ("float64", encoding(lambda v, texts: v.astype(np.float64)), FORM, "encode returns float64; return float32"),
    ("a list", encoding(lambda v, texts: v.tolist()), FORM, "returns a list; return a numpy array"),
    ("a text left out", encoding(lambda v, texts: v[1:]), FORM, "for 9 texts; return (9, 27)"),
    (
        "another length",
        encoding(lambda v, texts: v * (np.array(texts) != "")[:, None]),
        FORM,
        "of '' has length 0; it must",
    ),
    ("not a number", encoding(lambda v, texts: v * np.float32("nan")), FORM, "has length nan"),
    (
        "one vector for all",
        encoding(lambda v, texts: np.repeat(v[:1], len(v), axis=0)),
        FORM,
        "every text gets the same",
    ),
    (
        "nothing for no texts",
        encoding(lambda v, texts: v if len(texts) else np.zeros(0, dtype=np.float32)),
        "test_no_texts",
        "return (0, 27)",
    ),
    (
        "padding counts",
        encoding(lambda v, texts: unit(v + np.float32(max(map(len, texts), default=0)))),
        "test_a_vector_depends",
        "gets another vector alone",
    ),
    (
        "order of length",
        encoding(lambda v, texts: v[np.argsort([len(text) for text in texts], kind="stable")]),
        "test_a_vector_depends",
        "another vector",
    ),
    (
        "noise",
        encoding(lambda v, texts: unit(v + np.random.default_rng().random(v.shape, dtype=np.float32))),
        "test_a_vector_depends",
        "switch dropout off",
    ),
    (
        "progress forgotten",
        broken(encode=lambda self, texts, progress=None: Letters.encode(self, texts)),
        "test_progress",
        "told of 0 texts, and there are 9",
    ),
    (
        "a fingerprint that changes",
        broken(fingerprint=property(rotating, lambda self, value: None)),
        "test_the_fingerprint_stays",
        "for one and the same encoder",
    ),
    (
        "no fingerprint",
        broken(fingerprint=property(lambda self: "", lambda s, v: None)),
        "test_the_fingerprint_stays",
        "empty",
    ),
]


@pytest.mark.parametrize(("make", "method", "message"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_an_encoder_that_breaks_a_rule_fails_the_test_of_it(
    make: Callable[[], Letters], method: str, message: str, failures: Callable[[type[Any]], dict[str, str]]
) -> None:
    messages = failures(type("TestBroken", (EncoderContract,), {"make": staticmethod(make)}))
    texts = [text for name, text in messages.items() if name.startswith(method)]
    assert texts, f"no test {method}… failed, of {sorted(messages)}"
    assert any(message in text for text in texts), texts


def test_a_fingerprint_must_tell_other_encoders_apart_and_no_others(
    failures: Callable[[type[Any]], dict[str, str]],
) -> None:
    blind = broken(fingerprint=property(lambda self: "letters", lambda self, value: None))
    names = {"make": staticmethod(blind), "others": (partial(blind, "aeiou"),)}
    (message,) = failures(type("TestBlind", (EncoderContract,), names)).values()
    assert "others[0] has the fingerprint of the encoder itself" in message
    names = {"make": staticmethod(Letters), "alike": (partial(Letters, "aeiou"),)}
    (message,) = failures(type("TestPicky", (EncoderContract,), names)).values()
    assert "alike[0] has another fingerprint" in message
