"""A transformer with a classification head over (user text, item text): trained here, never pretrained for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from recsat.atomic import replacing_folder
from recsat.embed.batching import run_in_batches
from recsat.embed.device import pick_device
from recsat.embed.loading import quiet
from recsat.errors import EncoderError
from recsat.finetune.layers import choose_weights, merged
from recsat.finetune.settings import FinetuneSettings

Pair = tuple[str, str]
"""(user text, item text)."""
BUDGET = 2048
"""Padded tokens in one forward pass on a CPU."""


class CrossEncoder:
    """Tokenizer, weights and device. :meth:`logits` has gradients; :meth:`probabilities` has none."""

    def __init__(self, folder: Path, *, max_tokens: int, budget: int = BUDGET, device: str = "auto") -> None:
        self.device = pick_device(device)
        self.max_tokens, self.budget = max_tokens, budget
        self.tokenizer, self.module, _ = _load(folder, seed=None)
        self.module.to(self.device).eval().requires_grad_(False)

    @classmethod
    def started(cls, folder: Path, settings: FinetuneSettings, *, budget: int, device: str, seed: int) -> CrossEncoder:
        """A text encoder's folder with a head that is drawn by ``seed``, ready to be trained as ``settings`` says."""
        made = object.__new__(cls)
        made.device = pick_device(device)
        made.max_tokens, made.budget = settings.max_tokens, budget
        made.tokenizer, module, head = _load(folder, seed)
        made.module = choose_weights(module, settings, seed, head).to(made.device)
        return made

    def tokens(self, pairs: Sequence[Pair]) -> Any:
        """Token ids of (user text, item text), the longer one cut first."""
        users, items = [user for user, _ in pairs], [item for _, item in pairs]
        return self.tokenizer(users, items, truncation="longest_first", max_length=self.max_tokens, padding=False)

    def logits(self, pairs: Sequence[Pair]) -> Tensor:
        """(len(pairs),), in one padded batch."""
        batch = self.tokenizer.pad(self.tokens(pairs), padding_side="right", return_tensors="pt")
        return self._forward(dict(batch))

    @torch.inference_mode()
    def probabilities(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """P(like), (len(pairs),); texts of like length are computed together."""
        tokens = self.tokens(pairs)
        lengths = np.fromiter(map(len, tokens["input_ids"]), dtype=np.intp, count=len(pairs))
        found = np.empty(len(pairs))

        def forward(rows: NDArray[np.intp]) -> None:
            chosen = {name: [values[i] for i in rows] for name, values in tokens.items()}
            padded = self.tokenizer.pad(chosen, padding_side="right", return_tensors="pt")
            found[rows] = torch.sigmoid(self._forward(dict(padded)).double()).cpu().numpy()

        run_in_batches(lengths, self.budget, forward)
        return found

    def save(self, folder: Path, story: Mapping[str, Any]) -> None:
        """A folder that :class:`CrossEncoder` and transformers load, written in one step."""
        plain: Any = merged(self.module)
        with replacing_folder(folder) as draft:
            with quiet():
                plain.save_pretrained(draft)
            self.tokenizer.save_pretrained(draft)
            (draft / "finetune.json").write_text(json.dumps(story, indent=2, ensure_ascii=False), encoding="utf-8")

    def _forward(self, batch: dict[str, Tensor]) -> Tensor:
        output = self.module(**{name: values.to(self.device) for name, values in batch.items()})
        logits: Tensor = output.logits[:, 0].float()
        return logits


def _load(folder: Path, seed: int | None) -> tuple[Any, nn.Module, list[str]]:
    """Tokenizer, model, and the names of weights that the folder does not have: the head's, where ``seed`` draws one."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed or 0)
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            module, report = AutoModelForSequenceClassification.from_pretrained(
                str(folder),
                num_labels=1,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise EncoderError(
            f"{folder}: transformers cannot load it as a classifier ({type(error).__name__}: {error}). The folder needs "
            "config.json, a tokenizer and *.safetensors weights of an architecture that has a classification head."
        ) from error
    head = sorted(report["missing_keys"])
    if seed is None and head:
        raise EncoderError(
            f"{folder} has no trained head ({', '.join(head[:3])} …). Train one with recsat finetune DOMAIN --classifier."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if module.config.pad_token_id is None:
        module.config.pad_token_id = tokenizer.pad_token_id  # where a causal model's last token is looked for
    return tokenizer, module, head
