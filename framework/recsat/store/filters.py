"""Filters that plugins write as plain JSON become ``models.Filter``, with errors that a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from qdrant_client import models

from recsat.errors import StoreError


def parse_filter(where: Mapping[str, Any]) -> models.Filter:
    """``{"must": [{"key": "price", "range": {"lte": 10}}]}`` and everything else of Qdrant's REST form."""
    try:
        return models.Filter.model_validate(where)
    except ValidationError as error:
        raise StoreError(f"filter: {error}") from error
