"""Item vectors from the words of their texts alone: the control for a language model. Light: no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsat.embed.fusion import unit_length


def word_vectors(texts: Sequence[str], width: int) -> NDArray[np.float32]:
    r"""(n, at most ``width``) unit-length rows: latent semantic analysis of the texts.

    TF-IDF with sublinear counts, :math:`(1 + \log n_{wi}) \bigl(\log\frac{1 + n}{1 + n_w} + 1\bigr)`, each row of unit length, then its ``width``
    largest singular directions (Deerwester et al., JASIS 1990), randomised with a fixed seed: the same texts give the same vectors.
    Words are what lies between spaces and marks, in small letters; scripts without spaces give whole phrases, and little to share.
    A text without words has a row of zeros. Subtract the catalogue mean as from a model's (:func:`recsat.embed.centre.centre`).
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        counts = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b", dtype=np.float64).fit_transform(texts)
    except ValueError:  # no text has a word
        return np.zeros((len(texts), 1), dtype=np.float32)
    if min(counts.shape) <= width:  # the rows themselves have no more directions
        dense = counts.toarray() if counts.shape[1] <= width else np.linalg.qr(counts.toarray().T)[1].T
        return unit_length(dense.astype(np.float32))
    reduced = TruncatedSVD(width, n_iter=5, random_state=0).fit_transform(counts)
    return unit_length(reduced.astype(np.float32))
