"""Exact search in blocks: the oracle for recall, and the fast way for a whole catalogue at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsat.store.search import BLOCK, SearchHits


@dataclass(frozen=True)
class ExactIndex:
    """``ExactIndex(item_vectors).search(user_vectors, limit=100)``; vectors are (n_items, d) float32."""

    vectors: NDArray[np.float32]
    device: str = "cpu"

    def search(
        self, queries: NDArray[np.float32], *, limit: int, keep: NDArray[np.bool_] | None = None, block: int = BLOCK
    ) -> SearchHits:
        """Best items for each row of ``queries`` by inner product; ``keep`` (n_items,) or (B, n_items) masks items out."""
        import torch

        n_items = len(self.vectors)
        n_hits = min(limit, n_items)
        items = np.full((len(queries), limit), -1, dtype=np.int64)
        scores = np.full((len(queries), limit), -np.inf, dtype=np.float32)
        table = torch.from_numpy(np.ascontiguousarray(self.vectors)).to(self.device)
        for start in range(0, len(queries), block):
            rows = slice(start, start + block)
            users = torch.from_numpy(np.ascontiguousarray(queries[rows])).to(self.device)
            values = users @ table.T
            if keep is not None:
                mask = torch.from_numpy(np.ascontiguousarray(keep if keep.ndim == 1 else keep[rows])).to(self.device)
                values.masked_fill_(~mask, float("-inf"))
            best, places = torch.topk(values, n_hits, dim=1)
            scores[rows, :n_hits] = best.cpu().numpy()
            items[rows, :n_hits] = places.cpu().numpy()
        items[np.isneginf(scores)] = -1
        return SearchHits(items, scores)


def recall(hits: SearchHits, exact: SearchHits, tolerance: float = 1e-5) -> float:
    """Mean share of the exact hits that were found, where a hit as good as the last exact one counts (ties are no misses)."""
    has_hits = np.isfinite(exact.scores).any(axis=1)
    if not has_hits.any():
        return 1.0
    exact_scores, scores = exact.scores[has_hits], hits.scores[has_hits]
    n_exact = np.isfinite(exact_scores).sum(axis=1)
    last = np.where(np.isfinite(exact_scores), exact_scores, np.inf).min(axis=1)
    slack = tolerance * np.maximum(1.0, np.abs(last))
    good = (np.isfinite(scores) & (scores >= (last - slack)[:, None])).sum(axis=1)
    return float(np.mean(np.minimum(good, n_exact) / n_exact))
