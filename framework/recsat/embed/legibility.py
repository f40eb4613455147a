"""How much of the texts an encoder can read: whether different ones get different vectors, and what it cut or did not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from recsat.contract.domain import Encoder

N_READ: Final = 2_000
"""Texts of which tokens are counted, evenly over the catalogue."""
SAME: Final = 1e-5
"""Numbers of unit vectors that differ by less are the same: what batches and devices round differently."""
A_FEW: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class TokenCounts:
    """Of some texts: how many were cut after ``max_tokens``, and how many of their tokens the encoder does not know."""

    n_texts: int
    n_cut: int
    n_tokens: int
    n_unknown: int


@runtime_checkable
class Tokenizing(Protocol):
    """An encoder that says what it does with texts before it reads them."""

    def count_tokens(self, texts: Sequence[str]) -> TokenCounts | None: ...


@dataclass(frozen=True, kw_only=True)
class Legibility:
    """Distinct texts and distinct vectors of the items, and what became of their tokens, where the encoder says it."""

    n_texts: int
    n_vectors: int
    tokens: TokenCounts | None = None

    @property
    def is_blind(self) -> bool:
        """Whether all items look alike to whoever reads them."""
        return self.n_vectors < 2

    def notes(self, encoder: str) -> Iterator[str]:
        """What the report should say, a sentence each; nothing where texts can be read."""
        if self.n_texts < 2:
            yield "items: all have one text, so arms that read are left out"
        elif self.is_blind:
            yield f"encoder {encoder}: {self.n_texts:,} different texts get one vector, so arms that read are left out; choose an encoder of the texts' language"
        elif self.n_vectors < (1 - A_FEW) * self.n_texts:
            yield f"encoder {encoder}: {self.n_texts:,} different texts get {self.n_vectors:,} vectors; arms that read cannot tell the others apart"
        if self.tokens is not None and self.tokens.n_unknown > A_FEW * self.tokens.n_tokens:
            share = self.tokens.n_unknown / self.tokens.n_tokens
            yield f"encoder {encoder}: it does not know {share:.0%} of the texts' tokens"
        if self.tokens is not None and self.tokens.n_cut:
            share = self.tokens.n_cut / self.tokens.n_texts
            yield f"encoder {encoder}: {share:.0%} of the texts are cut after max_tokens"


def legibility(texts: Sequence[str], vectors: NDArray[np.float32], encoder: Encoder) -> Legibility:
    """Of the items' ``texts``, row by row with their ``vectors``."""
    unique = list(dict.fromkeys(texts))
    rounded = np.round(vectors / SAME).astype(np.int64)
    sample = [unique[i] for i in np.unique(np.linspace(0, len(unique) - 1, N_READ).astype(int))] if unique else []
    return Legibility(
        n_texts=len(unique),
        n_vectors=len(np.unique(rounded, axis=0)),
        tokens=encoder.count_tokens(sample) if isinstance(encoder, Tokenizing) and sample else None,
    )
