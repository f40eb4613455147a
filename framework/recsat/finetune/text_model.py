"""A text encoder with gradients: the same tokens, pooling and prompts as :class:`recsat.embed.transformer.TransformerEncoder`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recsat.atomic import replacing_folder
from recsat.contract.domain import Encoder
from recsat.embed.batching import run_in_batches
from recsat.embed.distinct import distinct
from recsat.embed.loading import load, quiet
from recsat.embed.pooling import pool
from recsat.embed.provenance import PROVENANCE_FILE
from recsat.embed.tokens import Tokens, tokenize
from recsat.embed.transformer import TransformerEncoder
from recsat.errors import EncoderError
from recsat.finetune.layers import choose_weights, merged
from recsat.finetune.settings import FinetuneSettings


def startable(encoder: Encoder, name: str) -> TransformerEncoder:
    """``encoder`` if it can be fine-tuned; raises EncoderError otherwise."""
    if isinstance(encoder, TransformerEncoder):
        return encoder
    raise EncoderError(
        f"encoder {name!r} is a {type(encoder).__name__}, and only transformers can be fine-tuned. Set encoder.name to minilm, "
        "or to transformer with encoder.model."
    )


class TextModel:
    """Weights on their device, ready to be trained as ``settings`` says.

    ``budget`` is the number of padded tokens in one forward pass. Weights are float32; on hardware with bfloat16 the forward
    pass is computed in it.
    """

    def __init__(self, encoder: TransformerEncoder, settings: FinetuneSettings, seed: int) -> None:
        self.encoder = encoder
        self.loaded = load(
            encoder.checkpoint, device=encoder.device, dtype=torch.float32, max_tokens=encoder.max_tokens
        )
        self.max_tokens = min(settings.max_tokens, self.loaded.max_tokens)
        self.module: nn.Module = choose_weights(self.loaded.model, settings, seed)
        self.budget = encoder.token_budget

    def tokens(self, texts: Sequence[str], *, prompt: str) -> Tokens:
        """Token ids of ``texts`` behind ``prompt``."""
        return tokenize(self.loaded.tokenizer, [prompt + text for text in texts], self.max_tokens)

    def forward(self, tokens: Tokens, rows: NDArray[np.intp]) -> Tensor:
        """Unit-length vectors of some texts, (len(rows), d), computed as one padded batch."""
        device = self.loaded.device
        lengths = torch.from_numpy(tokens.lengths[rows]).to(device)
        ids = torch.from_numpy(tokens.pad(rows, tokens.ids, self.loaded.pad_id)).to(device)
        inputs = {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1], device=device) < lengths[:, None]).long(),
        }
        if tokens.types is not None:
            inputs["token_type_ids"] = torch.from_numpy(tokens.pad(rows, tokens.types, self.loaded.pad_type)).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.encoder.dtype == torch.bfloat16):
            hidden = self.module(**inputs).last_hidden_state
        return pool(hidden, lengths, self.encoder.checkpoint.pooling)

    def vectors(self, tokens: Tokens, rows: NDArray[np.intp]) -> Tensor:
        """Unit-length vectors of some texts with gradients, (len(rows), d); each distinct text is computed once.

        Texts of like length are computed together, under the token budget.
        """
        unique, places = np.unique(rows, return_inverse=True)
        parts: list[Tensor] = []
        done: list[NDArray[np.intp]] = []

        def forward(batch: NDArray[np.intp]) -> None:
            parts.append(self.forward(tokens, unique[batch]))
            done.append(batch)

        run_in_batches(tokens.lengths[unique], self.budget, forward)
        back = np.argsort(np.concatenate(done))[places]
        return torch.cat(parts)[torch.from_numpy(back).to(self.loaded.device)]

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of catalogue texts as they stand now, cut as in training; call it in evaluation mode."""
        unique, places = distinct(texts)
        tokens = self.tokens(unique, prompt=self.encoder.prompt)
        vectors = np.empty((len(unique), self.encoder.dimension), dtype=np.float32)

        def forward(rows: NDArray[np.intp]) -> None:
            vectors[rows] = self.forward(tokens, rows).float().cpu().numpy()

        run_in_batches(tokens.lengths, self.budget, forward)
        return vectors[places]

    def save(self, folder: Path, provenance: Mapping[str, Any]) -> None:
        """Writes a model folder that ``encoder.name=transformer`` loads, in one step; ``provenance`` goes into finetune.json."""
        plain: Any = merged(self.module)
        with replacing_folder(folder) as draft:
            with quiet():
                plain.save_pretrained(draft)
            self.loaded.tokenizer.save_pretrained(draft)
            write_modules(draft, self.encoder, self.loaded.max_tokens)
            (draft / PROVENANCE_FILE).write_text(json.dumps(provenance, indent=2, ensure_ascii=False), encoding="utf-8")


def write_modules(folder: Path, encoder: TransformerEncoder, max_tokens: int) -> None:
    """How texts become vectors, in the files of sentence-transformers: modules, pooling, length limit and prompts."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    pooling = encoder.checkpoint.pooling
    flags = {"cls_token": "cls", "mean_tokens": "mean", "lasttoken": "last"}
    written: dict[str, Any] = {
        "modules.json": modules,
        "1_Pooling/config.json": {
            "word_embedding_dimension": encoder.dimension,
            **{f"pooling_mode_{flag}": name == pooling for flag, name in flags.items()},
            "include_prompt": True,
        },
        "sentence_bert_config.json": {"max_seq_length": max_tokens, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {**encoder.checkpoint.prompts, "document": encoder.prompt},
            "similarity_fn_name": "cosine",
        },
    }
    for name, content in written.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
    (folder / "2_Normalize").mkdir(exist_ok=True)
