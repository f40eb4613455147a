"""Arms that form a matrix of items × items, held against the memory that is free before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.contract.domain import RecommenderSpec
from recsat.errors import ConfigError

GIB = 2**30


def refuse_too_large(arms: Mapping[str, RecommenderSpec], n_items: int, free: int) -> None:
    """Raises ConfigError, with what else can be done, where an arm's matrices of all pairs of items take more than ``free`` bytes."""
    needs = {name: spec.bytes_per_item_pair * n_items**2 for name, spec in arms.items()}
    large = {name: n_bytes for name, n_bytes in needs.items() if n_bytes > free}
    if large:
        needed = ", ".join(f"{name} {n_bytes / GIB:.1f} GiB" for name, n_bytes in large.items())
        raise ConfigError(
            f"arms: a fit on {n_items:,} items takes {needed}, and {free / GIB:.1f} GiB of memory are free. "
            f"Set arms to [{', '.join(name for name in arms if name not in large)}], have fewer items by a higher data.min_item_events, or use "
            "a machine with more memory. ials, ials-text, aligned and hybrid form no such matrix of a large catalogue."
        )
