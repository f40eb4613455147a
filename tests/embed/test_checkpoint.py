from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from recsat.embed.checkpoint import locate, pooling_of, read_checkpoint
from recsat.embed.pooling import Pooling
from recsat.embed.prompts import prompts_of
from recsat.embed.transformer import TransformerEncoder
from recsat.errors import EncoderError

FolderOf = Callable[[str], Path]


@pytest.fixture
def bert(checkpoint_folder: FolderOf, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(checkpoint_folder("bert"), tmp_path / "bert"))


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("model_type", "pooling"),
    [
        ("bert", "mean"),
        ("roberta", "mean"),
        ("xlm-roberta", "mean"),
        ("modernbert", "mean"),
        ("gpt2", "last"),
        ("llama", "last"),
        ("qwen3", "last"),
        ("mistral", "last"),
        ("xlnet", "last"),
    ],
)
def test_pooling_follows_the_architecture(model_type: str, pooling: Pooling) -> None:
    assert pooling_of(model_type) == pooling


@pytest.mark.parametrize(
    ("declared", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_lasttoken": True, "include_prompt": True}, "last"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": "lasttoken"}, "last"),
    ],
)
def test_pooling_that_the_folder_declares_wins_over_the_architecture(
    bert: Path, declared: Any, pooling: Pooling
) -> None:
    write(bert / "1_Pooling" / "config.json", declared)
    assert read_checkpoint(bert, name="x").pooling == pooling
    assert read_checkpoint(bert, name="x", pooling="last").pooling == "last"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"pooling_mode_max_tokens": True}, "pools by max_tokens"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "pools by"),
        ({"pooling_mode_mean_tokens": True, "include_prompt": False}, "without the prompt"),
    ],
)
def test_pooling_that_is_not_supported_is_an_error(bert: Path, declared: Any, message: str) -> None:
    write(bert / "1_Pooling" / "config.json", declared)
    with pytest.raises(EncoderError, match=message):
        read_checkpoint(bert, name="x")


def test_a_pipeline_with_more_than_pooling_is_refused_because_its_vectors_would_be_others(bert: Path) -> None:
    write(bert / "modules.json", [{"type": "sentence_transformers.models.Transformer"}, {"type": "a.models.Dense"}])
    with pytest.raises(EncoderError, match=r"a\.models\.Dense"):
        read_checkpoint(bert, name="x")


@pytest.mark.parametrize(
    ("name", "config", "query", "document"),
    [
        ("intfloat/multilingual-e5-small", {}, "query: ", "passage: "),
        ("intfloat/e5-base-v2", {}, "query: ", "passage: "),
        ("intfloat/e5-mistral-7b-instruct", {}, "", ""),
        ("BAAI/bge-small-en-v1.5", {}, "Represent this sentence for searching relevant passages: ", ""),
        ("sentence-transformers/all-MiniLM-L6-v2", {}, "", ""),
        ("acme/x", {"prompts": {"query": "Q: ", "passage": "P: "}}, "Q: ", "P: "),
        ("acme/e5-small", {"prompts": {"query": "Q: ", "document": ""}}, "Q: ", ""),
    ],
)
def test_prompts_come_from_the_folder_or_are_known_by_name(
    name: str, config: dict[str, Any], query: str, document: str
) -> None:
    assert prompts_of(name, config) == {"query": query, "document": document}


def test_the_digest_follows_the_content_and_not_the_place(bert: Path, checkpoint_folder: FolderOf) -> None:
    before = read_checkpoint(bert, name="x").digest
    assert before == read_checkpoint(checkpoint_folder("bert"), name="y").digest
    (bert / "README.md").write_text("words")
    assert read_checkpoint(bert, name="x").digest == before
    weights = load_file(bert / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][0] += 1
    save_file(weights, bert / "model.safetensors", metadata={"format": "pt"})
    assert read_checkpoint(bert, name="x").digest != before


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no config\.json"):
        read_checkpoint(tmp_path, name="x")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(EncoderError, match="not valid JSON"):
        read_checkpoint(tmp_path, name="x")


def test_weights_that_could_carry_code_are_not_read(bert: Path) -> None:
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="carry code"):
        read_checkpoint(bert, name="x")


def test_code_in_the_folder_is_not_run(bert: Path, tmp_path: Path) -> None:
    config = json.loads((bert / "config.json").read_text())
    write(bert / "config.json", config | {"auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.EvilConfig"}})
    (bert / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert TransformerEncoder(bert).encode(["a"]).shape == (1, 32)
    assert not (tmp_path / "ran").exists()


def test_encoder_decoders_are_refused(bert: Path) -> None:
    config = json.loads((bert / "config.json").read_text())
    write(bert / "config.json", config | {"is_encoder_decoder": True})
    with pytest.raises(EncoderError, match="encoder-decoder"):
        read_checkpoint(bert, name="x")


def test_missing_weights_are_an_error_and_not_random_numbers(bert: Path) -> None:
    weights = load_file(bert / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, bert / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"lacks 1 weights \(encoder\.layer\.1\.output\.dense\.weight"):
        TransformerEncoder(bert).encode(["a"])


def test_a_missing_pooler_is_no_loss(bert: Path) -> None:
    expected = TransformerEncoder(bert).encode(["a text"])
    weights = load_file(bert / "model.safetensors")
    rest = {key: value for key, value in weights.items() if not key.startswith("pooler")}
    assert len(rest) < len(weights)
    save_file(rest, bert / "model.safetensors", metadata={"format": "pt"})
    assert (TransformerEncoder(bert).encode(["a text"]) == expected).all()


def test_damaged_weights_are_an_error(bert: Path) -> None:
    content = (bert / "model.safetensors").read_bytes()
    (bert / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match="transformers cannot load"):
        TransformerEncoder(bert).encode(["a"])


def test_a_local_folder_is_itself(tmp_path: Path) -> None:
    assert locate(str(tmp_path)) == tmp_path
