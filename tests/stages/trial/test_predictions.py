"""Errors of predicted outcomes: intervals over users, whose rows hang together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsat.measure.pooled import Resampling, pooled_mean
from recsat.result.model import Ends
from recsat.stages.trial.predictions import error_of

HOW = Resampling(confidence=0.95, n_bootstrap=200, seed=1)


@pytest.fixture
def rows() -> pl.DataFrame:
    """Of 60 users of ten rows, each user with a rate of their own."""
    rng = np.random.default_rng(0)
    rates = np.repeat(rng.beta(1, 3, 60), 10)
    return pl.DataFrame(
        {
            "user_id": np.repeat([f"u{i}" for i in range(60)], 10),
            "predicted": np.clip(rates + rng.normal(0, 0.1, 600), 0.01, 0.99),
            "observed": (rng.random(600) < rates).astype(np.float64),
        }
    )


def test_each_error_has_its_interval_over_users(rows: pl.DataFrame) -> None:
    error = error_of(rows, "ease", "warm", "test", "click", HOW)
    p, y = rows["predicted"], rows["observed"]
    losses = {
        "rmse": ((p - y) ** 2, True),
        "log_loss": (-(y * p.log() + (1 - y) * (1 - p).log()), False),
        "brier": ((p - y) ** 2, False),
    }
    for name, (loss, root) in losses.items():
        of_users = pooled_mean(rows["user_id"], loss, HOW, root=root)
        assert getattr(error, name) == pytest.approx(of_users.value)
        ends = getattr(error, f"{name}_ends")
        assert isinstance(ends, Ends)
        assert (ends.low, ends.high) == (pytest.approx(of_users.low), pytest.approx(of_users.high))
        assert ends.low < getattr(error, name) < ends.high


def test_without_a_way_to_make_them_or_of_one_user_there_are_none(rows: pl.DataFrame) -> None:
    of_one = rows.with_columns(user_id=pl.lit("u"))
    for error in (
        error_of(rows, None, "warm", "test", "click"),
        error_of(of_one, None, "warm", "test", "click", HOW),
    ):
        assert (error.rmse_ends, error.log_loss_ends, error.brier_ends) == (None, None, None)
