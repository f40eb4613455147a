"""Batches hold every window once, and rows of like length."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsat.arms.linear.padded import PADDING
from recsat.arms.sequence.windows import batches_of_like_length, trimmed


def ragged(lengths: list[int]) -> np.ndarray:
    steps = np.arange(max(lengths))
    return np.where(steps < np.array(lengths)[:, None], steps, PADDING)


@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=200), size=st.integers(1, 40))
def test_every_window_is_in_one_batch_of_about_the_size_given(lengths: list[int], size: int) -> None:
    batches = batches_of_like_length(ragged(lengths), size, np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert max(map(len, batches)) <= size


def test_rows_of_like_length_come_together_and_batches_in_an_order_that_is_drawn() -> None:
    rng = np.random.default_rng(1)
    window = ragged([int(n) for n in rng.geometric(0.2, 640).clip(1, 50)])
    batches = batches_of_like_length(window, 64, rng)
    mixed = [rng.permutation(640)[:64] for _ in batches]
    assert sum(trimmed(window[rows]).size for rows in batches) < 0.5 * sum(trimmed(window[rows]).size for rows in mixed)
    widths = [trimmed(window[rows]).shape[1] for rows in batches]
    assert widths != sorted(widths)
