"""Turns a run's filters into what retrieval pushes down and what is masked afterwards, and counts what each removes.

Light on purpose: no torch and no qdrant-client, since the filters are registered when plugins load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue
from recsat.contract.rules import PayloadType, Rule, payload_type
from recsat.errors import DataError, PluginError


def _seen(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    events = context.known.events.lazy().select("user_id", "item_id")
    return events.join(users.to_frame("user_id").lazy(), on="user_id", how="semi").unique().collect()


SEEN = CandidateFilter(
    name="seen",
    description="Items that the user has already had any event with.",
    exclude=_seen,
)


def _rejected(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    return context.rejected(users)


REJECTED = CandidateFilter(
    name="rejected",
    description="Items that the user did not want, by an event that the domain calls a rejection, and has had no other event with since.",
    exclude=_rejected,
)


@dataclass(frozen=True)
class FilterPlan:
    """All filters of a run, for some users (rows) over a catalogue (columns)."""

    items: NDArray[np.bool_]
    """(n_items,): False where the item is removed for everybody."""
    excluded: csr_array
    """(n_users, n_items) bool: pairs that must not be shown."""
    allowed: csr_array | None
    """(n_users, n_items) bool: pairs that alone may be shown; None where no filter says so."""
    where: list[Mapping[str, Any]]
    """Qdrant filters in JSON form, all of which hold."""
    by_id: bool
    """True where ``items`` is narrower than ``where`` says, so that retrieval must be given the ids."""
    removed: dict[str, int]
    """Candidates that each filter removed, in run order; a candidate counts for the first filter that removes it."""
    n_candidates: int
    """Pairs before any filter."""

    def mask(self, rows: slice) -> NDArray[np.bool_]:
        """(n_rows, n_items): True where the item may be shown to the user."""
        excluded = self.excluded[rows]
        permitted = np.tile(self.items, (excluded.shape[0], 1))
        permitted[excluded.nonzero()] = False
        if self.allowed is not None:
            permitted &= self.allowed[rows].toarray()
        return permitted


def plan_filters(
    filters: Mapping[str, CandidateFilter],
    catalogue: Catalogue,
    user_ids: list[str],
    context: FilterContext,
    universe: NDArray[np.bool_] | None = None,
) -> FilterPlan:
    """Evaluates ``filters`` once, in their order, for ``user_ids``.

    ``universe`` is the (n_items,) mask of items that can be candidates at all (None: the whole catalogue). Raises
    :class:`PluginError` where a filter returns something else than its contract says.
    """
    n_users, n_items = len(user_ids), len(catalogue)
    start = np.ones(n_items, dtype=bool) if universe is None else universe.copy()
    items = start.copy()
    excluded = csr_array((n_users, n_items), dtype=bool)
    allowed: csr_array | None = None
    where: list[Mapping[str, Any]] = []
    removed: dict[str, int] = {}
    by_id = universe is not None
    left = _n_left(items, excluded, allowed)
    users = pl.Series("user_id", user_ids, dtype=pl.String)
    for name, rule in filters.items():
        of_kinds = concerned(rule, catalogue)
        bound = bound_rule(name, rule, context)
        if bound is not None:
            items &= bound.mask(catalogue.items).to_numpy() | ~of_kinds
            where.append(_for_kinds(bound.where(), rule.kinds))
        pushed = None if rule.where is None else rule.where(context)
        if pushed is not None:
            where.append(_for_kinds(pushed, rule.kinds))
        if rule.keep is not None:
            keep_mask = _keep(name, rule, catalogue, context) | ~of_kinds
            items &= keep_mask
            by_id |= pushed is None and not keep_mask.all()
        if rule.exclude is not None:
            pairs = _pairs(name, rule.exclude(users, context), catalogue, user_ids)
            excluded = either(excluded, only_in(pairs, of_kinds))
        if rule.allow is not None:
            pairs = _pairs(name, rule.allow(users, context), catalogue, user_ids)
            pairs = either(pairs, _everywhere(~of_kinds, n_users)) if not of_kinds.all() else pairs
            allowed = pairs if allowed is None else _both(allowed, pairs)
        now_left = _n_left(items, excluded, allowed)
        removed[name] = left - now_left
        left = now_left
    return FilterPlan(
        items=items,
        excluded=excluded,
        allowed=allowed,
        where=where,
        by_id=by_id and not items.all(),
        removed=removed,
        n_candidates=n_users * int(start.sum()),
    )


def bound_rule(name: str, rule: CandidateFilter, context: FilterContext) -> Rule | None:
    """The filter's rule with what ``context`` asks for; None where there is no rule or it asks for nothing.

    Raises DataError where the items lack a column that is asked for.
    """
    bound = None if rule.rule is None else rule.rule.bind(context)
    if bound is not None:
        missing = [column.name for column in bound.fields if column.name not in context.known.items.columns]
        if missing:
            raise DataError(
                f"items: filter {rule.name} needs column {missing[0]!r}, and these items have none. "
                f"Add the column, or take {name} out of rank.filters."
            )
    return bound


def filter_fields(rule: CandidateFilter, items: pl.DataFrame) -> dict[str, PayloadType]:
    """The columns of ``items`` that retrieval must have to check the filter, and the types of their indexes."""
    columns = () if rule.rule is None else rule.rule.fields
    types = {
        column.name: payload_type(column.name, items.schema[column.name])
        for column in columns
        if column.name in items.columns
    }
    return types | {name: kind for name, kind in rule.fields.items() if name in items.columns}


def concerned(rule: CandidateFilter, catalogue: Catalogue) -> NDArray[np.bool_]:
    """(n_items,): the items of the filter's kinds."""
    if rule.kinds is None:
        return np.ones(len(catalogue), dtype=bool)
    mask: NDArray[np.bool_] = catalogue.items["kind"].is_in(list(rule.kinds)).to_numpy()
    return mask


