"""A training's state on disk: one safetensors file whose header holds the numbers as JSON, replaced in one step. No pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from recsat.atomic import replacing
from recsat.errors import RunError


@dataclass
class State:
    """Where a training is. ``losses`` are those of the running epoch; ``history`` has one entry for each finished one."""

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    losses: list[float] = field(default_factory=list)
    best: float = float("-inf")
    best_epoch: int = 0
    finished: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


def save_state(
    path: Path, state: State, weights: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer, digest: str
) -> None:
    """Writes weights, AdamW's moments and ``state``. A kill at any moment leaves the old file or the new one."""
    tensors = {f"weights.{name}": value.detach() for name, value in weights.items()}
    for name, value in weights.items():
        tensors |= {f"optimizer.{kind}.{name}": moment for kind, moment in optimizer.state.get(value, {}).items()}
    _replace(path, tensors, {"state": json.dumps(asdict(state)), "digest": digest})


def load_state(path: Path, weights: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer, digest: str) -> State:
    """Puts back what :func:`save_state` wrote. Raises RunError where it belongs to other settings, data or weights."""
    tensors, header = _read(path)
    if header.get("digest") != digest:
        raise RunError(
            f"{path} belongs to a training with other settings, data or starting weights. Start a new run, or delete the file "
            "to train again from the start."
        )
    restore(path, tensors, weights)
    for name, value in weights.items():
        moments = {
            key.split(".", 2)[1]: moment
            for key, moment in tensors.items()
            if key.startswith("optimizer.") and key.split(".", 2)[2] == name
        }
        if moments:
            optimizer.state[value] = {
                kind: moment if kind == "step" else moment.to(value.device) for kind, moment in moments.items()
            }
    return State(**json.loads(header["state"]))


def save_weights(path: Path, weights: Mapping[str, nn.Parameter], epoch: int) -> None:
    """The trained weights alone."""
    _replace(path, {f"weights.{name}": value.detach() for name, value in weights.items()}, {"epoch": str(epoch)})


def load_weights(path: Path, weights: Mapping[str, nn.Parameter]) -> None:
    """Puts back what :func:`save_weights` wrote."""
    restore(path, _read(path)[0], weights)


@torch.no_grad()
def restore(path: Path, tensors: Mapping[str, Tensor], weights: Mapping[str, nn.Parameter]) -> None:
    """Copies ``weights.*`` of ``tensors`` into ``weights``; raises RunError where a name or shape does not fit."""
    for name, value in weights.items():
        tensor = tensors.get(f"weights.{name}")
        if tensor is None or tensor.shape != value.shape:
            raise RunError(f"{path} does not fit the model: {name} is missing or of another shape. Start a new run.")
        value.copy_(tensor)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} cannot be read ({error}). Delete it to train again from the start.") from error


def _replace(path: Path, tensors: Mapping[str, Tensor], header: dict[str, str]) -> None:
    with replacing(path) as draft:
        save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, draft, header)
