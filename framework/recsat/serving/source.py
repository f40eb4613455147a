"""Which model is served now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recsat.stages.model.files import open_model
from recsat.stages.promotion.record import promoted_model


@dataclass(frozen=True)
class ModelVersion:
    """A model folder and the fingerprint that it has now."""

    fingerprint: str
    path: Path
    run_folder: Path | None = None
    """Of the run that made it, which says where its index is; None: the folder around it."""


class ModelSource(Protocol):
    """Names the model to serve; asked every few seconds, and so cheap."""

    def current(self) -> ModelVersion:
        """Raises :class:`~recsat.SavedModelError` where there is none."""
        ...


@dataclass(frozen=True)
class FolderSource:
    """The model of a run or of a model folder; of ``runs/latest``, whichever run that is by now."""

    path: Path

    def current(self) -> ModelVersion:
        files = open_model(self.path)
        return ModelVersion(files.fingerprint, files.path)


@dataclass(frozen=True)
class HomeSource:
    """What is promoted in a home; before the first promotion the model of ``fallback``, such as ``runs/latest``."""

    home: Path
    domain: str
    tenant: str
    fallback: Path

    def current(self) -> ModelVersion:
        promoted = promoted_model(self.home, self.domain, self.tenant)
        if promoted is None:
            return FolderSource(self.fallback).current()
        return ModelVersion(promoted.fingerprint, promoted.path, Path(promoted.decision.run_folder))
