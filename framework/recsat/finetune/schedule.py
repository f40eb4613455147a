"""The learning rate over the steps of a training."""

from __future__ import annotations


def warmed_up(step: int, total: int, warmup_share: float) -> float:
    """Factor of the learning rate at ``step`` (from 0): up in a line over the warm-up, then down in a line to 0 after the last.

    >>> [round(warmed_up(step, 10, 0.2), 3) for step in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.125]
    """
    n_up = round(total * warmup_share)
    if step < n_up:
        return (step + 1) / n_up
    return (total - step) / (total - n_up)
