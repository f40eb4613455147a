"""Files of pictures to vectors, through the cache: a picture whose bytes were ever embedded is not embedded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.embed.cache import embed_texts
from recsat.embed.digest import sha256_of
from recsat.embed.image import ImageEncoder
from recsat.errors import EncoderError


class FileEncoder:
    """An image encoder as an encoder of texts ``<sha256> <path>``, which is what the cache keeps vectors of."""

    def __init__(self, images: ImageEncoder) -> None:
        self._images = images
        self.dimension = images.dimension
        self.fingerprint = f"files:{images.fingerprint}"

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        return self._images.encode([Path(text.partition(" ")[2]) for text in texts], progress=progress)


def embed_pictures(
    paths: pl.Series, encoder: ImageEncoder, cache_dir: str | Path, progress: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """(len(paths), dimension) float32, unit length; a null path gives a row of zeros.

    Raises EncoderError, naming the file, for a file that is missing or is no picture.
    """
    vectors = np.zeros((len(paths), encoder.dimension), dtype=np.float32)
    known = paths.is_not_null().to_numpy()
    if known.any():
        texts = pl.Series([f"{_digest(path)} {path}" for path in paths.drop_nulls()])
        vectors[known] = embed_texts(texts, FileEncoder(encoder), cache_dir, progress).vectors
    return vectors


def _digest(path: str) -> str:
    try:
        return sha256_of(Path(path))
    except OSError as error:
        raise EncoderError(
            f"picture {path}: cannot be read ({error}). Mend the path, or give null where an item has no picture."
        ) from error
