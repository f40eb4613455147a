"""What smaller vectors cost and save: nDCG@10 of the text arm, overlap of the ten nearest items, bytes, time a query.

Run: ``python tests/benchmarks/compression.py --domains content ecommerce``. The catalogue's own vectors are compressed and the
text arm is run on them (random split, seed 42); differences to float32 are user by user. *Overlap* is the share of each item's
ten nearest items by the full vectors that the compressed ones find.

Times are CPU time a query over a batch, one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from folds import folds, ndcg_of, prepared, with_interval
from numpy.typing import NDArray

from recsat.arms.text import TextSimilarity
from recsat.embed.compress import Int8Vectors, Projection, int8, principal, truncated
from recsat.stages.trial.fold import Fold

BLOCK = 4096
Stored = NDArray[np.float32] | NDArray[np.float16] | Int8Vectors


def ways(vectors: NDArray[np.float32]) -> dict[str, tuple[Projection | None, Callable[[NDArray[np.float32]], Stored]]]:
    """Name to (projection or None, how the rows are stored)."""

    def half(rows: NDArray[np.float32]) -> NDArray[np.float16]:
        return rows.astype(np.float16)

    d = vectors.shape[1]
    forms: dict[str, tuple[Projection | None, Callable[[NDArray[np.float32]], Stored]]] = {
        f"float32, {d}": (None, lambda rows: rows),
        f"float16, {d}": (None, half),
        f"int8, {d}": (None, int8),
    }
    for smaller in (256, 128, 64, 32):
        forms[f"principal {smaller}, float32"] = (principal(vectors, smaller), lambda rows: rows)
        forms[f"principal {smaller}, int8"] = (principal(vectors, smaller), int8)
    for smaller in (256, 128, 64):
        forms[f"truncated {smaller}, float32"] = (truncated(vectors, smaller), lambda rows: rows)
    return forms


def decoded(stored: Stored, rows: slice = slice(None)) -> NDArray[np.float32]:
    return stored.decoded(rows) if isinstance(stored, Int8Vectors) else stored[rows].astype(np.float32)


def nearest(stored: Stored, queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The k best rows for each query, exactly, over blocks that are decoded as they are read."""
    scores = [
        torch.from_numpy(queries) @ torch.from_numpy(decoded(stored, slice(start, start + BLOCK))).T
        for start in range(0, len(stored), BLOCK)
    ]
    return torch.cat(scores, dim=1).topk(k, dim=1).indices.numpy()


def neighbours(stored: Stored) -> NDArray[np.int64]:
    rows = decoded(stored)
    scores = torch.from_numpy(rows @ rows.T).fill_diagonal_(float("-inf"))
    return scores.topk(10, dim=1).indices.numpy()


def overlap(items: NDArray[np.int64], exact_items: NDArray[np.int64]) -> float:
    return float((items[:, :, None] == exact_items[:, None, :]).any(axis=2).mean())


def catalogue_table(domain: str, fold: Fold) -> None:
    vectors = fold.train.vectors["text"]
    full, base = neighbours(vectors), None
    for name, (projection, store) in ways(vectors).items():
        smaller = vectors if projection is None else projection(vectors)
        stored = store(smaller)
        train = replace(fold.train, vectors={"text": decoded(stored)})
        values = ndcg_of(TextSimilarity(vector="text").fit(train), fold)["value"].to_numpy()
        base = values if base is None else base
        queries = smaller[np.arange(1000) % len(smaller)]
        start = time.process_time()
        nearest(stored, queries, 10)
        spent = (time.process_time() - start) / len(queries)
        print(
            f"{domain} ({len(vectors)} items) | {name:22} | {stored.nbytes / len(vectors):6.0f} bytes | nDCG {values.mean():.4f}, "
            f"minus float32 {with_interval(values - base)} | overlap {overlap(neighbours(stored), full):.3f} | {1e3 * spent:.3f} ms",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", nargs="+", default=["content", "ecommerce"])
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for domain in options.domains:
        context = prepared(domain, options.place, [{"name": "warm", "protocol": "random"}])
        _, test = folds(context)["warm"]
        catalogue_table(domain, test)


if __name__ == "__main__":
    main()
