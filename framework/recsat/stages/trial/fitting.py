"""An arm from its specification, fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.errors import PluginError, RunError
from recsat.lists.returned import checked_arm

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
"""How torch says it, on a CPU and on a device: it raises RuntimeError."""


def fitted_arm(spec: RecommenderSpec, parameters: Mapping[str, Any], train: TrainingData) -> Recommender:
    """The arm of ``spec`` with ``parameters``, fitted on ``train``.

    Raises PluginError where what it makes is no recommender, or its fit returns none, and RunError where memory does not suffice.
    """
    arm: object = spec.make(**parameters)
    if not isinstance(arm, Recommender):
        raise PluginError(
            f"arm {spec.name!r}: make returned {type(arm).__name__}, and must return a recsat.Recommender. Mend it in the plugin."
        )
    try:
        fitted: object = arm.fit(train)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        raise RunError(
            f"arm {spec.name!r}: memory did not suffice for its fit on {len(train.catalogue):,} items and {len(train.users):,} users ({error}). "
            "Take it out of arms, have fewer items by a higher data.min_item_events, or use a machine with more memory."
        ) from error
    return checked_arm(spec.name, fitted)
