"""Hits of an engine as padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsat.store.identity import point_keys
from recsat.store.port import Nearest


def by_vector(answers: Sequence[Sequence[Any]], vectors: Sequence[str], n: int, limit: int) -> dict[str, Nearest]:
    """The answers to ``n`` queries for the first vector, then ``n`` for the next …, as arrays for each vector.

    A hit has ``id`` and ``score``, and no answer has more than ``limit`` of them.
    """
    keys = np.zeros((len(vectors) * n, limit), dtype=np.uint64)
    scores = np.full((len(vectors) * n, limit), -np.inf, dtype=np.float32)
    for row, hits in enumerate(answers):
        keys[row, : len(hits)] = point_keys([hit.id for hit in hits])
        scores[row, : len(hits)] = [hit.score for hit in hits]
    parts = [slice(start * n, (start + 1) * n) for start in range(len(vectors))]
    return {vector: Nearest(keys[rows], scores[rows]) for vector, rows in zip(vectors, parts, strict=True)}
