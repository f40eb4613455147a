"""An experiment with the lists of two arms: who is assigned, what is shown to whom, and that its outcomes are the simulator's alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from town import DOMAIN

from recsat.config.settings import ExperimentMetric, ExperimentSettings
from recsat.result.model import Experiment
from recsat.stages.trial.simulated_experiment import assignment, simulated_experiment

USERS = [f"u{i:03d}" for i in range(100)]
SETTINGS = ExperimentSettings(
    simulated_split="timeline", metrics={"liked": ExperimentMetric(value="liked", per="exposures")}
)


def lists(arm: str, items: str, users: Sequence[str] = USERS) -> pl.DataFrame:
    pairs = [(user, item, arm) for user in users for item in items]
    return pl.DataFrame(pairs, schema=["user_id", "item_id", "arm"], orient="row")


def simulate(pairs: pl.DataFrame, config: Any, seed: int) -> pl.DataFrame:
    """Everybody is shown the whole list once and likes ``a``; every third user likes ``b`` too."""
    third = pl.col("user_id").str.slice(1).cast(pl.Int64) % 3 == seed % 3
    return pairs.with_columns(liked=(pl.col("item_id") == "a") | ((pl.col("item_id") == "b") & third))


def experiment(*tables: pl.DataFrame, pair: tuple[str, str] = ("text", "ease"), seed: int = 0) -> Experiment:
    domain = replace(DOMAIN, simulate_exposures=simulate)
    return simulated_experiment(domain, None, pl.concat(tables), pair, SETTINGS, seed=seed, confidence=0.95)


def test_half_of_the_users_each_drawn_by_the_seed_whatever_their_order() -> None:
    one = assignment(pl.Series(USERS), ("ease", "text"), 3)
    assert dict(one["policy"].value_counts().iter_rows()) == {"ease": 50, "text": 50}
    assert assignment(pl.Series(USERS[::-1] + USERS), ("ease", "text"), 3).equals(one)
    assert not assignment(pl.Series(USERS), ("ease", "text"), 4).equals(one)
    assert one["policy"].to_list() != ["ease", "text"] * 50


def test_each_user_sees_the_list_of_one_arm() -> None:
    (effect,) = experiment(lists("text", "acd"), lists("ease", "cde"), lists("popularity", "b")).effects
    assert (effect.treatment, effect.metric) == ("text", "liked")
    assert (effect.mean_treatment, effect.mean_control) == (pytest.approx(1 / 3), 0)


def test_the_control_is_the_second_of_the_pair_and_the_experiment_is_called_simulated() -> None:
    one = experiment(lists("text", "ab"), lists("ease", "bc"))
    assert (one.control, list(one.n_users), one.split, one.simulated) == ("ease", ["ease", "text"], "timeline", True)
    assert one.n_users == {"ease": 50, "text": 50}


def test_who_takes_part_does_not_depend_on_the_arm() -> None:
    one = experiment(lists("text", "ab", USERS[:80]), lists("ease", "bc", USERS[10:]))
    assert one.n_users == {"ease": 35, "text": 35}


def test_arms_of_one_list_differ_by_chance_alone() -> None:
    """The coin of each seed is another, and no seed makes an effect."""
    effects = [experiment(lists("text", "ab"), lists("ease", "ab"), seed=seed).effects[0] for seed in range(20)]
    values = [effect.difference.value for effect in effects]
    assert min(values) < 0 < max(values)
    assert sum(effect.outcome == "not shown" for effect in effects) >= 17
