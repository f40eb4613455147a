"""Tokens of many texts, as transformers gives them one text at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from recsat.embed.packaged import MINILM, find_packaged
from recsat.embed.tokens import tokenize

TEXTS = ["Heat (1995)", "long " * 300, "[CLS] in a text [SEP] </s>", "无线降噪耳机 🎧", "a\x00b", "x"]


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "xlnet", "minilm"])
@pytest.mark.parametrize("max_tokens", [8, 64])
def test_they_are_those_of_transformers_own_call(
    checkpoint_folder: Callable[[str], Path], family: str, max_tokens: int
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(
        find_packaged(MINILM) if family == "minilm" else checkpoint_folder(family)
    )
    assert tokenizer.is_fast
    tokens = tokenize(tokenizer, TEXTS, max_tokens)
    for text, start, length in zip(TEXTS, tokens.starts, tokens.lengths, strict=True):
        expected = tokenizer(text, truncation=True, max_length=max_tokens)
        assert tokens.ids[start : start + length].tolist() == expected["input_ids"]
        types = [0] * length if tokens.types is None else tokens.types[start : start + length].tolist()
        assert types == expected.get("token_type_ids", [0] * length)


def test_a_tokenizer_without_a_compiled_form_gives_the_same(checkpoint_folder: Callable[[str], Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint_folder("bert"))

    class Plain:
        """Only callable, as tokenizers written in Python are."""

        def __call__(self, texts: list[str], **options: object) -> object:
            return tokenizer(texts, **options)

    compiled, plain = tokenize(tokenizer, TEXTS, 16), tokenize(Plain(), TEXTS, 16)
    assert compiled.ids.tolist() == plain.ids.tolist()
    assert compiled.lengths.tolist() == plain.lengths.tolist()
