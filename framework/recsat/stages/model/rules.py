"""A run's filters over a saved catalogue: what they say of items is saved, what they say of a user is asked anew.

:func:`saved_filters` are filters like any other, which :mod:`~recsat.stages.model.why` takes away one by one. :class:`StandingRules` are the same put together once for all
requests: of six filters over 100,000 items a request would look at every mask, and count what each removes, which nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue
from recsat.errors import SavedModelError
from recsat.lists.filters import SEEN, FilterPlan, concerned, either, only_in, plan_filters
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


@dataclass(frozen=True)
class StandingRules:
    """What holds for every request of a model, made once."""

    items: NDArray[np.bool_]
    """(n_items,): False where some filter removes the item for everybody."""
    once: NDArray[np.bool_]
    """(n_items,): items of which a user sees no one twice."""
    of_users: Mapping[str, CandidateFilter]
    """The other filters that look at users, without what they say of items."""

    def plan(
        self,
        seen: csr_array,
        user_ids: list[str],
        of_request: Mapping[str, CandidateFilter],
        catalogue: Catalogue,
        context: Callable[[], FilterContext],
    ) -> FilterPlan:
        """The plan of these rules and the filters ``of_request`` for users who have ``seen`` this, (n_users, n_items) bool; what each filter removes is
        not counted. ``context`` is made where filters have to be asked."""
        excluded = only_in(seen, self.once)
        filters = {**self.of_users, **of_request}
        if not filters:
            by_id, n_pairs = not self.items.all(), seen.shape[0] * seen.shape[1]
            return FilterPlan(self.items, excluded, None, [], by_id=by_id, removed={}, n_candidates=n_pairs)
        plan = plan_filters(filters, catalogue, user_ids, context())
        items = plan.items & self.items
        by_id = (plan.by_id or not self.items.all()) and not items.all()
        return replace(plan, items=items, excluded=either(plan.excluded, excluded), by_id=by_id, removed={})


def standing_rules(filters: Mapping[str, CandidateFilter], masks: pl.DataFrame, catalogue: Catalogue) -> StandingRules:
    """Those of :func:`saved_filters`, whose item ``masks`` these are."""
    items, once = np.ones(len(catalogue), dtype=bool), np.zeros(len(catalogue), dtype=bool)
    of_users: dict[str, CandidateFilter] = {}
    for name, rule in filters.items():
        items &= masks[name].to_numpy() | ~concerned(rule, catalogue)
        if rule.exclude is SEEN.exclude and rule.allow is None:
            once |= concerned(rule, catalogue)
        elif rule.exclude is not None or rule.allow is not None:
            of_users[name] = replace(rule, rule=None, where=None, keep=None)
    return StandingRules(items, once, of_users)
