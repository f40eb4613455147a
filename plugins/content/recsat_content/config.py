"""What an operator sets: which files, and what the filters ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from recsat import OwnTables


class ContentConfig(OwnTables):
    """Without a folder, the bundled MovieLens sample is read."""

    of_layouts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **OwnTables.of_layouts,
        **dict.fromkeys(("simulated_users", "simulated_items", "simulated_seed"), ("simulated",)),
        "rating_scale": ("tables",),
    }

    folder: str | None = Field(
        None,
        min_length=1,
        description="Folder with your files. Empty: the bundled MovieLens sample.",
        examples=["/data/catalogue"],
    )
    layout: Literal["movielens", "simulated", "tables"] = Field(
        "movielens",
        description=(
            "movielens: movies, ratings and tags as GroupLens publishes them. "
            "simulated: films, tracks and articles with views, plays, skips and exposures, made when they are loaded. "
            "tables: items and events, with users and exposures where they exist."
        ),
    )
    simulated_users: int = Field(300, ge=40, le=3000, description="simulated: people.", examples=[300])
    simulated_items: int = Field(300, ge=20, le=5000, description="simulated: titles.", examples=[300])
    simulated_seed: int = Field(0, ge=0, le=2**31 - 1, description="simulated: seed of the simulation.", examples=[0])
    rating_scale: tuple[float, float] | None = Field(
        None,
        description="tables: smallest and largest rating of your files, such as 1 and 10. Empty: stars up to 5.",
        examples=[[1, 10]],
    )
    languages: list[str] = Field(
        default_factory=list,
        description="Filter language: keep items in one of these, by the codes in your items. Empty: every language.",
        examples=[["en", "fr"]],
    )
    max_age_rating: int | None = Field(
        None, ge=0, le=21, description="Filter age_rating: keep items rated for this age or below.", examples=[12]
    )
    region: str | None = Field(
        None, min_length=1, description="Filter region: keep items licensed for this region.", examples=["FR"]
    )
    licence_at: datetime | None = Field(
        None,
        description="Filter licence: keep items whose licence window covers this moment. Empty: the moment of the run.",
        examples=["2024-06-01T00:00:00Z"],
    )
    max_age_days: int | None = Field(
        None, ge=0, description="Filter freshness: keep items released at most this many days ago.", examples=[30]
    )

    @model_validator(mode="after")
    def _tables_need_a_folder(self) -> Self:
        if self.layout == "tables" and self.folder is None:
            raise ValueError("layout 'tables' reads your own files: set folder to where they are")
        if self.layout == "simulated" and self.folder is not None:
            raise ValueError("layout 'simulated' reads no files: leave folder out, or set layout to what is in it")
        if self.licence_at is not None and self.licence_at.tzinfo is None:
            raise ValueError("licence_at needs a time zone, such as 2024-06-01T00:00:00Z")
        if self.rating_scale is not None and not self.rating_scale[0] < self.rating_scale[1]:
            raise ValueError("rating_scale needs the smallest rating first and a larger one second, such as [1, 10]")
        return self
