"""The game domain keeps the contract, on its simulated sample and on tables that have every column."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from recsat.testing import DomainContract
from recsat_game.domain import GAMES

STORE = Path(__file__).with_name("store")
FILTERS = ({"platform": "linux"}, {"max_age_rating": 7}, {"free_to_play_only": True})


class TestSimulatedSample(DomainContract):
    domain = GAMES
    settings: ClassVar = {"sample_users": 80, "sample_games": 60, "sample_items": 30}
    filter_settings = FILTERS


class TestOwnTables(DomainContract):
    domain = GAMES
    settings: ClassVar = {"folder": str(STORE), "layout": "tables"}
    filter_settings = FILTERS
