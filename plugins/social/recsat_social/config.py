"""What an operator sets: which files, and what the filters ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from recsat import OwnTables

MUTUAL_LAYOUTS = ("lastfm", "deezer")


class SocialConfig(OwnTables):
    """Without anything set, a simulated sample is made."""

    of_layouts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **OwnTables.of_layouts,
        **dict.fromkeys(("sample_users", "sample_posts", "sample_seed"), ("sample",)),
        **dict.fromkeys(("country", "max_people"), ("deezer",)),
    }

    layout: Literal["sample", "lastfm", "deezer", "tables"] = Field(
        "sample",
        description=(
            "sample: a simulated network, made when it is loaded. "
            "lastfm: HetRec 2011 Last.fm, artists and friends. deezer: GEMSEC Deezer, friends and their genres. "
            "tables: your own items, events, users, ties and exposures."
        ),
    )
    folder: str | None = Field(
        None,
        min_length=1,
        description=(
            "Folder with the files of the layout; the sample has none. "
            "Empty for lastfm and deezer: the layout's folder under the environment variable RECSAT_DATA."
        ),
        examples=["/data/network"],
    )
    sample_users: int = Field(300, ge=40, le=3000, description="sample: simulated people.", examples=[300])
    sample_posts: int = Field(240, ge=20, le=5000, description="sample: simulated posts.", examples=[240])
    sample_seed: int = Field(0, ge=0, le=2**31 - 1, description="sample: seed of the simulation.", examples=[0])
    country: Literal["ro", "hu"] = Field("ro", description="deezer: Romania or Hungary.")
    max_people: int | None = Field(
        2000,
        ge=10,
        description=(
            "deezer: read this many people, those nearest to a person drawn at random, so that friends stay together. "
            "Empty: all of them, some 40,000, each of whom is embedded."
        ),
        examples=[2000],
    )
    friendship: Literal["follow", "mutual"] = Field(
        "follow",
        description=(
            "Filter not_yet_friends. follow: people are friends of whom they follow. mutual: one tie makes both friends, "
            "as it always is in lastfm and deezer."
        ),
    )
    max_distance: int = Field(
        2,
        ge=1,
        le=6,
        description="Filter same_network: keep people at most this many ties away; 2 is friends of friends.",
        examples=[2, 3],
    )

    @model_validator(mode="after")
    def _folder_fits_the_layout(self) -> Self:
        if self.layout == "tables" and self.folder is None:
            raise ValueError("layout 'tables' reads your own files: set folder to where they are")
        if self.layout == "sample" and self.folder is not None:
            raise ValueError("layout 'sample' is simulated and reads no folder: set layout to tables, lastfm or deezer")
        return self

    @property
    def is_mutual(self) -> bool:
        """Whether one tie makes friends of two people."""
        return self.friendship == "mutual" or self.layout in MUTUAL_LAYOUTS
