"""Which weights are trained: all, the upper layers, or low-rank adapters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from recsat.errors import ConfigError
from recsat.finetune.settings import FinetuneSettings


def choose_weights(model: nn.Module, settings: FinetuneSettings, seed: int, head: Sequence[str] = ()) -> nn.Module:
    """``model`` with gradients on what ``settings`` trains; wrapped by peft where that is low-rank adapters.

    ``head`` names weights that are new, and trained whatever else is frozen. Frozen layers below the first trained one cost no backward pass. Raises ConfigError where the model has no such layers
    or peft is needed and missing.
    """
    n_layers, pattern = _layers(model)
    if settings.freeze_layers >= n_layers:
        raise ConfigError(
            f"finetune.freeze_layers is {settings.freeze_layers}, but {type(model).__name__} has {n_layers} layers, so "
            f"nothing would be trained. Set at most {n_layers - 1}."
        )
    if settings.lora_rank:
        model = _with_adapters(model, settings, seed)
    else:
        model.requires_grad_(True)
    for name, weights in model.named_parameters():
        layer = pattern.search(name)
        if layer is not None:
            frozen = int(layer.group(1)) < settings.freeze_layers
        else:
            below = "embed" in name or re.search(r"\bw[tp]e\b", name) is not None
            frozen = below and (settings.freeze_embeddings or settings.freeze_layers > 0)
        if frozen:
            weights.requires_grad_(False)
        elif any(name == head_name or name.endswith(f".{head_name}") for head_name in head):
            weights.requires_grad_(True)  # peft freezes whatever has no adapter
    return model


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights with gradients, by name, in a fixed order."""
    return {name: weights for name, weights in model.named_parameters() if weights.requires_grad}


def set_training(model: nn.Module) -> None:
    """Training mode (dropout) for what is trained; what is frozen gives what it gives when it is used."""
    model.train()
    for part in model.modules():
        parameters = list(part.parameters())
        if parameters and not any(weights.requires_grad for weights in parameters):
            part.eval()


def _layers(model: nn.Module) -> tuple[int, re.Pattern[str]]:
    """Number of transformer layers, and a pattern that finds a layer's number in a weight's name."""
    stacks = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.ModuleList)]
    if not stacks:
        raise ConfigError(
            f"{type(model).__name__} has no stack of layers. Start from a BERT, GPT or XLNet-style model."
        )
    name, stack = max(stacks, key=lambda known: sum(weights.numel() for weights in known[1].parameters()))
    return len(stack), re.compile(rf"(?:^|\.){re.escape(name)}\.(\d+)\.")


def _with_adapters(model: nn.Module, settings: FinetuneSettings, seed: int) -> nn.Module:
    try:
        import peft  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ConfigError(
            f"finetune.lora_rank is {settings.lora_rank}, and low-rank adapters need peft, which cannot be imported "
            f"({error}). Run: pip install 'recsat[finetune]', or set finetune.lora_rank to 0."
        ) from error
    options: dict[str, Any] = {"target_modules": list(settings.lora_targets)} if settings.lora_targets else {}
    adapters = peft.LoraConfig(r=settings.lora_rank, lora_alpha=2 * settings.lora_rank, lora_dropout=0.0, **options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            wrapped: nn.Module = peft.get_peft_model(model, adapters)
        except ValueError as error:
            raise ConfigError(
                f"finetune.lora_targets: peft cannot place adapters in {type(model).__name__} ({error}). "
                "Name the layers that get them, such as finetune.lora_targets='[query, value]'."
            ) from error
    return wrapped


def merged(model: nn.Module) -> nn.Module:
    """The plain model, adapters multiplied out."""
    merge: Any = getattr(model, "merge_and_unload", None)
    plain: nn.Module = model if merge is None else merge()
    return plain
