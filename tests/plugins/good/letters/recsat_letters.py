from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsat import EncoderSpec, hookimpl


class Letters:
    dimension = 26
    fingerprint = "letters-1"

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        counts = [[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]
        vectors = np.asarray(counts, dtype=np.float32).reshape(-1, 26)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def make(settings: Any) -> Letters:
    return Letters()


@hookimpl
def recsat_encoders() -> Iterable[EncoderSpec]:
    return (EncoderSpec(name="letters", description="Counts of the letters a to z.", make=make),)
