"""Reciprocal rank fusion."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsat.lists.fusion import reciprocal_rank_fusion


def test_an_item_in_two_rankings_beats_one_that_leads_in_one() -> None:
    fused = reciprocal_rank_fusion([np.array([[7, 3, -1]]), np.array([[5, 3, 9]])], limit=5)
    assert fused.tolist() == [[3, 5, 7, 9, -1]]


def test_empty_rankings_give_padding() -> None:
    assert reciprocal_rank_fusion([np.full((2, 3), -1)], limit=2).tolist() == [[-1, -1], [-1, -1]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_it_agrees_with_the_formula_written_out(seed: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    rankings = [np.stack([rng.permutation(10)[:m] for _ in range(3)]) for m in (4, 7)]
    rankings[0][rng.random((3, 4)) < 0.3] = -1
    fused = reciprocal_rank_fusion(rankings, limit)
    for user in range(3):
        sums: dict[int, float] = {}
        for ranking in rankings:
            for place, item in enumerate(ranking[user].tolist()):
                if item >= 0:
                    sums[item] = sums.get(item, 0.0) + 1 / (60 + place + 1)
        expected = sorted(sums, key=lambda item: (-round(sums[item], 15), item))[:limit]
        items = [item for item in fused[user].tolist() if item >= 0]
        assert [round(sums[item], 12) for item in items] == [round(sums[item], 12) for item in expected]
        assert len(set(items)) == len(items) == len(expected)
