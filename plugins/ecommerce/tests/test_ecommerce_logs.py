"""The demo's logs are Open Bandit's rows: what was shown by Thompson sampling, with what showing at random would have shown, and what it did earn."""

from __future__ import annotations

import polars as pl
import pytest

from recsat.config.settings import PolicyLogSettings
from recsat.offpolicy.judged import judged_logs
from recsat_ecommerce.bandit import HASH_LENGTH, SAMPLE, USER_FEATURES
from recsat_ecommerce.domain import ECOMMERCE, LOGS


def demo_log(campaign: str) -> pl.DataFrame:
    """(user_id, policy, click, propensity, probability) of both policies; the second probability is that of one of the campaign's items at random."""
    rows = [
        pl.read_csv(SAMPLE / f"{policy}_{campaign}.csv.gz").with_columns(policy=pl.lit(policy))
        for policy in ("bts", "random")
    ]
    n_items = pl.read_csv(SAMPLE / f"items_random_{campaign}.csv.gz").height
    return pl.concat(rows).select(
        user_id=pl.concat_str([pl.col(name).str.head(HASH_LENGTH) for name in USER_FEATURES], separator="-"),
        policy="policy",
        click="click",
        propensity="propensity_score",
        probability=pl.lit(1 / n_items).round(12),
    )


@pytest.mark.parametrize("campaign", sorted(LOGS))
def test_the_bundled_file_has_the_rows_of_both_policies(campaign: str) -> None:
    bundled, rows = pl.read_csv(LOGS[campaign]), demo_log(campaign)
    assert bundled.equals(rows)
    random = rows.filter(pl.col("policy") == "random")
    assert random["propensity"].to_numpy() == pytest.approx(random["probability"].to_numpy(), rel=1e-6)


def test_the_demo_asks_one_log_that_can_say_it_within_limits_and_one_that_cannot() -> None:
    men, women = (
        log
        for one in ECOMMERCE.demo["measure"]["logs"]
        for log in judged_logs(PolicyLogSettings.model_validate(one), 0.95)
    )
    assert (men.name, men.judged.answer) == ("Open Bandit, men", "limited")
    assert men.judged.effective_clicks == pytest.approx(15.1, abs=0.05)
    assert men.judged.value is not None
    assert men.earned is not None
    assert men.judged.value.low < men.earned.value < men.judged.value.high  # type: ignore[operator]
    assert men.earned.value == pytest.approx(0.0046)
    assert (women.judged.answer, women.judged.value) == ("refused", None)
    assert women.judged.causes == ["no overlap", "no clicks"]
