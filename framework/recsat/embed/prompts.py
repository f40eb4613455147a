"""What some models want in front of a text. Light: no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

Role = Literal["query", "document"]

# Models whose folder does not say it; the pattern is matched against the model's name. From the publishers' model cards.
_KNOWN: tuple[tuple[str, Mapping[Role, str]], ...] = (
    (r"e5-mistral|e5-.*instruct", {}),  # wants a task description: give encoder.prompt
    (r"(^|[-_/])e5-(small|base|large)", {"query": "query: ", "document": "passage: "}),
    (
        r"(^|[-_/])bge-(small|base|large)-en",
        {"query": "Represent this sentence for searching relevant passages: ", "document": ""},
    ),
    (r"(^|[-_/])bge-(small|base|large)-zh", {"query": "为这个句子生成表示以用于检索相关文章：", "document": ""}),
    (
        r"qwen3-embedding",
        {
            "query": "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
            "document": "",
        },
    ),
)
_NAMES: Mapping[Role, tuple[str, ...]] = {"query": ("query",), "document": ("document", "passage", "corpus")}


def prompts_of(name: str, config: Mapping[str, Any]) -> dict[Role, str]:
    """The prompts of a model: those that its ``config_sentence_transformers.json`` declares, else those known by name.

    Without either both are empty. The encoder embeds with ``document``; ``encoder.with_role("query")`` with the other.
    """
    declared = config.get("prompts") or {}
    prompts: dict[Role, str] = {"query": "", "document": ""}
    for pattern, known in _KNOWN:
        if re.search(pattern, name.lower()):
            prompts.update(known)
            break
    for role, names in _NAMES.items():
        prompts[role] = next((str(declared[key]) for key in names if key in declared), prompts[role])
    return prompts
