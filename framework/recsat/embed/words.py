"""Item vectors from the words of their texts alone: the control for a language model. Light: no torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import regex
from numpy.typing import NDArray

from recsat.embed.fusion import unit_length

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no space between words, or hang particles on them; \u30fc, narrow \uff70, is the mark that makes a vowel of kana long."""
_RUNS = regex.compile(rf"([[{_UNSPACED}]&&[\w\p{{N}}]]+)|[[\w\p{{N}}]--[{_UNSPACED}]]+", regex.V1)
_LETTERS = regex.compile(r"\X")


def words_of(text: str) -> list[str]:
    """Letters, their marks and digits between spaces and signs; in scripts without spaces each two letters that stand together, and a letter that stands alone.

    Pairs of letters are what search engines take for words there (Lucene's ``CJKBigramFilter``), and need no dictionary. A letter and its mark are the same
    word however they are written (Unicode's NFC).
    """
    words: list[str] = []
    for run in _RUNS.finditer(unicodedata.normalize("NFC", text)):
        letters = _LETTERS.findall(run.group()) if run.group(1) else [run.group()]
        words += letters if len(letters) == 1 else map("".join, pairwise(letters))
    return words


def word_vectors(texts: Sequence[str], width: int) -> NDArray[np.float32]:
    r"""(n, at most ``width``) unit-length rows: latent semantic analysis of the texts.

    TF-IDF with sublinear counts, :math:`(1 + \log n_{wi}) \bigl(\log\frac{1 + n}{1 + n_w} + 1\bigr)`, each row of unit length, then its ``width``
    largest singular directions (Deerwester et al., JASIS 1990), randomised with a fixed seed: the same texts give the same vectors.
    Words are those of :func:`words_of`, in small letters.
    A text without words has a row of zeros. Subtract the catalogue mean as from a model's (:func:`recsat.embed.centre.centre`).
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        counts = TfidfVectorizer(
            sublinear_tf=True, tokenizer=words_of, token_pattern=None, dtype=np.float64
        ).fit_transform(texts)
    except ValueError:  # no text has a word
        return np.zeros((len(texts), 1), dtype=np.float32)
    if min(counts.shape) <= width:  # the rows themselves have no more directions
        dense = counts.toarray() if counts.shape[1] <= width else np.linalg.qr(counts.toarray().T)[1].T
        return unit_length(dense.astype(np.float32))
    reduced = TruncatedSVD(width, n_iter=5, random_state=0).fit_transform(counts)
    return unit_length(reduced.astype(np.float32))