def _for_kinds(where: Mapping[str, Any], kinds: tuple[str, ...] | None) -> Mapping[str, Any]:
    """``where`` for items of ``kinds`` alone: other kinds pass."""
    if kinds is None:
        return where
    return {"should": [dict(where), {"must_not": [{"key": "kind", "match": {"any": list(kinds)}}]}]}


def _keep(name: str, rule: CandidateFilter, catalogue: Catalogue, context: FilterContext) -> NDArray[np.bool_]:
    assert rule.keep is not None
    values = rule.keep(catalogue.items, context)
    if not isinstance(values, pl.Series) or values.dtype != pl.Boolean or len(values) != len(catalogue):
        got = f"{values.dtype} Series of {len(values)}" if isinstance(values, pl.Series) else type(values).__name__
        raise PluginError(
            f"filter {name}: keep returned a {got}; return a Boolean Series of {len(catalogue)}, one per row of items."
        )
    mask: NDArray[np.bool_] = values.fill_null(value=False).to_numpy()
    return mask


def _pairs(name: str, pairs: pl.DataFrame, catalogue: Catalogue, user_ids: list[str]) -> csr_array:
    if not isinstance(pairs, pl.DataFrame) or not {"user_id", "item_id"} <= set(pairs.columns):
        raise PluginError(f"filter {name}: return a DataFrame with columns user_id and item_id.")
    rows = pl.DataFrame({"user_id": pl.Series(user_ids, dtype=pl.String), "row": np.arange(len(user_ids))})
    columns = catalogue.items.select("item_id").with_row_index("column")
    known = (
        pairs.lazy()
        .join(rows.lazy(), on="user_id")
        .join(columns.lazy(), on="item_id")
        .select("row", "column")
        .unique()
        .collect()
    )
    ones = np.ones(known.height, dtype=bool)
    return csr_array(
        (ones, (known["row"].to_numpy(), known["column"].to_numpy())), shape=(len(user_ids), len(catalogue))
    )


def either(a: csr_array, b: csr_array) -> csr_array:
    """Pairs of one or the other."""
    return csr_array((a + b).astype(bool))


def _both(a: csr_array, b: csr_array) -> csr_array:
    return csr_array(a.multiply(b).astype(bool))


def only_in(pairs: csr_array, columns: NDArray[np.bool_]) -> csr_array:
    """``pairs`` in the given columns alone."""
    inside = columns[pairs.indices]
    indptr = np.append(0, np.cumsum(inside))[pairs.indptr]
    return csr_array((np.ones(indptr[-1], dtype=bool), pairs.indices[inside], indptr), shape=pairs.shape)


def _everywhere(columns: NDArray[np.bool_], n_users: int) -> csr_array:
    row = csr_array(columns[None, :])
    return csr_array(
        (np.tile(row.data, n_users), np.tile(row.indices, n_users), np.arange(n_users + 1) * row.nnz),
        shape=(n_users, len(columns)),
    )


def _n_left(items: NDArray[np.bool_], excluded: csr_array, allowed: csr_array | None) -> int:
    if allowed is None:
        return excluded.shape[0] * int(items.sum()) - only_in(excluded, items).nnz
    permitted = only_in(allowed, items)
    return int(permitted.nnz - _both(permitted, excluded).nnz)
