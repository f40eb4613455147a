"""The worked examples in the docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["accuracy", "concentration", "diversity", "intervals", "prediction", "significance", "slices"]
)
def test_worked_examples_hold(name: str) -> None:
    counts = doctest.testmod(importlib.import_module(f"recsat.measure.{name}"))
    assert counts.attempted > 0
    assert counts.failed == 0
