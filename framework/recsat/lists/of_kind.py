"""Lists of one kind of items alone."""

from __future__ import annotations

from dataclasses import replace

from recsat.contract.interactions import Catalogue
from recsat.contract.rules import field
from recsat.lists.filters import FilterPlan


def of_kind(plan: FilterPlan, catalogue: Catalogue, kind: str) -> FilterPlan:
    """``plan`` that leaves items of ``kind`` alone, in the store's search too; who is served, and what filters forbid them, stay as they are.

    A list under it is what a request for that kind alone gets (:func:`~recsat.lists.requests.request_filters`).
    """
    rule = field("kind").is_in([kind])
    return replace(plan, items=plan.items & rule.mask(catalogue.items).to_numpy(), where=[*plan.where, rule.where()])
