"""What an operator sets: which files, and what the filters and metrics ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from recsat import OwnTables

WINDOW_DAYS = 14


class GameConfig(OwnTables):
    """Without anything set, a simulated sample is made."""

    of_layouts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **OwnTables.of_layouts,
        **dict.fromkeys(("sample_users", "sample_games", "sample_items", "sample_seed"), ("sample",)),
        "catalogue": ("steam",),
    }

    layout: Literal["sample", "steam", "tables"] = Field(
        "sample",
        description=(
            "sample: a simulated store, made when it is loaded. steam: Steam-200k, purchases and hours played. "
            "tables: your own items, events, users and exposures."
        ),
    )
    folder: str | None = Field(
        None,
        min_length=1,
        description=(
            "Folder with the files of the layout; the sample has none. "
            "Empty for steam: steam-200k under the environment variable RECSAT_DATA."
        ),
        examples=["/data/games"],
    )
    catalogue: str | None = Field(
        None,
        min_length=1,
        description="steam: folder of the Steam catalogue. Empty: steam-catalog-2018 beside the folder, where it is there.",
        examples=["/data/steam-catalog-2018"],
    )
    sample_users: int = Field(250, ge=40, le=3000, description="sample: simulated players.", examples=[250])
    sample_games: int = Field(160, ge=20, le=5000, description="sample: simulated games.", examples=[160])
    sample_items: int = Field(80, ge=10, le=5000, description="sample: simulated in-game items.", examples=[80])
    sample_seed: int = Field(0, ge=0, le=2**31 - 1, description="sample: seed of the simulation.", examples=[0])
    platform: str | None = Field(
        None,
        min_length=1,
        description="Filter platform: keep games, and items of games, that run on this platform.",
        examples=["linux", "switch"],
    )
    max_age_rating: int | None = Field(
        None,
        ge=0,
        le=21,
        description="Filter age_rating: keep games, and items of games, rated for this age or below.",
        examples=[12],
    )
    free_to_play_only: bool = Field(
        False, description="Filter free_to_play: keep games that cost nothing; in-game items and people stay."
    )
    retention_days: int = Field(
        WINDOW_DAYS,
        ge=2,
        le=365,
        description="Metric retention_window: did the user come back from the second day up to this many days after the hit?",
        examples=[14, 90],
    )

    @model_validator(mode="after")
    def _folder_fits_the_layout(self) -> Self:
        if self.layout == "tables" and self.folder is None:
            raise ValueError("layout 'tables' reads your own files: set folder to where they are")
        if self.layout == "sample" and self.folder is not None:
            raise ValueError("layout 'sample' is simulated and reads no folder: set layout to tables or steam")
        return self
