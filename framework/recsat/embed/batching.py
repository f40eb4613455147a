"""Batches of like length under a budget of padded tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from recsat.errors import EncoderError

logger = logging.getLogger(__name__)

Rows = NDArray[np.intp]


def run_in_batches(lengths: NDArray[np.intp], budget: int, forward: Callable[[Rows], None]) -> int:
    """Calls ``forward(rows)`` until every row was done once, longest first; returns the budget that held.

    Rows are sorted by length and cut so that rows × longest ≤ ``budget`` (one row always fits). On a CPU small batches
    of like length win: 512 tokens took 1/1.37 of the time of batches of 32 sorted texts, since activations stay in the
    cache and nearly nothing is padding. Longest first, so that a device too small shows it at the start.

    A device that runs out of memory halves the budget and goes on from the same row; ``forward`` must therefore write its
    result only when it has all of it. Raises EncoderError where a single row is too long for the device.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        rows = order[start : start + max(budget // longest, 1)]
        failure: torch.OutOfMemoryError | None = None
        try:
            forward(rows)
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise EncoderError(
                    f"one text of {longest} tokens does not fit into the device's memory. "
                    "Lower encoder.max_tokens, or set encoder.device to cpu."
                ) from error
            failure = error.with_traceback(None)  # the traceback keeps the failed batch's tensors alive
        if failure is None:
            start += len(rows)
            continue
        budget = longest * len(rows) // 2
        logger.warning("out of device memory with %d texts of %d tokens; budget is now %d", len(rows), longest, budget)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return budget
