"""What is served for a tenant and domain of a home, since when and why; read without a store, a plugin or torch.

::

    <home>/.recsat/models/<tenant>-<domain>/
        promoted.json          the decisions that can be gone back to, the served one last
        <fingerprint>/         the model folder of each of them
        history.jsonl          every decision, refusals too; lines are only ever added
        moving.json            there while model and alias are being moved, and after a kill in between
        lock

``promoted.json`` is replaced in one step, after the alias of the index has been moved: until then readers have the earlier model, whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from recsat.atomic import make_folder, sync_folder, write_text
from recsat.errors import RunError

MODELS: Final = ".recsat/models"
PROMOTED, MOVING, HISTORY, LOCK = "promoted.json", "moving.json", "history.jsonl", "lock"
EARLIER: Final = 3
"""So many models before the served one can be gone back to."""

Against = Literal["served model", "judged lists"]
"""What a model is held against: the one that is served, or the lists that its own run judged."""


class Evidence(BaseModel):
    """One measure of the model that is to be promoted, against what it must not be worse than."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    against: Against
    measure: str
    margin: float
    mean_before: float | None = None
    """The means and what follows from them are None where there is nobody to compare by."""
    mean_now: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    reserve: float | None = None
    """Mean over users of what is left when the margin is used up: now − (1 − margin) · before."""
    reserve_low: float | None = None
    """What must not be below 0 with policy ``not-worse``, and above it with ``better``; with ``within-margin`` that is ``reserve``."""
    reserve_high: float | None = None
    n_users: int
    holds: bool


class Decision(BaseModel):
    """A promotion, a refusal or a return to an earlier model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    action: Literal["promoted", "refused", "rolled back"]
    time: datetime
    policy: str
    why: str
    """One sentence."""
    fingerprint: str
    """Of the model that is served from then on; of a refused one its own."""
    arm: str
    run_id: str
    run_folder: str
    collection: str | None
    """What the alias of the index serves from then on; None for a refusal."""
    served_before: str | None
    """The fingerprint of the model that was served until then, and that this one was compared with."""
    evidence: list[Evidence]
    checks: list[str]
    """What was looked at besides, in words."""


class _Stack(BaseModel):
    """promoted.json and moving.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    decisions: list[Decision]


@dataclass(frozen=True)
class PromotedModel:
    """What is served."""

    path: Path
    """The model folder."""
    decision: Decision

    @property
    def fingerprint(self) -> str:
        return self.decision.fingerprint


def promoted_model(home: Path, domain: str, tenant: str = "default") -> PromotedModel | None:
    """What is served for a tenant and domain of ``home``; None before the first promotion.

    Reads one small file, so that whoever serves may ask often; the model folder of an answer stays until :data:`EARLIER` further models
    have been promoted. Raises RunError for a file that cannot be read.
    """
    return PromotionPlace.of(home, domain, tenant).promoted()


def promoted_domains(home: Path, tenant: str = "default") -> list[str]:
    """Domains of which a model is served."""
    files = sorted((home / MODELS).glob(f"{tenant}-*/{PROMOTED}"))
    return [file.parent.name.removeprefix(f"{tenant}-") for file in files]


@dataclass(frozen=True)
class PromotionPlace:
    """The folder of a tenant and domain; it need not be there."""

    folder: Path

    @classmethod
    def of(cls, home: Path, domain: str, tenant: str = "default") -> PromotionPlace:
        return cls(home / MODELS / f"{tenant}-{domain}")

    def promoted(self) -> PromotedModel | None:
        """What is served."""
        decisions = self.decisions()
        return PromotedModel(self.model_folder(decisions[-1].fingerprint), decisions[-1]) if decisions else None

    def decisions(self) -> list[Decision]:
        """What can be gone back to, the served one last; empty before the first."""
        return self._stack(PROMOTED)

    def moving(self) -> list[Decision]:
        """As :meth:`decisions`, of a promotion that is under way or was cut off; empty where there is none."""
        return self._stack(MOVING)

    def model_folder(self, fingerprint: str) -> Path:
        return self.folder / fingerprint

    def begin(self, decisions: Sequence[Decision]) -> None:
        """Says what is about to be served: from here on a kill is made good by whoever comes next."""
        text = _Stack(decisions=list(decisions[-EARLIER - 1 :])).model_dump_json(indent=1)
        write_text(self.folder / MOVING, text)

    def finish(self) -> None:
        """Readers have the new model from here on."""
        os.replace(self.folder / MOVING, self.folder / PROMOTED)
        sync_folder(self.folder)

    def abandon(self) -> None:
        """Forgets what :meth:`begin` said."""
        (self.folder / MOVING).unlink()
        sync_folder(self.folder)

    def history(self) -> list[Decision]:
        """Every decision, the oldest first. A line that a kill cut off is left out."""
        path = self.folder / HISTORY
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        try:
            return [Decision.model_validate_json(line) for line in lines]
        except ValidationError as error:
            raise RunError(_unreadable(path)) from error

    def append(self, decision: Decision) -> None:
        """Adds a line to the history; what a kill left half written goes first."""
        path = self.folder / HISTORY
        make_folder(self.folder)
        with path.open("ab") as file:
            whole = path.read_bytes().rfind(b"\n") + 1
            file.truncate(whole)
            file.write(decision.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.folder)

    @contextmanager
    def locked(self, wait_s: float) -> Iterator[None]:
        """One process decides at a time; the system lets go of it however the process ends. Raises RunError after ``wait_s``."""
        make_folder(self.folder)
        try:
            with FileLock(self.folder / LOCK, timeout=wait_s):
                yield
        except Timeout as error:
            raise RunError(f"{self.folder}: another process is promoting. Try again when it is done.") from error

    def _stack(self, name: str) -> list[Decision]:
        path = self.folder / name
        try:
            return _Stack.model_validate(json.loads(path.read_bytes())).decisions
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise RunError(_unreadable(path)) from error


def _unreadable(path: Path) -> str:
    return f"{path} cannot be read: it is damaged, or of a later recsat. Move it away and promote a run, or install that recsat."
