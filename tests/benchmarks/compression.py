"""What smaller vectors cost and save: nDCG@10 of the text arm, overlap of the ten nearest items, bytes, time a query.

Run: ``python tests/benchmarks/compression.py --domains content ecommerce``. The catalogue's own vectors are compressed and the
text arm is run on them (random split, seed 42); differences to float32 are user by user. *Overlap* is the share of each item's
ten nearest items by the full vectors that the compressed ones find.

The second table searches the embedded store on ``--points`` vectors, the catalogue's own with noise of a tenth of their
length, so that there is a graph to search: with and without int8 copies, by oversampling. Queries are the users' of the split.
Times are CPU time a query over a batch, one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from folds import folds, ndcg_of, prepared, shown
from numpy.typing import NDArray

from recsat.arms.text import TextSimilarity
from recsat.embed.compress import Int8Vectors, Projection, int8, principal, truncated
from recsat.embed.fusion import unit_length
from recsat.stages.trial.fold import Fold
from recsat.store import EdgeStore, ItemIndex
from recsat.store.exact import ExactIndex, recall
from recsat.store.search import search

BLOCK = 4096
Stored = NDArray[np.float32] | NDArray[np.float16] | Int8Vectors


def ways(vectors: NDArray[np.float32]) -> dict[str, tuple[Projection | None, Callable[[NDArray[np.float32]], Stored]]]:
    """Name to (projection or None, how the rows are stored)."""

    def half(rows: NDArray[np.float32]) -> NDArray[np.float16]:
        return rows.astype(np.float16)

    d = vectors.shape[1]
    found: dict[str, tuple[Projection | None, Callable[[NDArray[np.float32]], Stored]]] = {
        f"float32, {d}": (None, lambda rows: rows),
        f"float16, {d}": (None, half),
        f"int8, {d}": (None, int8),
    }
    for smaller in (256, 128, 64, 32):
        found[f"principal {smaller}, float32"] = (principal(vectors, smaller), lambda rows: rows)
        found[f"principal {smaller}, int8"] = (principal(vectors, smaller), int8)
    for smaller in (256, 128, 64):
        found[f"truncated {smaller}, float32"] = (truncated(vectors, smaller), lambda rows: rows)
    return found


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


def overlap(found: NDArray[np.int64], full: NDArray[np.int64]) -> float:
    return float((found[:, :, None] == full[:, None, :]).any(axis=2).mean())


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
            f"minus float32 {shown(values - base)} | overlap {overlap(neighbours(stored), full):.3f} | {1e3 * spent:.3f} ms",
            flush=True,
        )


def store_table(domain: str, fold: Fold, points: int, k: int) -> None:
    vectors = fold.train.vectors["text"]
    rng = np.random.default_rng(0)
    noise = unit_length(rng.standard_normal((points, vectors.shape[1])).astype(np.float32))
    many = unit_length(vectors[np.arange(points) % len(vectors)] + 0.1 * noise)
    queries = TextSimilarity(vector="text").fit(fold.train).query_vectors(fold.users)[:200]
    ids = list(range(1, points + 1))
    exact = ExactIndex(many).search(queries, limit=k)
    payload = pl.DataFrame({"kind": ["item"] * points})
    for stored, oversamplings in (("float32", (None,)), ("int8", (1.0, 2.0, 3.0))):
        with tempfile.TemporaryDirectory() as folder:
            with EdgeStore(folder, indexing_threshold_kb=1000, int8_oversampling=oversamplings[0]) as store:
                store.ensure_collection("items", {"text": many.shape[1]})
                store.upsert_table("items", ids, {"text": many}, payload)
                store.build("items")
            for oversampling in oversamplings:
                with EdgeStore(folder, indexing_threshold_kb=1000, int8_oversampling=oversampling) as store:
                    for ef in (128, 256):
                        search(
                            store, "items", {"text": queries[:8]}, index=ItemIndex(ids), limit=k, ef=ef
                        )  # opens the files
                        start = time.process_time()
                        found = search(store, "items", {"text": queries}, index=ItemIndex(ids), limit=k, ef=ef)["text"]
                        spent = (time.process_time() - start) / len(queries)
                        print(
                            f"{domain}, {points} points in the store | {stored}, ef {ef}, oversampling {oversampling} | "
                            f"recall@{k} {recall(found, exact):.3f} | {1e3 * spent:.2f} ms",
                            flush=True,
                        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", nargs="+", default=["content", "ecommerce"])
    parser.add_argument("--points", type=int, default=10_000, help="Of the store's table; 0 leaves it out.")
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for domain in options.domains:
        context = prepared(domain, options.place, [{"name": "warm", "protocol": "random"}])
        _, test = folds(context)["warm"]
        catalogue_table(domain, test)
        if options.points:
            store_table(domain, test, options.points, options.k)


if __name__ == "__main__":
    main()
