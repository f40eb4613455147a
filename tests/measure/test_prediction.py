from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error, root_mean_squared_error

from recsat.errors import DataError
from recsat.measure import prediction


@pytest.fixture(scope="module")
def ratings() -> pl.DataFrame:
    dice = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "user_id": [f"u{i % 17}" for i in range(400)],
            "predicted": dice.normal(3.5, 1, 400),
            "observed": dice.integers(1, 6, 400),
        }
    )


@pytest.fixture(scope="module")
def clicks() -> pl.DataFrame:
    dice = np.random.default_rng(1)
    p = dice.beta(1, 3, 600)
    p[:2] = 0.0, 1.0
    return pl.DataFrame(
        {"user_id": [f"u{i % 23}" for i in range(600)], "predicted": p, "observed": (dice.random(600) < p).astype(int)}
    )


def test_rating_errors_agree_with_sklearn(ratings: pl.DataFrame) -> None:
    observed, predicted = ratings["observed"].to_numpy(), ratings["predicted"].to_numpy()
    assert prediction.rmse_of(ratings) == pytest.approx(root_mean_squared_error(observed, predicted))
    assert prediction.mae_of(ratings) == pytest.approx(mean_absolute_error(observed, predicted))


def test_click_errors_agree_with_sklearn(clicks: pl.DataFrame) -> None:
    observed, predicted = clicks["observed"].to_numpy(), clicks["predicted"].to_numpy()
    assert prediction.log_loss_of(clicks) == pytest.approx(log_loss(observed, predicted), rel=1e-6)
    assert prediction.brier_of(clicks) == pytest.approx(brier_score_loss(observed, predicted))


def test_bins_agree_with_sklearn(clicks: pl.DataFrame) -> None:
    table = prediction.calibration_table(clicks, n_bins=10)
    observed, predicted = calibration_curve(clicks["observed"].to_numpy(), clicks["predicted"].to_numpy(), n_bins=10)
    assert table["observed"].to_numpy() == pytest.approx(observed)
    assert table["predicted"].to_numpy() == pytest.approx(predicted)
    assert table["n"].sum() == clicks.height


def test_calibrated_predictions_have_less_calibration_error_than_bold_ones() -> None:
    dice = np.random.default_rng(3)
    p = dice.random(20_000)
    calibrated = pl.DataFrame({"user_id": "u", "predicted": p, "observed": (dice.random(20_000) < p).astype(float)})
    bold = calibrated.with_columns(predicted=(pl.col("predicted") > 0.5).cast(pl.Float64))
    assert prediction.calibration_error_of(calibrated) < 0.02
    assert prediction.calibration_error_of(bold) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"predicted": [None], "observed": [1.0]}, "row 0: predicted is None"),
        ({"predicted": [0.5, 0.5], "observed": [1.0, float("nan")]}, "row 1: observed is nan"),
        ({"predicted": [1.2], "observed": [1.0]}, "1.2 is not a probability"),
        ({"predicted": [0.2], "observed": [2.0]}, "observed is 2.0"),
        ({"predicted": [], "observed": []}, "empty"),
    ],
)
def test_predictions_that_cannot_be_judged_are_refused(rows: dict[str, list[float | None]], message: str) -> None:
    table = pl.DataFrame(rows, schema={"predicted": pl.Float64, "observed": pl.Float64}).with_columns(
        user_id=pl.lit("u")
    )
    with pytest.raises(DataError, match=message):
        prediction.brier_of(table)


def test_the_reliability_table_agrees_with_sklearn_and_its_ends_with_the_exact_test(clicks: pl.DataFrame) -> None:
    table = prediction.reliability_table(clicks, n_bins=10)
    observed, predicted = calibration_curve(clicks["observed"], clicks["predicted"], n_bins=10, strategy="quantile")
    assert table["n"].to_list() == [60] * 10
    np.testing.assert_allclose(table["observed"], observed)
    np.testing.assert_allclose(table["predicted"], predicted)
    for n, share, low, high in table.select("n", "observed", "low", "high").iter_rows():
        exact = binomtest(round(n * share), n).proportion_ci(0.95, method="exact")
        assert (low, high) == pytest.approx((exact.low, exact.high))


def test_equal_predictions_stay_in_one_bin() -> None:
    table = pl.DataFrame({"user_id": ["u"] * 10, "predicted": [0.1] * 7 + [0.2] * 3, "observed": [0, 1] * 5})
    bins = prediction.reliability_table(table, n_bins=5)
    assert bins["n"].to_list() == [7, 3]
    assert bins["predicted"].to_list() == pytest.approx([0.1, 0.2])
