"""The mean that an index is centred by, kept with the index.

Text vectors are stored without the mean of their catalogue. Were that mean taken anew for each publication, one changed title would change every
vector and send every point; so the first publication with an encoder freezes its mean, and later ones subtract the same.
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from recsat.store.ownership import alias_of, collections_of
from recsat.store.port import VectorStore


def mean_text(mean: NDArray[np.float32]) -> str:
    """A mean as a collection's mark has it: bit for bit."""
    return base64.b64encode(np.ascontiguousarray(mean, dtype="<f4").tobytes()).decode("ascii")


def frozen_mean(store: VectorStore, domain: str, encoder: str) -> NDArray[np.float32] | None:
    """The mean of the domain's index for this encoder, (d,): of the collection that is served, else of the last one used; None where there is none."""
    served = store.aliases().get(alias_of(store, domain))
    marks = {
        name: mark
        for name, mark in collections_of(store, domain).items()
        if mark.ready and mark.mean and not mark.scratch and mark.encoder == encoder
    }
    if not marks:
        return None
    last = max(marks, key=lambda name: (name == served, marks[name].used))
    return np.frombuffer(base64.b64decode(marks[last].mean), dtype="<f4").astype(np.float32)
