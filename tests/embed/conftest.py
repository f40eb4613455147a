"""Small checkpoints of three families, made here: random weights, a tokenizer trained on a few lines."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLNetConfig,
    XLNetModel,
)

LINES = [
    "Heat (1995). Action, Crime, Thriller",
    "Toy Story (1995). Adventure, Animation, Children, Comedy, Fantasy",
    "wireless noise-cancelling headphones with up to 40 hours of battery life",
    "a retired detective in Paris takes one last job that goes terribly wrong",
    "cotton bed sheets, machine washable, available in seven colours and three sizes",
]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<cls>", "sep_token": "<sep>", "pad_token": "<pad>"}


def _tokenizer(template: str | None, roles: tuple[str, ...], **options: object) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES, trainer)
    if template is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[(token, tokenizer.token_to_id(token)) for token in SPECIAL.values()]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **{role: SPECIAL[role] for role in roles}, **options
    )


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``checkpoint_folder("gpt2")``: the folder of a small checkpoint of that family."""
    folders: dict[str, Path] = {}
    # Wide weights: with the usual 0.02 all texts would get nearly the same vector, and comparisons would prove nothing.
    # 64 positions everywhere, so that cutting is seen.

    def model_of(family: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
        if family == "bert":
            config = BertConfig(
                vocab_size=400,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=64,
                max_position_embeddings=64,
                initializer_range=0.3,
            )
            roles = ("cls_token", "sep_token", "pad_token")
            return BertModel(config), _tokenizer("<cls>:0 $A:0 <sep>:0", roles)
        if family == "gpt2":  # no special tokens around a text, and none to pad with
            config = GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3)
            return GPT2Model(config), _tokenizer(None, ("eos_token",))
        if family == "llama":  # pads on the left, as checkpoints for generation do
            config = LlamaConfig(
                vocab_size=400,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
                initializer_range=0.3,
            )
            roles = ("bos_token", "eos_token", "pad_token")
            return LlamaModel(config), _tokenizer("<s>:0 $A:0", roles, padding_side="left")
        config = XLNetConfig(vocab_size=400, d_model=32, n_layer=2, n_head=4, d_inner=64, initializer_range=0.3)
        roles = ("cls_token", "sep_token", "pad_token")
        return XLNetModel(config), _tokenizer("$A:0 <sep>:0 <cls>:2", roles, padding_side="left", pad_token_type_id=3)

    def folder(family: str) -> Path:
        if family not in folders:
            torch.manual_seed(7)
            model, tokenizer = model_of(family)
            path = tmp_path_factory.mktemp(family) / family
            model.save_pretrained(path)
            tokenizer.save_pretrained(path)
            folders[family] = path
        return folders[family]

    return folder


@pytest.fixture(scope="session")
def hashing() -> ModuleType:
    """The module beside this file, which child processes run as a script."""
    path = Path(__file__).with_name("hashing.py")
    spec = importlib.util.spec_from_file_location("hashing", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
