"""Means over rows, clustered by user, against resampling of whole users."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsat.measure.pooled import Resampling, pooled_difference, pooled_mean, user_values

HOW = Resampling(confidence=0.95, n_bootstrap=2000, seed=0)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """150 users with 1 to 40 rows; whoever has many has larger losses."""
    rng = np.random.default_rng(2)
    n = rng.integers(1, 41, 150)
    user = np.repeat(np.arange(150), n)
    loss = rng.gamma(2, 0.5, len(user)) * (1 + n[user] / 40) * rng.gamma(4, 0.25, 150)[user]
    return pl.DataFrame(
        {"user": [f"u{u}" for u in user], "loss": loss, "other": 0.9 * loss + 0.1 * rng.random(len(user))}
    )


def of_users(rows: pl.DataFrame, column: str = "loss") -> tuple[np.ndarray, np.ndarray]:
    sums = rows.group_by("user", maintain_order=True).agg(s=pl.col(column).sum(), n=pl.len())
    return sums["s"].to_numpy(), sums["n"].to_numpy()


@pytest.mark.parametrize("root", [False, True])
def test_the_mean_is_that_of_all_rows_and_the_interval_that_of_resampled_users(rows: pl.DataFrame, root: bool) -> None:
    pooled = pooled_mean(rows["user"], rows["loss"], HOW, root=root)
    s, n = of_users(rows)
    draws = np.random.default_rng(1).integers(len(s), size=(4000, len(s)))
    means = s[draws].sum(axis=1) / n[draws].sum(axis=1)
    expected, value = (np.sqrt(means), rows["loss"].mean() ** 0.5) if root else (means, rows["loss"].mean())  # type: ignore[operator]
    assert pooled.value == pytest.approx(value)
    assert pooled.low == pytest.approx(np.quantile(expected, 0.025), rel=0.03)
    assert pooled.high == pytest.approx(np.quantile(expected, 0.975), rel=0.03)
    # Rows as if they were independent would say much more than they know.
    error = rows["loss"].std() / rows.height**0.5  # type: ignore[operator]
    assert root or (pooled.high - pooled.low) > 2 * 3.92 * error  # type: ignore[operator]


@pytest.mark.parametrize("root", [False, True])
def test_the_difference_is_that_of_the_means_and_of_the_same_users(rows: pl.DataFrame, root: bool) -> None:
    difference = pooled_difference(rows["user"], rows["loss"], rows["other"], HOW, root=root)
    one, other = (pooled_mean(rows["user"], rows[column], HOW, root=root).value for column in ("loss", "other"))
    assert difference.value == pytest.approx(one - other)
    (s, n), (t, _) = of_users(rows), of_users(rows, "other")
    draws = np.random.default_rng(1).integers(len(s), size=(4000, len(s)))
    resampled = [sums[draws].sum(axis=1) / n[draws].sum(axis=1) for sums in (s, t)]
    expected = np.sqrt(resampled[0]) - np.sqrt(resampled[1]) if root else resampled[0] - resampled[1]
    assert difference.low is not None
    assert difference.high is not None
    assert difference.high - difference.low == pytest.approx(3.92 * expected.std(), rel=0.1)


def test_users_of_many_rows_weigh_more() -> None:
    users, losses = pl.Series(["a", "b", "b", "b"]), pl.Series([5.0, 1.0, 1.0, 1.0])
    assert user_values(users, losses).mean() == pytest.approx(2.0)
    assert user_values(users, losses, root=True).mean() == pytest.approx(2.0**0.5)


def test_nothing_is_said_of_a_single_user_and_nothing_is_lost_where_no_error_is() -> None:
    one = pooled_mean(pl.Series(["a", "a"]), pl.Series([1.0, 2.0]), HOW)
    assert (one.value, one.low, one.high) == (1.5, None, None)
    assert pooled_mean(pl.Series(["a", "b"]), pl.Series([0.0, 0.0]), HOW, root=True).value == 0.0
