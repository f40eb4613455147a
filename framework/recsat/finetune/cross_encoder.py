"""A classifier's beginning, a text encoder with a head that is drawn at random, and its end on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsat.embed.device import pick_device
from recsat.embed.loading import quiet
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


def save_classifier(classifier: CrossEncoder, folder: Path, story: Mapping[str, Any]) -> None:
    """A folder that :meth:`CrossEncoder.load` and transformers load, written in one step."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    plain: Any = merged(classifier.module)
    with quiet():
        plain.save_pretrained(temporary)
    classifier.tokenizer.save_pretrained(temporary)
    (temporary / "finetune.json").write_text(json.dumps(story, indent=2, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(temporary, folder)
