"""Home: the one folder in which everything lies that outlives a run.

Below it are ``runs_dir``, ``cache_dir`` and ``store.directory``, and what runs have in common: :func:`state_folder`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal

from recsat.config.settings import RunConfig
from recsat.errors import ConfigError

State = Literal["history", "models", "feedback", "deployments"]
"""What runs have in common, beside vectors: a folder each."""


def absolute_home(home: str) -> Path:
    """The folder that a setting ``home`` names; relative ones are taken from the working directory, ``~`` is the user's own.

    Raises ConfigError for an address such as ``s3://…``: stores, caches and locks need files that are files.
    """
    if "://" in home:
        raise ConfigError(
            f"home: {home!r} is an address, and state needs a folder of this machine: the embedded store, the cache and the locks are files. "
            "Name a folder, or mount the address as one that has locks."
        )
    return Path(os.path.abspath(Path(home).expanduser()))


def is_temporary(config: RunConfig) -> bool:
    """Whether no home is set and the working directory, which would be it, lies in the system's folder for temporary files."""
    return _named_home(config) is None and Path.cwd().resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def at_home(config: RunConfig) -> RunConfig:
    """``config`` with every place absolute: ``home``, or else ``RECSAT_HOME``, or else the working directory, and the relative ones below it.

    The places of a run stay what they are wherever it is gone on with; what is absolute already is left alone. Raises ConfigError
    where :func:`is_temporary` says that the state would be lost.
    """
    if is_temporary(config):
        raise ConfigError(
            f"state would be lost: no home is set, and the working directory {Path.cwd()} is in a folder for temporary files. Set RECSAT_HOME or "
            "home to a folder that stays, or home=. to keep everything here."
        )
    home = absolute_home(_named_home(config) or ".")

    def below(path: str) -> str:
        return str(home / Path(path).expanduser())

    store = config.store.model_copy(update={"directory": below(config.store.directory)})
    places = {"runs_dir": below(config.runs_dir), "cache_dir": below(config.cache_dir)}
    return config.model_copy(update={"home": str(home), "store": store, **places})


def places_of(config: RunConfig) -> RunConfig:
    """As :func:`at_home`, for whoever only looks: where a run would be refused, the places as they are."""
    return config if is_temporary(config) else at_home(config)


def state_folder(config: RunConfig, state: State) -> Path:
    """Where the runs of this home keep what they have in common. The folder need not exist yet."""
    return Path(places_of(config).home or ".") / ".recsat" / state


def _named_home(config: RunConfig) -> str | None:
    """The variable counts for settings that no command has read too: a worker has it in its environment, and the deployment's form does not."""
    return config.home or os.environ.get("RECSAT_HOME") or None
