"""An encoder without a model: vectors from a hash of the text. As a script it embeds texts slowly, so that it can be killed.

usage: hashing.py CACHE FIRST LAST SECONDS_A_BLOCK
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from recsat.embed.cache import embed_texts

DIMENSION = 8


class HashEncoder:
    """Unit vectors that depend on the text alone; ``seen`` lists the texts it encoded."""

    def __init__(self, fingerprint: str = "hash-1", seconds: float = 0.0, fail_after: int | None = None) -> None:
        self.fingerprint = fingerprint
        self.dimension = DIMENSION
        self.seconds = seconds
        self.fail_after = fail_after
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        if self.fail_after is not None and len(self.seen) >= self.fail_after:
            raise MemoryError("the machine gave up")
        time.sleep(self.seconds)
        self.seen += texts
        if progress is not None:
            progress(len(texts))
        raw = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
        vectors = np.frombuffer(raw, dtype=np.uint32).reshape(-1, DIMENSION).astype(np.float64) / 2**32 - 0.5
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


if __name__ == "__main__":
    cache, first, last, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    embed_texts([f"text {i}" for i in range(first, last)], HashEncoder(seconds=seconds), cache, block=4)
