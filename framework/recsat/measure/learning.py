"""Points of a learning curve: means with intervals."""

from __future__ import annotations

import polars as pl

from recsat.config.settings import MeasureSettings
from recsat.measure.intervals import bootstrap_intervals, finite_or_none
from recsat.result.model import LearningPoint


def learning_points(table: pl.DataFrame, *, settings: MeasureSettings, seed: int) -> list[LearningPoint]:
    """One for each arm and number of likes of ``table`` (arm, split, n_likes, share, user_id, value), BCa intervals over users."""
    points = []
    for (arm, split, n_likes, share), rows in table.partition_by(
        "arm", "split", "n_likes", "share", as_dict=True, maintain_order=True
    ).items():
        of = bootstrap_intervals(
            rows["value"].to_numpy()[:, None],
            confidence=settings.confidence,
            n_bootstrap=settings.n_bootstrap,
            seed=seed,
        )
        low, high = (finite_or_none(end[0]) for end in (of.low, of.high))
        points.append(
            LearningPoint(
                arm=str(arm),
                split=str(split),
                n_likes=int(n_likes),
                share=float(share),
                ndcg=float(of.mean[0]),
                low=low,
                high=high,
                n_users=rows.height,
            )
        )
    return points
