from __future__ import annotations

import pytest
import torch

from recsat.embed.pooling import Pooling, pool

HIDDEN = torch.tensor([[[3.0, 0.0], [0.0, 4.0], [99.0, 99.0]], [[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]])
LENGTHS = torch.tensor([2, 3])


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [[0.6, 0.8], [0.7071068, 0.7071068]]),  # (1.5, 2) and (1, 1)
        ("cls", [[1.0, 0.0], [1.0, 0.0]]),
        ("last", [[0.0, 1.0], [0.0, 1.0]]),  # not the padding's (99, 99)
    ],
)
def test_worked_by_hand(pooling: Pooling, expected: list[list[float]]) -> None:
    torch.testing.assert_close(pool(HIDDEN, LENGTHS, pooling), torch.tensor(expected))


def test_half_precision_is_pooled_in_float32() -> None:
    ones = torch.full((1, 3000, 2), 1.0, dtype=torch.bfloat16)  # a bfloat16 sum of ones stops at 256
    vectors = pool(ones, torch.tensor([3000]), "mean")
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors, torch.full((1, 2), 0.5**0.5))
