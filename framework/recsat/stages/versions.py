"""What a result was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from recsat.plugins import Plugins

LIBRARIES = (
    "recsat",
    "torch",
    "transformers",
    "numpy",
    "scipy",
    "polars",
    "implicit",
    "qdrant-client",
    "qdrant-edge-py",
    "pluggy",
    "pydantic",
    "prefect",
)


def versions(plugins: Plugins) -> dict[str, str]:
    """Python, the machine, the libraries that are installed, and every plugin that is loaded."""
    numbers = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for library in LIBRARIES:
        try:
            numbers[library] = version(library)
        except PackageNotFoundError:
            continue  # an optional one, such as prefect
    numbers |= {record.distribution: record.version for record in plugins.records if record.status == "ok"}
    return numbers
