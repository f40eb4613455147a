r"""How far predicted outcomes are from what happened: ratings, clicks, conversions.

The table: ``predictions`` (user_id, predicted, observed), a row for each prediction whose outcome is known. Each function gives
one number over all rows, the usual definition. Log loss, Brier score and calibration error take probabilities of an outcome that
is 0 or 1. Every function raises DataError where a value is missing or out of range.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from recsat.errors import DataError
from recsat.measure.binomial import binomial_interval

N_BINS = 15
N_RELIABILITY_BINS = 10
CLIP = 1e-15

_ERROR = pl.col("predicted") - pl.col("observed")
_P = pl.col("predicted").clip(CLIP, 1 - CLIP)
SQUARED_ERROR = _ERROR**2
ABSOLUTE_ERROR = _ERROR.abs()
LOG_LOSS = -(pl.col("observed") * _P.log() + (1 - pl.col("observed")) * (1 - _P).log())
"""Losses of a row, for whoever needs them one by one."""


def rmse_of(predictions: pl.DataFrame) -> float:
    r"""Root mean squared error: :math:`\sqrt{\frac1N \sum (\hat r - r)^2}`, in the unit of the outcome.

    >>> rmse_of(pl.DataFrame({"user_id": ["u", "v"], "predicted": [3.0, 5.0], "observed": [3.0, 3.0]}))  # √((0 + 4) / 2)
    1.4142135623730951
    """
    return _pooled(predictions, SQUARED_ERROR.mean().sqrt())


def mae_of(predictions: pl.DataFrame) -> float:
    r"""Mean absolute error: :math:`\frac1N \sum |\hat r - r|`, in the unit of the outcome.

    >>> mae_of(pl.DataFrame({"user_id": ["u", "v"], "predicted": [3.0, 5.0], "observed": [3.0, 3.0]}))  # (0 + 2) / 2
    1.0
    """
    return _pooled(predictions, ABSOLUTE_ERROR.mean())


def log_loss_of(predictions: pl.DataFrame) -> float:
    r"""Mean negative log likelihood: :math:`-\frac1N \sum \bigl[y \ln p + (1 - y) \ln(1 - p)\bigr]`, in nats.

    p is kept within [1e-15, 1 − 1e-15], so that one certain error costs 34.5 and not infinity.

    >>> log_loss_of(pl.DataFrame({"user_id": ["u", "v"], "predicted": [0.5, 0.5], "observed": [1.0, 0.0]}))  # ln 2
    0.6931471805599453
    """
    _check_probabilities(predictions)
    return _pooled(predictions, LOG_LOSS.mean())


def brier_of(predictions: pl.DataFrame) -> float:
    r"""Brier score: :math:`\frac1N \sum (p - y)^2`. Brier, Monthly Weather Review 1950 (for one outcome).

    >>> brier_of(pl.DataFrame({"user_id": ["u", "v"], "predicted": [0.5, 1.0], "observed": [1.0, 1.0]}))  # (1/4 + 0) / 2
    0.125
    """
    _check_probabilities(predictions)
    return _pooled(predictions, SQUARED_ERROR.mean())


def calibration_error_of(predictions: pl.DataFrame, *, n_bins: int = N_BINS) -> float:
    r"""Expected calibration error over bins of equal width.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N} \bigl|\bar y_b - \bar p_b\bigr|

    Bin b holds :math:`p \in [b/B, (b+1)/B)`, the last one 1 as well. 0 where predicted shares come true in every bin. There
    is no value per user: a single user's few outcomes fill no bins. Naeini, Cooper and Hauskrecht, AAAI 2015.

    >>> table = pl.DataFrame({"user_id": ["u"] * 4, "predicted": [0.1, 0.1, 0.9, 0.9], "observed": [0.0, 0.0, 1.0, 0.0]})
    >>> round(calibration_error_of(table, n_bins=2), 4)  # 1/2 |0 - 0.1| + 1/2 |0.5 - 0.9|
    0.25
    """
    _check_probabilities(predictions)
    table = calibration_table(predictions, n_bins=n_bins)
    gap = (table["observed"] - table["predicted"]).abs() * table["n"]
    return float(gap.sum() / predictions.height)


def calibration_table(predictions: pl.DataFrame, *, n_bins: int = N_BINS) -> pl.DataFrame:
    """(bin, n, predicted, observed): means of each bin that is not empty, for the reliability diagram."""
    _check_probabilities(predictions)
    # Edges are compared, not multiplied: floor(p · n) puts 0.29 · 100 into bin 28.
    edges = np.arange(1, n_bins) / n_bins
    bins = np.searchsorted(edges, predictions["predicted"].to_numpy(), side="right")
    return (
        predictions.with_columns(bin=pl.Series(bins, dtype=pl.Int64))
        .group_by("bin")
        .agg(n=pl.len(), predicted=pl.col("predicted").mean(), observed=pl.col("observed").cast(pl.Float64).mean())
        .sort("bin")
    )


def reliability_table(
    predictions: pl.DataFrame, *, n_bins: int = N_RELIABILITY_BINS, confidence: float = 0.95
) -> pl.DataFrame:
    """(n, predicted, observed, low, high): bins of equal size in the order of the predictions, for rare events too.

    Bins of equal width would hold nearly every prediction of an event that happens to one in a hundred in the first. Equal predictions
    stay in one bin, so there may be fewer. ``low`` and ``high`` are the exact binomial interval of the share observed, as if rows were
    independent. Nixon et al., CVPR workshops 2019.
    """
    _check_probabilities(predictions)
    ranks = _numbers(predictions).with_columns(
        bin=((pl.col("predicted").rank("min") - 1) * n_bins / pl.len()).floor().cast(pl.Int64)
    )
    bins = ranks.group_by("bin", maintain_order=True).agg(
        n=pl.len().cast(pl.Int64),
        predicted=pl.col("predicted").mean(),
        observed=pl.col("observed").mean(),
        hits=pl.col("observed").sum().cast(pl.Int64),
    )
    bins = bins.sort("bin")
    ends = [
        binomial_interval(hits, n, confidence)
        for hits, n in zip(bins["hits"].to_list(), bins["n"].to_list(), strict=True)
    ]
    return bins.select("n", "predicted", "observed").with_columns(
        low=pl.Series([low for low, _ in ends]), high=pl.Series([high for _, high in ends])
    )


def _pooled(predictions: pl.DataFrame, loss: pl.Expr) -> float:
    _check_numbers(predictions)
    return float(_numbers(predictions).select(loss).item())


def _numbers(predictions: pl.DataFrame) -> pl.DataFrame:
    return predictions.with_columns(pl.col("predicted", "observed").cast(pl.Float64))


def _check_numbers(predictions: pl.DataFrame) -> None:
    if not predictions.height:
        raise DataError("predictions: the table is empty, so there is no error to measure.")
    for column in ("predicted", "observed"):
        bad = predictions.with_row_index("row").filter(
            pl.col(column).is_null() | ~pl.col(column).cast(pl.Float64).is_finite()
        )
        if bad.height:
            raise DataError(
                f"predictions, row {bad['row'][0]}: {column} is {bad[column][0]}. Leave out rows whose outcome is not known, "
                "and mend the model that gave no number."
            )


def _check_probabilities(predictions: pl.DataFrame) -> None:
    _check_numbers(predictions)
    table = _numbers(predictions).with_row_index("row")
    out = table.filter(~pl.col("predicted").is_between(0, 1))
    if out.height:
        raise DataError(
            f"predictions, row {out['row'][0]}: {out['predicted'][0]} is not a probability. Give values from 0 to 1."
        )
    not_binary = table.filter(~pl.col("observed").is_in([0.0, 1.0]))
    if not_binary.height:
        raise DataError(
            f"predictions, row {not_binary['row'][0]}: observed is {not_binary['observed'][0]}. Give 0 or 1."
        )
