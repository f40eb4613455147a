"""Which run a command is about."""

from __future__ import annotations

import os
from pathlib import Path


def run_folder(name: Path) -> Path:
    """The run folder that a person names: by its path, by its path below home, or by its own name there; ``name`` itself where there is none."""
    from recsat.config.home import places_of
    from recsat.config.sources import load_config

    config = places_of(load_config(None, os.environ).config)
    places = (name, Path(config.home or ".") / name, Path(config.runs_dir) / name)
    return next((place for place in places if (place / "config.json").exists()), name)
