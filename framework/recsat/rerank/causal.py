"""How probable a causal language model finds a text after another one."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from recsat.embed.checkpoint import read_checkpoint
from recsat.embed.device import pick_device
from recsat.embed.loading import quiet
from recsat.errors import EncoderError

NEUTRAL: Final = "Somebody."
"""Stands where the user's text does when it is asked how probable an item is for anybody."""
MAX_USER_TOKENS: Final = 256
MAX_ITEM_TOKENS: Final = 48
"""Titles come first in the texts of every domain here, and what follows them costs time."""
_A_BATCH: Final = 32


@dataclass
class CausalModel:
    """Tokenizer and weights on a device; ``digest`` is of the folder's content."""

    tokenizer: Any
    module: Any
    device: torch.device
    digest: str
    _neutral: dict[str, float] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, *, device: str = "auto") -> CausalModel:
        """From a folder of transformers with a language model's head; EncoderError where there is none."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        name = str(folder)
        digest = read_checkpoint(folder, name=name).digest
        on = pick_device(device)
        try:
            with quiet():
                tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
                loaded: Any = AutoModelForCausalLM.from_pretrained(
                    name,
                    dtype=torch.float32 if on.type == "cpu" else torch.bfloat16,
                    use_safetensors=True,
                    trust_remote_code=False,
                    output_loading_info=True,
                )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            raise EncoderError(
                f"{folder}: transformers cannot load it as a causal language model ({type(error).__name__}: {error}). The folder needs "
                "config.json, a tokenizer and *.safetensors weights of an architecture such as GPT or Llama."
            ) from error
        module, report = loaded
        if report["missing_keys"]:
            missing = ", ".join(sorted(report["missing_keys"])[:3])
            raise EncoderError(
                f"{folder}: it lacks weights ({missing} …), so it is no trained language model. Fetch one that has them."
            )
        return cls(tokenizer, module.to(on).eval().requires_grad_(False), on, digest)

    def scores(self, user_text: str, item_texts: Sequence[str]) -> NDArray[np.float64]:
        r"""Pointwise mutual information of the user's text and each item's, in nats, (len(item_texts),).

        .. math:: \log p(\text{item} \mid \text{user}) - \log p(\text{item} \mid \text{somebody})

        Without the second term the most famous titles lead, whoever the user is.
        """
        unknown = [text for text in dict.fromkeys(item_texts) if text not in self._neutral]
        if unknown:
            self._neutral |= dict(zip(unknown, self.log_likelihoods(NEUTRAL, unknown).tolist(), strict=True))
        neutral = np.array([self._neutral[text] for text in item_texts])
        gains: NDArray[np.float64] = self.log_likelihoods(user_text, item_texts) - neutral
        return gains

    def log_likelihoods(self, user_text: str, item_texts: Sequence[str]) -> NDArray[np.float64]:
        """log p(item's text | user's text), in nats, summed over the item's tokens; the user's text is read once."""
        prefix = self._tokens(f"{user_text[:20_000]}\nAnother one for the same person:", MAX_USER_TOKENS, special=True)
        items = [self._tokens(f" {text}", MAX_ITEM_TOKENS) or self._tokens(" ?", 1) for text in item_texts]
        with torch.inference_mode():
            first, past = self._read(prefix)
            values: list[float] = []
            for start in range(0, len(items), _A_BATCH):
                values += self._continue(first, past, prefix, items[start : start + _A_BATCH]).tolist()
        return np.array(values)

    def count_tokens(self, texts: Sequence[str], most: int) -> int:
        """Of all ``texts``, each cut after ``most``."""
        return sum(len(self._tokens(text, most)) for text in texts)

    def _tokens(self, text: str, most: int, *, special: bool = False) -> list[int]:
        # Of what is too long the end stays where it is followed by something, and the beginning where it is not.
        ids: list[int] = self.tokenizer(text, add_special_tokens=special)["input_ids"]
        if special and not ids:
            return [self.tokenizer.eos_token_id or 0]
        return ids[-most:] if special else ids[:most]

    def _read(self, prefix: list[int]) -> tuple[Tensor, Any]:
        """Log-probabilities of the token after ``prefix``, (vocabulary,), and the keys and values that it leaves."""
        output = self.module(input_ids=torch.tensor([prefix], device=self.device), use_cache=True)
        return output.logits[0, -1].float().log_softmax(-1), getattr(output, "past_key_values", None)

    def _continue(self, first: Tensor, past: Any, prefix: list[int], items: list[list[int]]) -> Tensor:
        n_items, width = len(items), max(map(len, items))
        ids = torch.zeros(n_items, width, dtype=torch.int64, device=self.device)
        mask = torch.zeros(n_items, width, dtype=torch.int64, device=self.device)
        for row, tokens in enumerate(items):
            ids[row, : len(tokens)] = torch.tensor(tokens, device=self.device)
            mask[row, : len(tokens)] = 1
        values: Tensor = first[ids[:, 0]]
        if width > 1:
            following = self._logits(past, prefix, ids[:, :-1], mask[:, :-1]).float().log_softmax(-1)
            of_tokens = following.gather(2, ids[:, 1:, None])[:, :, 0]
            values = values + (of_tokens * mask[:, 1:]).sum(dim=1)
        return values

    def _logits(self, past: Any, prefix: list[int], ids: Tensor, mask: Tensor) -> Tensor:
        """(n, width, vocabulary), after each token of ``ids``; padding is to the right, where a causal model does not look."""
        read = torch.tensor([prefix], device=self.device).expand(len(ids), -1)
        whole = torch.cat([torch.ones_like(read), mask], dim=1)
        if hasattr(past, "batch_repeat_interleave"):
            repeated = deepcopy(past)  # it is changed in place
            repeated.batch_repeat_interleave(len(ids))
            logits: Tensor = self.module(input_ids=ids, attention_mask=whole, past_key_values=repeated).logits
            return logits
        full: Tensor = self.module(input_ids=torch.cat([read, ids], dim=1), attention_mask=whole).logits
        return full[:, len(prefix) :]


@lru_cache(maxsize=1)
def opened(folder: Path, device: str) -> CausalModel:
    """Loaded once for all arms and splits."""
    return CausalModel.load(folder, device=device)
