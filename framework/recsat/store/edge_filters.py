"""Filters of ``qdrant_client.models`` as filters of the embedded engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import qdrant_edge as edge
from qdrant_client import models

from recsat.errors import StoreError


def edge_filter(where: models.Filter | None) -> Any:
    """None stays None; a condition that the embedded engine does not have raises StoreError."""
    if where is None:
        return None
    least = where.min_should
    return edge.Filter(
        must=_conditions(where.must),
        should=_conditions(where.should),
        must_not=_conditions(where.must_not),
        min_should=None
        if least is None
        else edge.MinShould([edge_condition(c) for c in least.conditions], least.min_count),
    )


def _conditions(conditions: Any) -> list[Any] | None:
    if conditions is None:
        return None
    return [edge_condition(c) for c in (conditions if isinstance(conditions, Sequence) else [conditions])]


def edge_condition(condition: Any) -> Any:
    """One condition, or a filter inside a filter."""
    match condition:
        case models.Filter():
            return edge_filter(condition)
        case models.FieldCondition():
            return _field(condition)
        case models.HasIdCondition():
            return edge.HasIdCondition({i if isinstance(i, int) else str(i) for i in condition.has_id})
        case models.IsEmptyCondition():
            return edge.IsEmptyCondition(condition.is_empty.key)
        case models.IsNullCondition():
            return edge.IsNullCondition(condition.is_null.key)
        case models.HasVectorCondition():
            return edge.HasVectorCondition(condition.has_vector)
        case models.NestedCondition():
            return edge.NestedCondition(condition.nested.key, edge_filter(condition.nested.filter))
    raise _unknown(condition)


def _field(condition: models.FieldCondition) -> Any:
    if condition.geo_bounding_box is not None or condition.geo_polygon is not None:
        raise _unknown(condition.geo_bounding_box or condition.geo_polygon)
    parts: dict[str, Any] = {}
    if condition.match is not None:
        parts["match"] = _match(condition.match)
    bounds = condition.range
    if isinstance(bounds, models.Range):
        parts["range"] = edge.RangeFloat(gte=bounds.gte, gt=bounds.gt, lte=bounds.lte, lt=bounds.lt)
    elif bounds is not None:
        limits = {name: _moment(getattr(bounds, name)) for name in ("gte", "gt", "lte", "lt")}
        parts["range"] = edge.RangeDateTime(**limits)
    if (counts := condition.values_count) is not None:
        parts["values_count"] = edge.ValuesCount(lt=counts.lt, gt=counts.gt, lte=counts.lte, gte=counts.gte)
    if (circle := condition.geo_radius) is not None:
        parts["geo_radius"] = edge.GeoRadius(edge.GeoPoint(circle.center.lon, circle.center.lat), circle.radius)
    if condition.is_empty is not None:
        parts["is_empty"] = condition.is_empty
    if condition.is_null is not None:
        parts["is_null"] = condition.is_null
    return edge.FieldCondition(condition.key, **parts)


def _match(match: Any) -> Any:
    values: Any
    match match:
        case models.MatchValue():
            # qdrant-edge-py 0.9.0 reads True as the integer 1, which matches no bool; numpy's bool it reads as a bool.
            values = np.bool_(match.value) if isinstance(match.value, bool) else match.value
            return edge.MatchValue(values)
        case models.MatchAny():
            values = list(match.any)
            return edge.MatchAny(values)
        case models.MatchExcept():
            values = list(match.except_)
            return edge.MatchExcept(values)
    raise _unknown(match)


def _moment(moment: datetime | date | None) -> str | None:
    """RFC 3339, which the engine parses; a time without a zone is UTC, as on a server."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _unknown(part: object) -> StoreError:
    return StoreError(
        f"filter: the embedded store has no {type(part).__name__}. Rewrite the condition, or use store.backend = server."
    )
