"""Loads a checkpoint's tokenizer and weights, and refuses what would give silent nonsense."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from safetensors import SafetensorError

from recsat.embed.checkpoint import Checkpoint
from recsat.embed.packed import PackedBert, pack, pack_file
from recsat.errors import EncoderError

logger = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"
LOADING = threading.Lock()


@dataclass(frozen=True)
class Loaded:
    """A model in evaluation mode on its device, and its tokenizer. ``max_tokens`` is the longest text that it can take."""

    tokenizer: Any
    make_model: Callable[[], torch.nn.Module]
    device: torch.device
    max_tokens: int
    pad_id: int
    pad_type: int
    packed: PackedBert | None
    """The forward pass without padding, for the models that have one."""

    @cached_property
    def model(self) -> torch.nn.Module:
        """transformers' own, which needs seconds to be imported and made: only where it is asked for."""
        return self.make_model()


def load(checkpoint: Checkpoint, *, device: torch.device, dtype: torch.dtype, max_tokens: int) -> Loaded:
    """Reads safetensors weights only, runs no code from the folder, and uses torch's own fused attention where it can.

    One thread at a time: transformers' modules are made as they are named, and a second thread that names one meanwhile has an ImportError.
    """
    with LOADING:
        return _load(checkpoint, device, dtype, max_tokens)


def _load(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype, max_tokens: int) -> Loaded:
    # Tokenising is 0.4 % of the work on a CPU, where its threads would fight torch's and make forks unsafe; in front of an
    # accelerator it is what keeps the device waiting.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false" if device.type == "cpu" else "true")
    from transformers import AutoConfig, AutoTokenizer

    folder = str(checkpoint.folder)
    with refused(checkpoint), quiet():
        config: Any = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        packed = pack_file(checkpoint.folder / WEIGHTS, config, dtype) if device.type == "cpu" else None
    make_model, model = partial(_model, checkpoint, config, device, dtype), None
    if packed is None:
        # What is packed on a CPU rounds its products alone.
        model = _model(checkpoint, config, device, torch.float32 if device.type == "cpu" else dtype)
        make_model, packed = partial(model.to, dtype), pack(model, device, dtype)
    pad_id = next((i for i in (tokenizer.pad_token_id, getattr(config, "pad_token_id", None)) if i is not None), 0)
    limit = _limit(config, model, tokenizer, checkpoint)
    if max_tokens > limit:
        logger.info(
            "%s takes texts of at most %d tokens (encoder.max_tokens is %d)", checkpoint.name, limit, max_tokens
        )
    return Loaded(
        tokenizer=tokenizer,
        make_model=make_model,
        device=device,
        max_tokens=min(max_tokens, limit),
        pad_id=int(pad_id),
        pad_type=int(getattr(tokenizer, "pad_token_type_id", 0) or 0),
        packed=packed,
    )


def _model(checkpoint: Checkpoint, config: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """transformers' own on its device, of ``dtype``."""
    from transformers import AutoModel
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    folder = str(checkpoint.folder)
    with refused(checkpoint), quiet():
        options: dict[str, Any] = {}
        if "add_pooling_layer" in _parameters(MODEL_MAPPING[type(config)]):
            options["add_pooling_layer"] = False  # its output is never used, and many checkpoints have none
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise EncoderError(
            f"{checkpoint.name}: {folder} lacks {len(missing)} weights ({', '.join(missing[:3])} …); they would be random. "
            "Fetch the model again, or check that config.json belongs to these weights."
        )
    for switch in ("use_cache", "use_mems_eval"):  # keys and values of past tokens are memory that nobody reads
        if hasattr(model.config, switch):
            setattr(model.config, switch, False)
    return model.to(device).eval().requires_grad_(False)


@contextmanager
def refused(checkpoint: Checkpoint) -> Iterator[None]:
    """What transformers raises of a folder that it cannot load, as an EncoderError."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise EncoderError(
            f"{checkpoint.name}: transformers cannot load {checkpoint.folder} ({type(error).__name__}: {error}). "
            "The folder needs config.json, a tokenizer and *.safetensors weights of an architecture that it knows."
        ) from error


def _parameters(kinds: Any) -> frozenset[str]:
    kind = kinds[0] if isinstance(kinds, tuple) else kinds
    return frozenset(inspect.signature(kind).parameters)


def _limit(config: Any, model: Any, tokenizer: Any, checkpoint: Checkpoint) -> int:
    """The most tokens of a text; ``model`` is None for a BERT."""
    limits = [int(tokenizer.model_max_length)]
    if checkpoint.max_tokens is not None:
        limits.append(checkpoint.max_tokens)
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # RoBERTa counts positions from the padding id on, so that 514 rows of its table hold 512 tokens.
        offset = getattr(getattr(model, "embeddings", None), "padding_idx", None)
        limits.append(positions - (offset + 1 if offset else 0))
    return min(limits)


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' table of unused weights: missing ones are an error here, and unused heads are expected."""
    noise: Any = importlib.import_module("transformers.utils.logging")  # untyped functions

    before = noise.get_verbosity()
    bars = noise.is_progress_bar_enabled()
    noise.set_verbosity_error()
    noise.disable_progress_bar()
    try:
        yield
    finally:
        noise.set_verbosity(before)
        if bars:
            noise.enable_progress_bar()
