"""Accuracy by how much an arm learnt from: a row for each number of likes, a column for each arm."""

from __future__ import annotations

from dataclasses import dataclass

from recsat.result.model import Estimate, Result
from recsat.result.numerals import decimals_for


@dataclass(frozen=True)
class LearningTable:
    arms: list[str]
    rows: list[tuple[int, list[Estimate | None]]]
    """Likes learnt from, and nDCG of each arm."""
    n_users: int
    places: int


def learning_table(result: Result, split: str) -> LearningTable | None:
    """None where the run did not ask, or nobody of ``split`` was judged."""
    points = [point for point in result.learning if point.split == split]
    if not points:
        return None
    arms = list(dict.fromkeys(point.arm for point in points))
    by_place = {
        (point.n_likes, point.arm): Estimate(value=point.ndcg, low=point.low, high=point.high) for point in points
    }
    return LearningTable(
        arms=arms,
        rows=[(n, [by_place.get((n, arm)) for arm in arms]) for n in sorted({point.n_likes for point in points})],
        n_users=points[0].n_users,
        places=decimals_for([point.ndcg for point in points]),
    )
