"""A classifier's beginning, a text encoder with a head that is drawn at random, and its end on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsat.atomic import replacing_folder
from recsat.embed.device import pick_device
from recsat.embed.loading import quiet
from recsat.embed.provenance import PROVENANCE_FILE
from recsat.finetune.layers import choose_weights, merged
from recsat.finetune.settings import FinetuneSettings
from recsat.rerank.cross_encoder import CrossEncoder, load_parts


def untrained_classifier(
    folder: Path, settings: FinetuneSettings, *, budget: int, device: str, seed: int
) -> CrossEncoder:
    """A text encoder's folder with a head that is drawn by ``seed``, ready to be trained as ``settings`` says."""
    on = pick_device(device)
    tokenizer, module, head = load_parts(folder, seed)
    return CrossEncoder(tokenizer, choose_weights(module, settings, seed, head).to(on), on, settings.max_tokens, budget)


def save_classifier(classifier: CrossEncoder, folder: Path, provenance: Mapping[str, Any]) -> None:
    """A folder that :meth:`CrossEncoder.load` and transformers load, written in one step."""
    plain: Any = merged(classifier.module)
    with replacing_folder(folder) as draft:
        with quiet():
            plain.save_pretrained(draft)
        classifier.tokenizer.save_pretrained(draft)
        (draft / PROVENANCE_FILE).write_text(json.dumps(provenance, indent=2, ensure_ascii=False), encoding="utf-8")
