"""What one set of settings says otherwise than another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line for each dotted key whose value is not the same; sections are entered, lists are values.

    >>> differences({"rank": {"k": 10}, "seed": 1}, {"rank": {"k": 20}, "seed": 1})
    ['rank.k was 10 and is 20']
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    return [
        f"{key} was {_text(old, key)} and is {_text(new, key)}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key) or (key in old) != (key in new)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys of everything that is no mapping."""
    return [
        leaf
        for key, inner in value.items()
        for leaf in (_flat(inner, f"{prefix}{key}.") if isinstance(inner, Mapping) else [(f"{prefix}{key}", inner)])
    ]


def _text(flat: Mapping[str, Any], key: str) -> str:
    return json.dumps(flat[key], ensure_ascii=False) if key in flat else "not there"
