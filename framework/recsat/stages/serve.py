"""Lists for some users from a finished run: its model answers."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from pydantic import Field

from recsat.config.settings import Settings
from recsat.plugins import Plugins
from recsat.stages.model.loaded import MOST_PLACES, Model


class ServeConfig(Settings):
    """What to recommend, to whom, from which run."""

    run: str = Field("runs/latest", min_length=1, description="Folder of a finished run, or of a model.")
    users: list[str] = Field(
        min_length=1, description="User ids. A user without events gets the fallback's list, and the reason says so."
    )
    k: int | None = Field(None, ge=1, le=MOST_PLACES, description="Length of a list. Empty: as in the run.")
    include: list[str] = Field(default_factory=list, description="Item ids that alone may be shown. Empty: all.")
    exclude: list[str] = Field(default_factory=list, description="Item ids that must not be shown.")
    kinds: list[str] = Field(default_factory=list, description="Kinds of item that are asked for. Empty: all.")


def serve(config: ServeConfig, plugins: Plugins) -> pl.DataFrame:
    """Lists of :meth:`~recsat.Model.recommend` for ``config.users``; raises what this and :meth:`~recsat.Model.load` do."""
    model = Model.load(Path(config.run), plugins)
    return model.recommend(config.users, config.k, config.include, config.exclude, config.kinds)
