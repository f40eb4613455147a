"""What the vector cache costs beside ever more stored texts: CPU seconds for one text, for all of them, and for storing them.

Run: ``python tests/benchmarks/cache.py --stored 1000 10000 100000 300000``. Vectors have 384 numbers; the encoder costs nothing
worth counting. One cached text must cost the same beside any number, and at most 0.01 CPU seconds; an exit code of 1 says that
it does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recsat.embed.cache import embed_texts
from recsat.embed.cached_vectors import encoder_folder, read_vectors, text_keys, write_vectors

DIMENSION = 384
LIMIT = 0.01
BLOCK = 16_384


class DrawnEncoder:
    """Unit vectors drawn at random."""

    dimension = DIMENSION
    fingerprint = "drawn"

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        vectors = np.random.default_rng(len(texts)).standard_normal((len(texts), DIMENSION), dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def cpu_seconds(work: Callable[[], object], repeats: int = 1) -> float:
    start = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - start) / repeats


def measured(cache: Path, n: int) -> float:
    """Prints one line; returns the CPU seconds of one cached text."""
    encoder = DrawnEncoder()
    texts = [f"text {i}" for i in range(n)]
    folder = encoder_folder(cache, encoder.fingerprint)
    keys = text_keys(encoder.fingerprint, texts)
    vectors = encoder.encode(texts)

    def store() -> None:
        for start in range(0, n, BLOCK):
            write_vectors(folder, keys[start : start + BLOCK], vectors[start : start + BLOCK])

    writing = cpu_seconds(store)
    one = cpu_seconds(lambda: embed_texts([texts[n // 2]], encoder, cache), repeats=20)
    new = cpu_seconds(lambda: embed_texts([f"new {time.monotonic_ns()}"], encoder, cache), repeats=20)
    reading = cpu_seconds(lambda: read_vectors(folder, keys, np.empty_like(vectors)))
    size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
    print(f"| {n:,} | {one:.4f} | {new:.4f} | {reading:.2f} | {writing:.2f} | {size:,.0f} |", flush=True)
    return one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, nargs="+", default=[1_000, 10_000, 100_000, 300_000])
    print("| stored | one cached text | one new text | all texts | storing all | MiB |\n|---|---|---|---|---|---|")
    seconds = []
    for n in parser.parse_args().stored:
        with tempfile.TemporaryDirectory() as cache:
            seconds.append(measured(Path(cache), n))
    return int(max(seconds) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
