"""An arm from its specification, fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.errors import PluginError
from recsat.lists.returned import checked_arm


def fitted_arm(spec: RecommenderSpec, parameters: Mapping[str, Any], train: TrainingData) -> Recommender:
    """The arm of ``spec`` with ``parameters``, fitted on ``train``; raises PluginError where what it makes is no recommender, or its fit returns none."""
    arm: object = spec.make(**parameters)
    if not isinstance(arm, Recommender):
        raise PluginError(
            f"arm {spec.name!r}: make returned {type(arm).__name__}, and must return a recsat.Recommender. Mend it in the plugin."
        )
    return checked_arm(spec.name, arm.fit(train))
