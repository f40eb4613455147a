"""Vectors of texts that were embedded before: a text is never embedded twice by one encoder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.domain import Encoder
from recsat.embed.cached_vectors import encoder_folder, read_vectors, text_keys, write_vectors
from recsat.embed.distinct import distinct
from recsat.errors import EncoderError

_MAX_BLOCK = 65_536
_SECONDS_A_BLOCK = 5.0
"""Blocks grow until one takes this long: little is lost by a kill, and a fast device does not wait for the disk."""

SHOWN_OF_TEXT = 60
"""Signs of a text that an error shows."""


@dataclass(frozen=True)
class Embedded:
    """``vectors``: float32 (texts, dimension), in the order of the texts. ``n_new`` and ``n_cached`` count distinct texts."""

    vectors: NDArray[np.float32]
    n_new: int
    n_cached: int


def embed_texts(
    texts: Sequence[str] | pl.Series,
    encoder: Encoder,
    cache_dir: str | Path,
    progress: Callable[[int], None] | None = None,
    *,
    block: int = 1024,
) -> Embedded:
    """Vectors of ``texts``: read from ``cache_dir`` where the same encoder made them before, else made and stored there.

    Each distinct text is embedded once. New vectors are stored after every ``block`` texts (growing on a fast device), so
    that a killed run goes on where it was. Any number of processes may share a cache. ``progress`` is called with how many more
    distinct texts are done.

    Raises DataError for a null text, EncoderError where the encoder breaks its contract.
    """
    unique, places = distinct(texts)
    _require_encoder(encoder)
    vectors = np.empty((len(unique), encoder.dimension), dtype=np.float32)
    folder = encoder_folder(Path(cache_dir), encoder.fingerprint)
    keys = text_keys(encoder.fingerprint, unique)
    cached = read_vectors(folder, keys, vectors)
    if progress is not None and cached.any():
        progress(int(cached.sum()))
    missing = np.flatnonzero(~cached)
    start = 0
    while start < len(missing):
        rows = missing[start : start + block]
        began = time.monotonic()
        of_block = [unique[row] for row in rows]
        block_vectors = _checked(encoder, encoder.encode(of_block, progress=progress), of_block)
        write_vectors(folder, keys[rows], block_vectors)
        vectors[rows] = block_vectors
        start += len(rows)
        if time.monotonic() - began < _SECONDS_A_BLOCK:
            block = min(block * 2, _MAX_BLOCK)
    return Embedded(vectors=vectors[places], n_new=len(missing), n_cached=len(unique) - len(missing))


def embed_items(
    texts: pl.Series, encoder: Encoder, cache_dir: str | Path, progress: Callable[[int], None] | None = None
) -> Embedded:
    """:func:`embed_texts` of a catalogue's ``texts``, in which an item without a text has a row of zeros.

    A zero row says nothing: it does not count in the catalogue's mean, and its cosine with everything is 0, that of an item as far from
    everybody's taste as the mean. Where no item has a text all rows are the vector of the empty text, all alike.
    """
    has_text = (texts.str.strip_chars() != "").to_numpy()
    if has_text.all() or not has_text.any():
        return embed_texts(texts, encoder, cache_dir, progress)
    embedded = embed_texts(texts.filter(has_text), encoder, cache_dir, progress)
    vectors = np.zeros((len(texts), encoder.dimension), dtype=np.float32)
    vectors[has_text] = embedded.vectors
    return replace(embedded, vectors=vectors)


def _require_encoder(encoder: object) -> None:
    """Raises EncoderError where a plugin's encoder has no dimension, no fingerprint or no encode: all of the cache hangs on these."""
    who = f"encoder {type(encoder).__name__}"
    dimension, fingerprint = getattr(encoder, "dimension", None), getattr(encoder, "fingerprint", None)
    if not isinstance(dimension, int) or isinstance(dimension, bool) or dimension < 1:
        raise EncoderError(f"{who}: dimension is {dimension!r}. Give the length of its vectors, a whole number from 1.")
    if not isinstance(fingerprint, str) or not fingerprint:
        raise EncoderError(
            f"{who}: fingerprint is {fingerprint!r}. Give a text that changes whenever one text could get another vector."
        )
    if not callable(getattr(encoder, "encode", None)):
        raise EncoderError(f"{who} has no encode(texts, *, progress=None). Give it one that returns its vectors.")


def _checked(encoder: Encoder, vectors: object, texts: Sequence[str]) -> NDArray[np.float32]:
    """What may go into the cache: a wrong vector would come back for ever."""
    who, count = f"encoder {type(encoder).__name__}", len(texts)
    if not isinstance(vectors, np.ndarray):
        raise EncoderError(
            f"{who} gave a {type(vectors).__name__} for {count} texts; it must give a numpy array, float32 ({count}, {encoder.dimension})."
        )
    if vectors.shape != (count, encoder.dimension) or vectors.dtype != np.float32:
        raise EncoderError(
            f"{who} gave {vectors.dtype} {vectors.shape} for {count} texts; it must give float32 ({count}, {encoder.dimension})."
        )
    norms = np.linalg.norm(vectors, axis=1)
    bad = ~(np.abs(norms - 1.0) < 1e-3)  # also true for NaN
    if bad.any():
        row = int(bad.argmax())
        raise EncoderError(
            f"{who} gave a vector of length {norms[row]:g} for {texts[row][:SHOWN_OF_TEXT]!r}; it must be 1 for every text. "
            "Divide vectors by their lengths, and give texts of which the encoder knows nothing a component of their own."
        )
    return vectors
