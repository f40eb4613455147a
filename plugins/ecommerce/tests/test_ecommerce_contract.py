"""The e-commerce domain keeps the contract: on a slice of its sample, on exposures, and on tables that have every column."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from recsat.testing import DomainContract
from recsat_ecommerce.domain import ECOMMERCE

SLICE = Path(__file__).with_name("slice")
SHOP = Path(__file__).with_name("shop")


class TestOnlineRetail(DomainContract):
    domain = ECOMMERCE
    settings: ClassVar = {"folder": str(SLICE)}
    now = datetime(2011, 12, 10, tzinfo=UTC)
    filter_settings = (
        {"max_price": 2.0},
        {"min_price": 1.0, "max_price": 3.0},
        {"allow_categories": ["Jewellery"], "deny_categories": ["Christmas"]},
        {"market": "Germany"},
        {"rebuy_after_days": 30, "repeatable_categories": ["Tableware"]},
    )


class TestOpenBandit(DomainContract):
    domain = ECOMMERCE
    settings: ClassVar = {"layout": "open-bandit", "campaign": "men"}


class TestOwnTables(DomainContract):
    domain = ECOMMERCE
    settings: ClassVar = {"folder": str(SHOP), "layout": "tables"}
    filter_settings = (
        {"min_price": 5.0},
        {"allow_categories": ["Kitchen", "Home"]},
        {"deny_categories": ["Food"]},
        {"market": "FR"},
    )
