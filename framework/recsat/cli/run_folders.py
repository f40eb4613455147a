"""Which run a command is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from recsat.errors import SavedModelError

if TYPE_CHECKING:
    from recsat.config.settings import RunConfig


def home_config(domain: str | None = None) -> RunConfig:
    """Settings as the environment has them, with every place absolute; of ``domain`` where it is given."""
    from recsat.config.home import places_of
    from recsat.config.sources import load_config

    return places_of(load_config(None, os.environ, [] if domain is None else [f"domain={domain}"]).config)


def served_folder() -> Path:
    """The model that is served in this home, else the last run."""
    from recsat.stages.promotion.record import promoted_model

    config = home_config()
    served = promoted_model(Path(config.home or "."), config.domain, config.store.tenant)
    return run_folder(Path("runs/latest")) if served is None else served.path


def require_model_or_run(path: Path) -> Path:
    """``path``; raises SavedModelError where nothing there is a model's or a run's, before what reads a model is imported."""
    if any((path / name).exists() for name in ("card.json", "model", "model.json", "config.json")):
        return path
    raise SavedModelError(f"{path} is neither a run nor a model folder. Name one, such as runs/latest.")


def run_folder(name: Path) -> Path:
    """The run folder that a person names: by its path, by its path below home, or by its own name there; ``name`` itself where there is none."""
    config = home_config()
    places = (name, Path(config.home or ".") / name, Path(config.runs_dir) / name)
    return next((place for place in places if (place / "config.json").exists()), name)
