"""What an index centred by an older mean does to candidates: ``python tests/benchmarks/index_drift.py RUN [RUN …]``.

For each run folder the index is centred by the mean of an earlier catalogue, smaller or of other items, and users ask with the mean of some
items' vectors of today, as the text arms do. Printed: how far the mean has moved (`recsat.embed.centre.drift`), the share of the exact 100 best
among 500 candidates and among as many candidates as are asked for, and the share of users whose exact list of 10 lies whole among 500.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import load_file

from recsat.embed.centre import centre, drift, subtract_mean

N_USERS, N_LIKES = 500, 20


def earlier(raw: NDArray[np.float32], items: pl.DataFrame, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Which items the earlier catalogue had."""
    n = len(raw)
    first = centre(raw)[0] @ np.linalg.svd(centre(raw)[0][:2000], full_matrices=False)[2][0]
    rank = np.argsort(np.argsort(first)) / n  # along the direction in which the catalogue is widest
    masks = {f"a random {share:.1%}": rng.random(n) < share for share in (0.99, 0.9, 0.5, 0.1, 0.05, 0.02)}
    return masks | {
        f"without the last {1 - share:.0%} along the widest direction": rank < share
        for share in (0.95, 0.9, 0.8, 0.65, 0.5)
    }


def top(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


def main(paths: list[str]) -> None:
    rng = np.random.default_rng(0)
    for path in paths:
        raw = load_file(Path(path) / "vectors" / "items.safetensors")["raw"]
        items = pl.read_parquet(Path(path) / "data" / "items.parquet")
        vectors, mean = centre(raw)
        likes = rng.integers(0, len(raw), size=(N_USERS, N_LIKES))
        queries = vectors[likes].mean(axis=1)
        exact = top(queries, vectors, 100)
        print(f"{Path(path).name}: {len(raw)} items")
        print("| earlier catalogue | drift | best 100 among 500 | best 100 among 100 | whole list of 10 among 500 |")
        print("|---|---|---|---|---|")
        for name, mask in earlier(raw, items, rng).items():
            frozen = centre(raw[mask])[1]
            candidates = top(queries, subtract_mean(raw, frozen), 500)
            of_500 = np.array([np.isin(e, c) for e, c in zip(exact, candidates, strict=True)])
            of_100 = np.array([np.isin(e, c[:100]).mean() for e, c in zip(exact, candidates, strict=True)])
            whole = of_500[:, :10].all(axis=1).mean()
            print(
                f"| {name} | {drift(frozen, mean, raw):.3f} | {of_500.mean():.4f} | {of_100.mean():.4f} | {whole:.4f} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
