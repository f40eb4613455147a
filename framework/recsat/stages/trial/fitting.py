"""An arm from its specification, fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from recsat.arms.returned import checked_arm
from recsat.contract.arm import CHOICES, Choosing, Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.errors import PluginError, RunError

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
    with _enough_memory(spec, train):
        fitted: object = arm.fit(train)
    return checked_arm(spec.name, fitted)


def choices_of(spec: RecommenderSpec, parameters: Mapping[str, Any], train: TrainingData) -> Mapping[str, Any]:
    """What the arm of ``spec`` chooses on ``train`` by itself, as a parameter; none for an arm that chooses nothing. Raises RunError where memory does not suffice."""
    arm: object = spec.make(**parameters)
    if not isinstance(arm, Choosing):
        return {}
    with _enough_memory(spec, train):
        return {CHOICES: arm.choose(train)}


def without_choices(spec: RecommenderSpec, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """``parameters`` without what the arm of ``spec`` chose by itself."""
    is_choosing = isinstance(spec.make(**parameters), Choosing)
    return {name: value for name, value in parameters.items() if not (is_choosing and name == CHOICES)}


@contextmanager
def _enough_memory(spec: RecommenderSpec, train: TrainingData) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        raise RunError(
            f"arm {spec.name!r}: memory did not suffice for its fit on {len(train.catalogue):,} items and {len(train.users):,} users ({error}). "
            "Take it out of arms, have fewer items by a higher data.min_item_events, or use a machine with more memory."
        ) from error
