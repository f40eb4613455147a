"""Factories whose modules are imported when they are called, so that registering them loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(path: str, **fixed: Any) -> Callable[..., Any]:
    """A function that calls ``module:name`` with whatever parameters it gets, and ``fixed`` where it does not get them.

    >>> lazy("fractions:Fraction", denominator=4)(numerator=3)
    Fraction(3, 4)
    """
    module, _, name = path.partition(":")

    def make(**parameters: Any) -> Any:
        return getattr(import_module(module), name)(**{**fixed, **parameters})

    return make
