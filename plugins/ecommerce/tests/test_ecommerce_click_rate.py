"""The click rate on the bundled Open Bandit sample is that of the log, and not of those who clicked."""

from __future__ import annotations

import polars as pl
import pytest

from recsat import Dataset, Judged
from recsat_ecommerce.bandit import SAMPLE, read_bandit
from recsat_ecommerce.metrics import METRICS

METRIC = next(metric for metric in METRICS if metric.name == "click_through_rate")


def judged_of(data: Dataset, exposures: pl.DataFrame) -> Judged:
    """Only groups that clicked are served; their lists hold the whole campaign, so that every policy may be its own list."""
    served = exposures.filter("click")["user_id"].unique().sort()
    lists = served.to_frame().join(data.items.select("item_id"), how="cross")
    return Judged(
        lists=lists.with_columns(rank=pl.int_range(1, pl.len() + 1).over("user_id"), score=pl.lit(0.0)),
        outcomes=data.events,
        hits=lists.join(data.events, on=["user_id", "item_id"]),
        users=served,
        history=data.events.clear(),
        items=data.items,
        exposures=exposures,
    )


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
@pytest.mark.parametrize("policy", ["random", "bts"])
def test_both_policies_have_the_rate_of_all_that_they_showed(campaign: str, policy: str) -> None:
    data = read_bandit(SAMPLE, campaign, [policy])
    assert data.exposures is not None
    # A policy valued on its own log needs no other weight than 1, which is that of the uniform one.
    weightless = data.exposures.with_columns(propensity=pl.lit(1 / data.items.height))
    judged = judged_of(data, weightless)
    values = METRIC.compute(judged)
    rate = values["value"].to_numpy().mean()
    assert rate == pytest.approx(weightless["click"].to_numpy().mean())
    assert 0.0038 <= round(float(rate), 10) <= 0.0069
    assert values.height == weightless["user_id"].n_unique() > 4 * len(judged.users)


def test_the_propensities_of_the_uniform_policy_are_that_weight() -> None:
    data = read_bandit(SAMPLE, "all", ["random"])
    assert data.exposures is not None
    rate = METRIC.compute(judged_of(data, data.exposures))["value"].to_numpy().mean()
    assert rate == pytest.approx(0.0038, rel=1e-3)
