"""The training loop: steps, schedule, clipping, validation, early stopping, checkpoints. It knows no loss and no model."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from recsat.errors import RunError
from recsat.finetune.checkpoint import State, load_state, load_weights, save_state, save_weights
from recsat.finetune.layers import set_training, trained
from recsat.finetune.settings import FinetuneSettings
from recsat.run.progress import Progress

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
STEPS_A_METRIC = 10
LOSS = "loss"


class Task(Protocol[Item]):
    """What is learnt. ``goal`` names the validation value that must rise."""

    model: nn.Module
    goal: str

    def batches(self, epoch: int) -> Sequence[Item]:
        """The batches of an epoch, the same at every call; every epoch has as many."""
        ...

    def loss(self, batch: Item) -> Tensor: ...

    def validate(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Where a training writes and to whom it reports. ``digest`` tells one training's checkpoints from another's."""

    folder: Path
    digest: str
    seed: int
    progress: Progress
    tell: Callable[[int, Mapping[str, float]], None] = lambda step, values: None


def train(task: Task[Item], settings: FinetuneSettings, context: TrainingContext) -> State:
    """Trains ``task.model`` in place and leaves it with the weights of its best epoch, 0 standing for the start.

    Validation comes before the first step and after each epoch; ``settings.patience`` epochs without a better value of the
    goal end the training. A checkpoint is written every ``settings.checkpoint_steps`` steps and after each epoch, and a
    training that finds one goes on from there. Everything random hangs on (seed, epoch) or (seed, step), so that on a CPU
    an interrupted training ends with the same weights, bit by bit, as one that ran through.
    """
    weights = trained(task.model)
    optimizer = _optimizer(weights, settings)
    path, best = context.folder / "checkpoint.safetensors", context.folder / "best.safetensors"
    state = load_state(path, weights, optimizer, context.digest) if path.exists() else State()
    a_epoch = len(task.batches(0))
    total = a_epoch * settings.epochs
    context.progress.expect(total)
    context.progress.advance(state.step)
    if not state.history:
        _judge(task, state, weights, best, context)
        save_state(path, state, weights, optimizer, context.digest)
    while not state.finished:
        _steps(task, state, optimizer, weights, settings, context, total, path)
        state.epoch += 1
        state.step_in_epoch = 0
        _judge(task, state, weights, best, context)
        state.finished = state.epoch >= settings.epochs or state.epoch - state.best_epoch >= settings.patience
        save_state(path, state, weights, optimizer, context.digest)
    context.progress.advance(total - state.step)
    load_weights(best, weights)
    task.model.eval()
    return state


def _steps(
    task: Task[Item],
    state: State,
    optimizer: torch.optim.Optimizer,
    weights: Mapping[str, nn.Parameter],
    settings: FinetuneSettings,
    context: TrainingContext,
    total: int,
    path: Path,
) -> None:
    """What is left of the running epoch."""
    set_training(task.model)
    for batch in task.batches(state.epoch)[state.step_in_epoch :]:
        factor = warmed_up(state.step, total, settings.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        loss = _loss(task, batch, seed_of(context.seed, state.step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(weights.values(), settings.max_gradient_norm))
        if not math.isfinite(norm):
            raise RunError(
                f"step {state.step}: the gradient is not finite (loss {loss.item()}). Lower finetune.learning_rate, raise "
                "finetune.temperature, or set encoder.dtype to float32."
            )
        optimizer.step()
        state.losses.append(loss.item())
        state.step += 1
        state.step_in_epoch += 1
        context.progress.advance()
        if state.step % STEPS_A_METRIC == 0:
            recent = state.losses[-STEPS_A_METRIC:]
            context.tell(
                state.step, {LOSS: sum(recent) / len(recent), "learning_rate": settings.learning_rate * factor}
            )
        if state.step % settings.checkpoint_steps == 0:
            save_state(path, state, weights, optimizer, context.digest)


def _loss(task: Task[Item], batch: Item, seed: int) -> Tensor:
    """Dropout draws from a generator of this step alone: nothing has to be remembered to go on exactly."""
    device = next(task.model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        return task.loss(batch)


def _judge(
    task: Task[Item], state: State, weights: Mapping[str, nn.Parameter], best: Path, context: TrainingContext
) -> None:
    """Validates, and keeps the weights where they are the best yet."""
    task.model.eval()
    values = dict(task.validate())
    value = values[task.goal]
    if state.losses:
        values[LOSS] = sum(state.losses) / len(state.losses)
    is_best = value > state.best
    if is_best:
        state.best, state.best_epoch = value, state.epoch
        save_weights(best, weights, state.epoch)
    state.losses = []
    state.history.append({"epoch": float(state.epoch), **values})
    message = ", ".join(f"{name} {number:.4f}" for name, number in values.items())
    context.progress.note(f"epoch {state.epoch}: {message}{' (best)' if is_best else ''}")
    context.tell(state.step, {**values, "epoch": float(state.epoch)})


def warmed_up(step: int, total: int, warmup_share: float) -> float:
    """Factor of the learning rate at ``step`` (from 0): up in a line over the warm-up, then down in a line to 0 after the last.

    >>> [round(warmed_up(step, 10, 0.2), 3) for step in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.125]
    """
    n_up = round(total * warmup_share)
    if step < n_up:
        return (step + 1) / n_up
    return (total - step) / (total - n_up)


def _optimizer(weights: Mapping[str, nn.Parameter], settings: FinetuneSettings) -> torch.optim.Optimizer:
    """AdamW; biases and norms are not decayed."""
    matrices = [value for value in weights.values() if value.ndim >= 2]
    others = [value for value in weights.values() if value.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.learning_rate)


def seed_of(*parts: int) -> int:
    """A seed for each (seed, step) or (seed, epoch), far from its neighbours'."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def batched(n: int, size: int) -> Iterable[slice]:
    """Slices of ``size`` rows; the rest of fewer than two rows is left out, since one row has no negative."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size) if n - start >= 2]
