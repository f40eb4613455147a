"""The content domain keeps the contract, on its sample and on tables that have every column."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from recsat.testing import DomainContract
from recsat_content.domain import CONTENT

TABLES = Path(__file__).with_name("tables")


class TestContentOnItsSample(DomainContract):
    domain = CONTENT


class TestContentOnTables(DomainContract):
    domain = CONTENT
    settings: ClassVar = {"folder": str(TABLES), "layout": "tables"}
    filter_settings = (
        {"languages": ["en", "fr"]},
        {"max_age_rating": 12},
        {"region": "FR"},
        {"licence_at": "2024-01-15T00:00:00Z"},
        {"max_age_days": 31},
    )
