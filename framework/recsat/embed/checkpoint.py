"""A model's folder: finding it, and reading from its JSON files how texts become vectors. No weights are loaded here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsat.embed.digest import sha256_of_large_file
from recsat.embed.pooling import Pooling
from recsat.embed.prompts import Role, prompts_of
from recsat.errors import EncoderError

_DIMENSION_KEYS = ("hidden_size", "n_embd", "d_model")
_HASHED_NAMES = frozenset(
    {
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.txt",
        "vocab.json",
        "merges.txt",
    }
)
_HASHED_SUFFIXES = frozenset({".safetensors", ".model"})
_POOLING_NAMES: dict[str, Pooling] = {
    "mean": "mean",
    "mean_tokens": "mean",
    "cls": "cls",
    "cls_token": "cls",
    "lasttoken": "last",
}
_MODULES = frozenset({"Transformer", "Pooling", "Normalize"})


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a model's folder says about itself.

    ``max_tokens`` is the limit that its publisher used, None where the folder does not say one.
    """

    folder: Path
    name: str
    model_type: str
    dimension: int
    pooling: Pooling
    max_tokens: int | None
    prompts: dict[Role, str]
    digest: str
    """sha256 over weights, tokenizer and configuration: the same wherever the folder lies."""
    products: int | None = None
    """Multiplications of one token in the layers' matrices, 4 h² + 2 h f a layer of h hidden and f inner numbers; None where the folder does not say them."""


def locate(model: str, revision: str | None = None) -> Path:
    """The folder of ``model``: itself where it is a local folder, else the hub's snapshot (downloaded once)."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise EncoderError(f"encoder.model {model!r}: no such folder. Give a folder with config.json, or a hub id.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                model,
                revision=revision,
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
                ignore_patterns=["onnx/*", "openvino/*", "*/*.safetensors"],
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        at = f" at revision {revision!r}" if revision else ""
        raise EncoderError(
            f"encoder.model {model!r}{at}: no such folder, and the hub does not give it ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no message'}). Check the id and the network, unset "
            "HF_HUB_OFFLINE, or give a local folder."
        ) from error


def read_checkpoint(folder: Path, *, name: str, pooling: Pooling | None = None) -> Checkpoint:
    """Reads a model's folder. ``pooling`` None: what the folder declares, else what its architecture calls for.

    Raises EncoderError where the folder has no configuration or no safetensors weights (formats that can carry code are
    not read), or where vectors would differ from the publisher's because a part of its pipeline is not supported.
    """
    config = _read_json(folder / "config.json")
    if config is None:
        raise EncoderError(f"{folder}: has no config.json, so it is not a model folder of transformers.")
    if not any(folder.glob("*.safetensors")):
        raise EncoderError(
            f"{folder}: has no *.safetensors weights, and other formats are not read because they can carry code. "
            "Save the model with save_pretrained of a current transformers."
        )
    if config.get("is_encoder_decoder"):
        raise EncoderError(f"{name}: encoder-decoder models are not supported. Use a BERT, GPT or XLNet-style model.")
    _refuse_unknown_modules(folder, name)
    text_config = config.get("text_config") or config
    dimension = next((text_config[key] for key in _DIMENSION_KEYS if key in text_config), None)
    if not isinstance(dimension, int):
        raise EncoderError(f"{folder / 'config.json'}: has none of {', '.join(_DIMENSION_KEYS)}.")
    model_type = str(config.get("model_type", ""))
    limit = (_read_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    return Checkpoint(
        folder=folder,
        name=name,
        model_type=model_type,
        dimension=dimension,
        pooling=pooling or _declared_pooling(folder) or pooling_of(model_type),
        max_tokens=limit if isinstance(limit, int) else None,
        prompts=prompts_of(name, _read_json(folder / "config_sentence_transformers.json") or {}),
        digest=_digest(folder),
        products=_products(text_config, dimension),
    )


def _products(config: Mapping[str, Any], dimension: int) -> int | None:
    layers = next((config[key] for key in ("num_hidden_layers", "n_layer", "num_layers") if key in config), None)
    inner = next((config[key] for key in ("intermediate_size", "d_inner", "n_inner") if config.get(key)), 4 * dimension)
    if not isinstance(layers, int) or not isinstance(inner, int):
        return None
    return layers * (4 * dimension**2 + 2 * dimension * inner)


def pooling_of(model_type: str) -> Pooling:
    """``mean`` for bidirectional models with a masked-language head (BERT), ``last`` for the others (GPT, XLNet).

    XLNet sees both sides too, but it is trained left to right over permutations and puts its class token last.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return "mean" if model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES else "last"


def _declared_pooling(folder: Path) -> Pooling | None:
    declared = _read_json(folder / "1_Pooling" / "config.json")
    if declared is None:
        return None
    mode = declared.get("pooling_mode")  # one string in newer files, one flag a mode in older ones
    if mode is not None:
        modes = [str(mode)]
    else:
        modes = [
            key.removeprefix("pooling_mode_") for key, on in declared.items() if key.startswith("pooling_mode_") and on
        ]
    if len(modes) != 1 or modes[0] not in _POOLING_NAMES:
        raise EncoderError(
            f"{folder / '1_Pooling' / 'config.json'}: pools by {', '.join(modes) or 'nothing'}; supported are mean, cls and last. "
            "Set encoder.pooling to use one of these all the same."
        )
    if declared.get("include_prompt") is False:
        raise EncoderError(f"{folder / '1_Pooling' / 'config.json'}: pooling without the prompt is not supported.")
    return _POOLING_NAMES[modes[0]]


def _refuse_unknown_modules(folder: Path, name: str) -> None:
    path = folder / "modules.json"
    if not path.is_file():
        return
    modules = json.loads(path.read_text(encoding="utf-8"))
    extra = [str(m.get("type")) for m in modules if str(m.get("type", "")).rpartition(".")[2] not in _MODULES]
    if extra:
        raise EncoderError(
            f"{name}: {path} has {', '.join(extra)} after the transformer, which is not supported; without it the vectors "
            "would not be this model's."
        )


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderError(f"{path}: not valid JSON ({error}). Fetch the model again.") from error
    if not isinstance(content, dict):
        raise EncoderError(f"{path}: must be a JSON object. Fetch the model again.")
    return content


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.name in _HASHED_NAMES or path.suffix in _HASHED_SUFFIXES):
            total.update(f"{path.name} {sha256_of_large_file(path)}\n".encode())
    return total.hexdigest()
