from __future__ import annotations

import doctest

from recsat.config import differences as module
from recsat.config.differences import differences


def test_the_example_is_true() -> None:
    assert doctest.testmod(module).failed == 0


def test_a_key_that_one_side_lacks_is_named_even_where_the_other_has_nothing() -> None:
    assert differences({"a": None}, {}) == ["a was null and is not there"]
    assert differences({}, {"b": {"c": [1]}}) == ["b.c was not there and is [1]"]
