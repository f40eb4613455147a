"""Arms that form a matrix of items × items, held against the memory that is free before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsat.contract.domain import RecommenderSpec
from recsat.errors import ConfigError

GIB = 2**30


def bytes_of_pairs(spec: RecommenderSpec, parameters: Mapping[str, Any], n_items: int) -> float:
    """What a fit's matrices of all pairs of items take; 0 above the arm's ``dense_limit``, which ``parameters`` may fix."""
    limit = parameters.get("dense_limit", spec.dense_limit)
    return 0.0 if limit is not None and n_items > limit else spec.bytes_per_item_pair * n_items**2


def refuse_too_large(
    arms: Mapping[str, RecommenderSpec],
    n_items: int,
    free: int,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Raises ConfigError, with what else can be done, where an arm's matrices of all pairs of items take more than ``free`` bytes.

    ``parameters`` are what the run fixes of each arm.
    """
    fixed = parameters or {}
    needs = {name: bytes_of_pairs(spec, fixed.get(name, {}), n_items) for name, spec in arms.items()}
    large = {name: n_bytes for name, n_bytes in needs.items() if n_bytes > free}
    if not large:
        return
    needed = ", ".join(f"{name} {n_bytes / GIB:.1f} GiB" for name, n_bytes in large.items())
    remedies = [f"Set arms to [{', '.join(name for name in arms if name not in large)}]"]
    remedies += [
        f"set parameters.{name}.dense_limit below {n_items:,}, above which it forms no such matrix"
        for name in large
        if arms[name].dense_limit is not None
    ]
    remedies += ["have fewer items by a higher data.min_item_events", "or use a machine with more memory"]
    raise ConfigError(
        f"arms: a fit on {n_items:,} items takes {needed}, and {free / GIB:.1f} GiB of memory are free. {', '.join(remedies)}. "
        "item-knn, ials, ials-text and aligned form none."
    )
