"""Where a publisher's files are: the folder that is set, or the set's own folder under ``RECSAT_DATA``."""

from __future__ import annotations

import os
from pathlib import Path

from recsat import ConfigError

VARIABLE = "RECSAT_DATA"


def publisher_folder(folder: str | None, name: str, layout: str) -> Path:
    """``folder``, or ``$RECSAT_DATA/name``; raises ConfigError where neither is set."""
    if folder is not None:
        return Path(folder)
    data = os.environ.get(VARIABLE)
    if not data:
        raise ConfigError(
            f"layout {layout!r} reads the publisher's files, which may not be bundled. Set domain_config.folder to the folder "
            f"that has them, or the environment variable {VARIABLE} to the folder above {name}/."
        )
    return Path(data) / name
