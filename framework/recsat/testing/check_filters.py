"""Rules for filters: they only remove, and Qdrant and polars remove the same, of a domain's items and of any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from recsat.config.settings import StoreSettings
from recsat.contract.domain import CandidateFilter, Domain, FilterContext
from recsat.contract.interactions import Catalogue
from recsat.errors import ConfigError, DataError
from recsat.lists.filters import FilterPlan, filter_fields, plan_filters
from recsat.testing.generate import generate_items

N_ITEMS = 1000
N_GENERATED = 400
N_USERS = 50
COLLECTION = "contract"


def plan_of(domain: Domain, name: str, context: FilterContext) -> FilterPlan:
    """What the domain's filter ``name`` leaves of the known items (``items``) and pushes down (``where``), for no user."""
    rule = next(rule for rule in domain.filters if rule.name == name)
    return plan_filters({f"{domain.name}.{name}": rule}, Catalogue(context.known.items), [], context)


def kept_items(domain: Domain, name: str, context: FilterContext) -> list[str]:
    """Ids of the known items that the domain's filter ``name`` leaves to everybody, in the order of the table."""
    plan = plan_of(domain, name, context)
    ids: list[str] = context.known.items.filter(pl.Series(plan.items, dtype=pl.Boolean))["item_id"].to_list()
    return ids


def check_filter(rule: CandidateFilter, contexts: Sequence[FilterContext]) -> bool:
    """Whether the filter removed something under one of ``contexts``; AssertionError where it breaks a rule.

    A filter may refuse data that lack its columns, with DataError or ConfigError; under that context it is not tried.
    """
    assert rule.where is None or rule.keep is not None, (
        f"filter {rule.name}: it has where and no keep, so it cannot be checked again after reranking. Write keep too."
    )
    removed = [_check(rule, context) for context in contexts]  # all of them, also after the first that removes
    return any(removed)


def _check(rule: CandidateFilter, context: FilterContext) -> bool:
    known = context.known
    items = known.items.sample(min(N_ITEMS, known.items.height), seed=0).sort("item_id")
    users = pl.concat([known.users["user_id"], known.events["user_id"]]).unique().sort().head(N_USERS)
    catalogue = Catalogue(items)
    try:
        plan = plan_filters({rule.name: rule}, catalogue, users.to_list(), context)
    except (DataError, ConfigError):
        return False
    if rule.keep is not None:
        _check_keep(rule, items, context)
    for part in (rule.exclude, rule.allow):
        if part is not None:
            _check_pairs(rule.name, part(users, context), part(users.head(1), context), users, known.items)
    if plan.where:
        _check_where(rule, items, context)
    if rule.where is not None and plan.where:
        _check_where(
            rule, generate_items(items, filter_fields(rule, items), plan.where, context.now, N_GENERATED), context
        )
    return plan.removed[rule.name] > 0


def _check_keep(rule: CandidateFilter, items: pl.DataFrame, context: FilterContext) -> None:
    assert rule.keep is not None
    mask = rule.keep(items, context)
    assert rule.keep(items.reverse(), context).reverse().equals(mask, check_names=False), (
        f"filter {rule.name}: keep gives an item another answer when rows are in another order. Answer row by row."
    )
    half = items.gather_every(2)
    assert rule.keep(half, context).equals(mask.gather_every(2), check_names=False), (
        f"filter {rule.name}: keep gives an item another answer beside other items. Use the items that it is given."
    )


def _check_pairs(name: str, pairs: pl.DataFrame, of_first: pl.DataFrame, users: pl.Series, items: pl.DataFrame) -> None:
    columns = ["user_id", "item_id"]
    unknown_users = pairs.filter(~pl.col("user_id").is_in(users.implode()))
    assert unknown_users.is_empty(), (
        f"filter {name}: it answers for user {unknown_users['user_id'][0]!r}, who was not asked for."
    )
    unknown_items = pairs.join(items, on="item_id", how="anti")
    assert unknown_items.is_empty(), (
        f"filter {name}: it answers about {unknown_items['item_id'][0]!r}, which is not among the items."
    )
    alone = of_first.select(columns).unique().sort(columns)
    among = pairs.filter(pl.col("user_id") == users[0]).select(columns).unique().sort(columns) if len(users) else alone
    assert alone.equals(among), f"filter {name}: a user's pairs change with who else is asked for. Answer user by user."


def _check_where(rule: CandidateFilter, items: pl.DataFrame, context: FilterContext) -> None:
    # Imported here: qdrant-client takes two seconds, and a domain without pushed-down filters does not need it.
    from recsat.store import FieldType, open_store, parse_filter, point_ids

    missing = [field for field in rule.fields if field not in items.columns]
    assert not missing, (
        f"filter {rule.name}: fields {missing} are not columns of items. Name columns, or refuse such data."
    )
    # What a rule pushes down is the rule alone: keep beside it says what Qdrant need not know.
    plan = plan_filters(
        {rule.name: rule if rule.rule is None else replace(rule, keep=None)}, Catalogue(items), [], context
    )
    fields: dict[str, FieldType] = {"kind": "keyword", **filter_fields(rule, items)}
    undeclared = sorted(_keys(plan.where) - set(fields))
    assert not undeclared, (
        f"filter {rule.name}: where looks at {undeclared}, which fields does not declare. Declare them."
    )
    ids = point_ids("contract", items)
    with open_store(StoreSettings(backend="memory"), "") as store:
        store.ensure_collection(COLLECTION, {"one": 1}, payload_indexes=fields)
        ones = np.ones((len(ids), 1), dtype=np.float32)
        store.upsert_table(COLLECTION, ids, {"one": ones}, items.select(list(fields)))
        page = store.scroll(COLLECTION, where=parse_filter(plan.where[0]), limit=len(ids), with_payload=False)
    pushed = pl.Series(ids, dtype=pl.UInt64).is_in(
        pl.Series([record.id for record in page.records], dtype=pl.UInt64).implode()
    )
    differ = items.filter(pushed != pl.Series(plan.items))
    if differ.is_empty():
        return
    cells = differ.select(list(fields)).row(0, named=True)
    raise AssertionError(
        f"filter {rule.name}: where and keep disagree on {differ.height} of {items.height} items, such as "
        f"{differ['item_id'][0]!r} with {cells}. Mind items whose field is null: Qdrant finds them with is_empty alone. A rule "
        "says both at once: recsat.field."
    )


def _keys(part: Any) -> set[str]:
    """Payload fields that a filter names."""
    if isinstance(part, Mapping):
        keys = {part["key"]} if isinstance(part.get("key"), str) else set()
        return keys.union(*map(_keys, part.values()))
    if isinstance(part, Sequence) and not isinstance(part, str):
        return set().union(*map(_keys, part))
    return set()
