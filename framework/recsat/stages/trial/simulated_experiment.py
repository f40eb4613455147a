"""An experiment that a domain's simulator runs: a coin gives each user one of two arms, whose list is shown place by place."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recsat.config.settings import ExperimentSettings
from recsat.contract.domain import Domain
from recsat.experiment import analyse
from recsat.result.model import Experiment

COIN = 11
"""Sets the assignment of users apart from whatever else is drawn by the seed of a run."""


def assignment(users: pl.Series, policies: tuple[str, str], seed: int) -> pl.DataFrame:
    """(user_id, policy): half of the ``users`` each, drawn at random whatever their order; of an odd number the first policy has one more."""
    ordered = users.unique().sort()
    order = np.random.default_rng([seed, COIN]).permutation(len(ordered))
    return pl.DataFrame({"user_id": ordered, "policy": np.array(policies)[order % 2]})


def simulated_experiment(
    domain: Domain,
    config: Any,
    lists: pl.DataFrame,
    pair: tuple[str, str],
    settings: ExperimentSettings,
    *,
    seed: int,
    confidence: float,
) -> Experiment:
    """``pair``, an arm and the control, against one another; ``lists`` are (user_id, item_id, arm) of everybody who could be served.

    Users with a list by both arms are assigned, so that who takes part does not depend on the arm; what they do comes from ``Domain.simulate_exposures``.
    """
    assert domain.simulate_exposures is not None, "the stage prepare sees to it"
    arm, control = pair
    with_list = [lists.filter(pl.col("arm") == name)["user_id"].unique() for name in pair]
    users = assignment(with_list[0].filter(with_list[0].is_in(with_list[1].implode())), (control, arm), seed)
    listed = lists.join(users, left_on=["user_id", "arm"], right_on=["user_id", "policy"], how="semi")
    exposures = domain.simulate_exposures(listed.select("user_id", "item_id"), config, seed)
    analysed = analyse(
        exposures.drop("policy", strict=False).join(users.rename({"policy": settings.policy}), on="user_id"),
        settings.model_copy(update={"control": control}),
        source=f"lists of {settings.simulated_split}, shown by a simulator",
        confidence=confidence,
    )
    return analysed.model_copy(update={"simulated": True, "split": settings.simulated_split})
