"""Calling the tests of a contract by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Failures = Callable[[type[Any]], dict[str, str]]


@pytest.fixture
def failures() -> Failures:
    """The tests of a contract's class that fail, with what they say; those that are skipped are left out."""

    def failures_of(contract: type[Any]) -> dict[str, str]:
        messages = {}
        for method in (name for name in dir(contract) if name.startswith("test_")):
            try:
                getattr(contract(), method)()
            except pytest.skip.Exception:
                continue
            except Exception as error:
                messages[method] = str(error)
        return messages

    return failures_of
