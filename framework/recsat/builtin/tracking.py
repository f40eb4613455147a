"""Metrics of a training, and the measures of a run, in TensorBoard and Weights & Biases, where these are installed.

Event files go into ``tensorboard/<stage>`` of the run folder: ``tensorboard --logdir runs``. Weights & Biases sends data to
a server, so it is used where the environment asks for it (WANDB_API_KEY or WANDB_MODE), and never merely because the package
is there.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

WANDB_VARIABLES = ("WANDB_API_KEY", "WANDB_MODE")


def track(stage: str, folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Hands ``values`` to whatever tracks here; does nothing where nothing is installed."""
    if find_spec("tensorboard") is not None:
        writer = _tensorboard(folder.resolve(), stage)
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()
    if find_spec("wandb") is not None and any(os.environ.get(name) for name in WANDB_VARIABLES):
        _wandb(folder.resolve(), stage).log(dict(values), step=step)


@lru_cache(maxsize=8)
def _tensorboard(folder: Path, stage: str) -> Any:
    """One event file for a stage of a run in this process."""
    tensorboard: Any = importlib.import_module("torch.utils.tensorboard")
    return tensorboard.SummaryWriter(str(folder / "tensorboard" / stage))


@lru_cache(maxsize=8)
def _wandb(folder: Path, stage: str) -> Any:
    """One run there for a stage of a run here; a resumed one goes on in it."""
    wandb: Any = importlib.import_module("wandb")
    return wandb.init(
        project="recsat", name=f"{folder.name}-{stage}", id=f"{folder.name}-{stage}", resume="allow", dir=str(folder)
    )
