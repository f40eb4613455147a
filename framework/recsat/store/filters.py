"""Filters that plugins write as plain JSON become ``models.Filter``, with errors that a person can act on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError
from qdrant_client import models

from recsat.errors import StoreError, did_you_mean
from recsat.store.checks import normal_id

_CLAUSES = ("must", "should", "must_not", "min_should")
_TESTS = ("match", "range", "values_count", "geo_radius", "is_empty", "is_null")
_WITHOUT_KEY = ("is_empty", "is_null", "has_id", "has_vector", "nested")
_MATCHES = ("value", "any", "except")  # full text needs a text index, which a payload field cannot ask for here
_BOUNDS = ("gt", "gte", "lt", "lte")


def parse_filter(where: Mapping[str, Any]) -> models.Filter:
    """A filter from Qdrant's REST form.

    >>> parse_filter({"must": [{"key": "price", "range": {"lte": 10}}]}).must[0].range.lte
    10.0

    Raises StoreError that names the place and the nearest known word for a key that Qdrant does not have, an empty condition or
    a value of the wrong type. (Qdrant itself would take ``{}`` as "everything", so a misspelt filter must not pass.)
    """
    _filter(where, "filter")
    try:
        return models.Filter.model_validate(where)
    except ValidationError as error:
        first = error.errors()[0]
        words = {*_CLAUSES, *_TESTS, *_WITHOUT_KEY, *_MATCHES, *_BOUNDS, "key", "conditions", "filter"}
        place = ".".join(
            str(part) for part in first["loc"] if part in words or isinstance(part, int)
        )  # not pydantic's unions
        raise StoreError(
            f"filter: {place}: {first['msg']}, got {first['input']!r}. Write it as in Qdrant's REST API."
        ) from error


def _filter(where: Any, place: str) -> None:
    _known(where, _CLAUSES, place)
    for clause in ("must", "should", "must_not"):
        if clause in where:
            _conditions(where[clause], f"{place}.{clause}")
    if "min_should" in where:
        least = where["min_should"]
        _known(least, ("conditions", "min_count"), f"{place}.min_should")
        if set(least) != {"conditions", "min_count"} or not isinstance(least["min_count"], int):
            raise StoreError(f"{place}.min_should: needs conditions and an integer min_count, got {least!r}.")
        _conditions(least["conditions"], f"{place}.min_should.conditions")


def _conditions(conditions: Any, place: str) -> None:
    if isinstance(conditions, Mapping):
        conditions = [conditions]
    if not isinstance(conditions, Sequence) or isinstance(conditions, str) or not conditions:
        raise StoreError(
            f"{place}: {conditions!r} is not a list of conditions. Write at least one, or leave the clause out."
        )
    for i, condition in enumerate(conditions):
        _condition(condition, f"{place}[{i}]")


def _condition(condition: Any, place: str) -> None:
    if isinstance(condition, Mapping) and "key" in condition:
        if not isinstance(condition["key"], str) or not condition["key"]:
            raise StoreError(f"{place}.key: {condition['key']!r} is not the name of a payload field.")
        _known(condition, ("key", *_TESTS), place)
        if not any(test in condition for test in _TESTS):
            raise StoreError(
                f"{place}: a condition on {condition['key']!r} that tests nothing. Add one of {', '.join(_TESTS)}."
            )
        if "match" in condition:
            _match(condition["match"], f"{place}.match")
        if "range" in condition:
            _range(condition["range"], f"{place}.range")
        if "values_count" in condition:
            _known(condition["values_count"], _BOUNDS, f"{place}.values_count")
        return
    _known(condition, ("key", *_WITHOUT_KEY, *_CLAUSES), place)
    if any(clause in condition for clause in _CLAUSES):
        _filter(condition, place)
    elif len(condition) != 1:
        raise StoreError(f"{place}: {sorted(condition)} in one condition. Write one condition for each.")
    elif "has_id" in condition:
        for point in condition["has_id"]:
            normal_id(point, f"{place}.has_id")
    elif "nested" in condition:
        _known(condition["nested"], ("key", "filter"), f"{place}.nested")
        _filter(condition["nested"].get("filter", {}), f"{place}.nested.filter")


def _match(match: Any, place: str) -> None:
    _known(match, _MATCHES, place)
    if len(match) != 1:
        raise StoreError(f"{place}: {sorted(match)} together. Write one of {', '.join(_MATCHES)}.")
    (kind, value), *_ = match.items()
    if kind == "value" and not isinstance(value, (bool, int, str)):
        raise StoreError(
            f"{place}.value: {value!r} is not a text, whole number or bool, and Qdrant matches only those. Use range for a float."
        )
    if kind in ("any", "except"):
        kinds = {type(v) for v in value} if isinstance(value, (list, tuple)) else set()
        if kinds not in ({str}, {int}):
            raise StoreError(
                f"{place}.{kind}: {value!r} is not a list of texts or a list of whole numbers. Qdrant takes only those."
            )


def _range(bounds: Any, place: str) -> None:
    _known(bounds, _BOUNDS, place)
    numbers = [_is_number(value, f"{place}.{name}") for name, value in bounds.items()]
    if any(numbers) and not all(numbers):
        raise StoreError(f"{place}: {dict(bounds)!r} mixes numbers and dates. Use one kind.")


def _is_number(value: Any, place: str) -> bool:
    """False for a date, as object or text; anything else is refused."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return True
    if isinstance(value, date):  # datetime is one too
        return False
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise StoreError(
            f"{place}: {value!r} is neither a finite number nor an ISO 8601 date. Leave out a bound that is open."
        ) from None
    return False


def _known(part: Any, words: Sequence[str], place: str) -> None:
    if not isinstance(part, Mapping) or not part:
        raise StoreError(f"{place}: {part!r} is not an object with any of {', '.join(words)}.")
    for word in part:
        if word not in words:
            hint = did_you_mean(str(word), words) or f" Use one of {', '.join(words)}."
            raise StoreError(f"{place}: unknown key {word!r}.{hint}")
