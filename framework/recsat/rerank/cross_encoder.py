"""A transformer with a trained classification head over (user text, item text)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from recsat.embed.batching import run_in_batches
from recsat.embed.device import pick_device
from recsat.embed.loading import quiet
from recsat.errors import EncoderError

Pair = tuple[str, str]
"""(user text, item text)."""
BUDGET = 2048
"""Padded tokens in one forward pass on a CPU."""


@dataclass
class CrossEncoder:
    """Tokenizer, weights and device. :meth:`logits` has gradients; :meth:`probabilities` has none."""

    tokenizer: Any
    module: Any
    device: torch.device
    max_tokens: int
    budget: int = BUDGET

    @classmethod
    def load(cls, folder: Path, *, max_tokens: int, budget: int = BUDGET, device: str = "auto") -> CrossEncoder:
        """A trained classifier's folder; raises EncoderError where it has no trained head."""
        tokenizer, module, _ = load_parts(folder)
        on = pick_device(device)
        module.to(on).eval().requires_grad_(False)
        return cls(tokenizer, module, on, max_tokens, budget)

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
        likes = np.empty(len(pairs))

        def forward(rows: NDArray[np.intp]) -> None:
            batch = {name: [values[i] for i in rows] for name, values in tokens.items()}
            padded = self.tokenizer.pad(batch, padding_side="right", return_tensors="pt")
            likes[rows] = torch.sigmoid(self._forward(dict(padded)).double()).cpu().numpy()

        run_in_batches(lengths, self.budget, forward)
        return likes

    def _forward(self, batch: dict[str, Tensor]) -> Tensor:
        output = self.module(**{name: values.to(self.device) for name, values in batch.items()})
        logits: Tensor = output.logits[:, 0].float()
        return logits


def load_parts(folder: Path, seed: int | None = None) -> tuple[Any, nn.Module, list[str]]:
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
