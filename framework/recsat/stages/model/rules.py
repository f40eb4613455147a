"""A run's filters over a saved catalogue: what they say of items is saved, what they say of a user is asked anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import polars as pl

from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue
from recsat.errors import SavedModelError
from recsat.lists.filters import SEEN, plan_filters
from recsat.stages.model.histories import Histories


def item_masks(
    filters: Mapping[str, CandidateFilter], catalogue: Catalogue, context: FilterContext
) -> dict[str, pl.Series]:
    """By filter, (n_items,) bool: False where the item is removed for everybody."""
    of_items = {name: replace(rule, exclude=None, allow=None) for name, rule in filters.items()}
    return {
        name: pl.Series(name, plan_filters({name: rule}, catalogue, [], context).items)
        for name, rule in of_items.items()
    }


def asks_of_users(rule: CandidateFilter) -> bool:
    """Whether the filter looks at tables for each user. The histories know what a user has seen."""
    return rule.allow is not None or (rule.exclude is not None and rule.exclude is not SEEN.exclude)


def check_masks(filters: Mapping[str, CandidateFilter], masks: pl.DataFrame) -> None:
    """Raises SavedModelError for a filter without a mask: one that always holds, and came after the model."""
    missing = [name for name in filters if name not in masks.columns]
    if missing:
        raise SavedModelError(
            f"filter {missing[0]!r} always holds, and is newer than the model. Run the run again to have a model that knows it."
        )


def saved_filters(
    filters: Mapping[str, CandidateFilter],
    masks: pl.DataFrame,
    histories: Histories,
    catalogue: Catalogue,
    context: Callable[[], FilterContext],
) -> dict[str, CandidateFilter]:
    """``filters`` with the item ``masks`` of their names, in their order; ``context`` is made when a filter asks of users."""

    def saved(rule: CandidateFilter, mask: pl.Series) -> CandidateFilter:
        exclude, allow = rule.exclude, rule.allow
        return CandidateFilter(
            name=rule.name,
            description=rule.description,
            kinds=rule.kinds,
            keep=lambda items, _: mask,
            exclude=_seen_in(histories, catalogue)
            if exclude is SEEN.exclude
            else exclude and (lambda users, _: exclude(users, context())),
            allow=allow and (lambda users, _: allow(users, context())),
        )

    return {name: saved(rule, masks[name]) for name, rule in filters.items()}


def _seen_in(histories: Histories, catalogue: Catalogue) -> Callable[[pl.Series, FilterContext], pl.DataFrame]:
    return lambda users, _: histories.seen_pairs(users, catalogue)
