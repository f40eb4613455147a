"""The social domain keeps the contract, on its simulated sample and on tables that have every column."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from recsat.testing import DomainContract
from recsat_social.domain import SOCIAL

NETWORK = Path(__file__).with_name("network")


class TestSimulatedSample(DomainContract):
    domain = SOCIAL
    settings: ClassVar = {"sample_users": 120, "sample_posts": 80}
    filter_settings = ({"max_distance": 1}, {"friendship": "mutual"})


class TestOwnTables(DomainContract):
    domain = SOCIAL
    settings: ClassVar = {"folder": str(NETWORK), "layout": "tables"}
    filter_settings = ({"max_distance": 1}, {"friendship": "mutual"})
