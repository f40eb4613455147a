"""A reranker from its registration and the run's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsat.contract.domain import RerankerSpec
from recsat.contract.reranker import Reranker
from recsat.errors import ConfigError

TOPICAL = frozenset({"xquad", "calibrated"})
"""Rerankers that can be made only where the domain has topics."""


def make_reranker(spec: RerankerSpec, parameters: Mapping[str, Any]) -> Reranker:
    """The reranker with its defaults and what is ``given``; :class:`ConfigError` where one of these is unknown or wrong."""
    for name in parameters:
        if name not in spec.parameters:
            raise ConfigError(
                f"rank.reranker_parameters: reranker {spec.name!r} has no parameter {name!r}. "
                f"It has: {', '.join(spec.parameters) or 'none'}."
            )
    try:
        return spec.make(**{**spec.parameters, **parameters})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"rank.reranker_parameters: reranker {spec.name!r}: {error}.") from error
