"""Token ids of many texts, flat and without padding."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsat.errors import EncoderError


@dataclass(frozen=True)
class Tokens:
    """Text i has ``ids[starts[i] : starts[i] + lengths[i]]``. ``types`` are token types, where the model tells them apart."""

    ids: NDArray[np.int64]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    types: NDArray[np.int64] | None = None

    def pad(self, rows: NDArray[np.intp], flat: NDArray[np.int64], fill: int) -> NDArray[np.int64]:
        """``flat`` (ids or types) of some texts as (rows, longest), padded on the right."""
        lengths = self.lengths[rows, None]
        column = np.arange(int(lengths.max()))
        places = self.starts[rows, None] + np.minimum(column, lengths - 1)
        return np.where(column < lengths, flat[places], fill)

    def flat(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Ids of some texts, one text after the other."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        places = np.arange(int(ends[-1])) + np.repeat(self.starts[rows] - (ends - lengths), lengths)
        ids: NDArray[np.int64] = self.ids[places]
        return ids


def tokenize(tokenizer: Any, texts: list[str], max_tokens: int) -> Tokens:
    """Tokens of ``texts``, cut after ``max_tokens``, special tokens included.

    Some tokenizers give no token at all for an empty text; it then gets their begin or end token.
    """
    return tokens_of(tokenizer, texts, encodings_of(tokenizer, texts, max_tokens))


def encodings_of(tokenizer: Any, texts: list[str], max_tokens: int) -> Any:
    """What :func:`tokens_of` takes: the part of the work that holds no other Python thread up, where the tokenizer is a compiled one.

    It is asked itself: transformers' call around it took four fifths of the time on 16 cores, for a dictionary of each text that nobody reads.
    """
    if not getattr(tokenizer, "is_fast", False):
        return tokenizer(texts, truncation=True, max_length=max_tokens, padding=False, return_attention_mask=False)
    return compiled(tokenizer, max_tokens).encode_batch_fast(texts)


def compiled(tokenizer: Any, max_tokens: int) -> Any:
    """The ``tokenizers.Tokenizer`` of a fast tokenizer, set to cut after ``max_tokens``."""
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(max_length=max_tokens, direction=tokenizer.truncation_side)
    backend.no_padding()
    return backend


def gives_types(tokenizer: Any) -> bool:
    """Whether a fast tokenizer gives a text token types other than 0. They are given by its template, whatever the text says."""
    return "token_type_ids" in tokenizer.model_input_names and any(tokenizer.backend_tokenizer.encode("a").type_ids)


def tokens_of(tokenizer: Any, texts: list[str], encodings: Any) -> Tokens:
    """:func:`tokenize` of ``texts`` from their :func:`encodings_of`. Types are None where all are 0, which is what models take without any."""
    types: list[list[int]] | None
    if getattr(tokenizer, "is_fast", False):
        lists = [one.ids for one in encodings]
        types = [one.type_ids for one in encodings] if gives_types(tokenizer) else None
    else:
        lists, types = encodings["input_ids"], encodings.get("token_type_ids")
    lengths = np.fromiter(map(len, lists), dtype=np.intp, count=len(lists))
    total = int(lengths.sum())
    ids = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=total)
    of_types = None if types is None else np.fromiter(chain.from_iterable(types), dtype=np.int64, count=total)
    return joined(tokenizer, texts, ids, lengths, of_types)


def joined(
    tokenizer: Any,
    texts: list[str],
    ids: NDArray[np.int64],
    lengths: NDArray[np.intp],
    types: NDArray[np.int64] | None = None,
) -> Tokens:
    """Tokens of ``texts`` from their ids and types, one text after the other; a text without any gets the begin or end token."""
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        filler = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        if filler is None:
            raise EncoderError(
                f"text {texts[empty[0]]!r} has no tokens, and this tokenizer has no begin or end token to stand for it. "
                "Give every item and user a text."
            )
        places = np.cumsum(lengths)[empty]
        ids = np.insert(ids, places, int(filler))
        types = None if types is None else np.insert(types, places, 0)
        lengths = np.where(lengths == 0, 1, lengths)
    return Tokens(ids, np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp), lengths, types)
