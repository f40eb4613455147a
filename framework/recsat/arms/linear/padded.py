"""Reading scores and history items at padded places."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.arm import Reasons
from recsat.contract.interactions import UserBatch

PADDING = -1


def at_candidates(scores: Tensor, candidates: Tensor) -> Tensor:
    """``scores`` at ``candidates``, -inf where a candidate is padding.

    ``scores`` is (n_items,) or (B, n_items); ``candidates`` int64 (B, C). Returns (B, C).
    """
    places = candidates.clamp(min=0)
    picked = scores[places] if scores.ndim == 1 else scores.gather(1, places)
    return picked.masked_fill(candidates == PADDING, float("-inf"))


def padded_rows(matrix: csr_array, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Column indices of each row of ``matrix``, or of ``rows`` alone, int64 (n_rows, longest row), padded with -1."""
    lengths, starts = np.diff(matrix.indptr), matrix.indptr[:-1]
    if rows is not None:
        lengths, starts = lengths[rows], starts[rows]
    width = max(1, int(lengths.max(initial=0)))
    padded = np.full((len(lengths), width), PADDING, dtype=np.int64)
    is_event = np.arange(width) < lengths[:, None]
    padded[is_event] = matrix.indices[(starts[:, None] + np.arange(width))[is_event]]
    return padded


def blocks_of_like_length(matrix: csr_array, budget: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers in blocks, shortest rows first, each block padded to at most ``budget`` places, or one row."""
    lengths = np.diff(matrix.indptr)
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        widths = lengths[order[start : start + budget]].clip(min=8)
        fits = int(np.searchsorted(widths * np.arange(1, len(widths) + 1), budget, side="right"))
        yield order[start : start + max(1, fits)]
        start += max(1, fits)


def with_padding(factors: Tensor) -> Tensor:
    """``factors`` with a last row of zeros, which is what :data:`PADDING` takes."""
    return torch.cat([factors, factors.new_zeros(1, factors.shape[1])])


def factors_of(events: csr_array, factors: Tensor) -> Tensor:
    """The factors of each row's events, (n_rows, longest row, k), zero where padded; of ``factors`` no other row is read."""
    places = torch.from_numpy(padded_rows(events)).to(factors.device)
    picked = factors_at(places, factors)
    picked[places == PADDING] = 0.0
    return picked


def factors_at(places: Tensor, factors: Tensor) -> Tensor:
    """Rows of ``factors`` (n, k) at ``places``, (…, k); of the first where a place is padding."""
    return torch.nn.functional.embedding(places.clamp(min=0), factors)


def dense(matrix: csr_array) -> Tensor:
    """``matrix`` as a dense float32 tensor; for one block of users at a time."""
    return torch.from_numpy(np.ascontiguousarray(matrix.toarray(), dtype=np.float32))


def reasons_by(
    losses: Tensor, users: UserBatch, items: NDArray[np.int64], code: str | NDArray[np.str_] = "because"
) -> Reasons:
    """Reasons that name the history item with the largest loss above 0, by ``code``; ``taste`` where none has one.

    ``losses`` is (B, H, k): what the score of list place k would lose without history place h of user b, in the order of
    :func:`padded_rows`. ``items`` (B, k) is padded with -1.
    """
    history = padded_rows(users.history)
    best = losses.masked_fill(torch.from_numpy(history == PADDING)[:, :, None], float("-inf")).max(dim=1)
    because = np.take_along_axis(history, best.indices.numpy(), axis=1)
    because = np.where((best.values.numpy() > 0) & (items != PADDING), because, PADDING)
    return Reasons(code=np.where(because != PADDING, code, "taste"), item=because)
