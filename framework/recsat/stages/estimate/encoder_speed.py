"""How long an encoder takes for a token, measured where that is worth it."""

from __future__ import annotations

import time
from typing import Final

import polars as pl

from recsat.contract.domain import Encoder
from recsat.stages.estimate import unit_costs as unit
from recsat.stages.estimate.sizes import tokens_of
from recsat.stages.estimate.speed import Speed

ROUNDS: Final = 9
ROUND_SECONDS: Final = 0.1
"""At most: a model that takes longer for a text is not loaded to be measured."""
SHARE: Final = 0.02
"""Of what is to come, that the measurement may take."""
MOST_TEXTS: Final = 512


def token_seconds(encoder: Encoder, texts: pl.Series, most: int, n_tokens: float, speed: Speed) -> float | None:
    """Of a token, where ``n_tokens`` are to come, ``most`` a text; None for an encoder that shows no layers, or does not run on the CPU.

    Measured on some of ``texts``, the shortest of :data:`ROUNDS`, for processors differ in what they make of a model by more than their products do; reckoned by the
    multiplications in the model's layers where so little is to come, or the model is so large, that a measurement would take longer than it is worth.
    Raises what :meth:`~recsat.contract.domain.Encoder.encode` raises where it is measured.
    """
    checkpoint, device = getattr(encoder, "checkpoint", None), getattr(encoder, "device", None)
    products: int | None = getattr(checkpoint, "products", None)
    if products is None or device is None or device.type != "cpu":
        return None
    reckoned = speed.products * unit.TOKEN * products / unit.PACKAGED_PRODUCTS
    seconds = min(ROUND_SECONDS, SHARE * reckoned * n_tokens / ROUNDS)
    some = texts.filter(texts.str.strip_chars() != "").unique(maintain_order=True)
    some = some.sample(min(len(some), MOST_TEXTS), seed=0)
    n = int(len(some) * seconds / (reckoned * max(1.0, tokens_of(encoder, some, most))))
    return reckoned if n < 1 else _measured(encoder, some.head(n), most)


def _measured(encoder: Encoder, texts: pl.Series, most: int) -> float:
    probe, rounds = texts.to_list(), []
    encoder.encode(probe[:1])  # weights are loaded
    for _ in range(ROUNDS):
        start = time.perf_counter()
        encoder.encode(probe)
        rounds.append(time.perf_counter() - start)
    return min(rounds) / max(1.0, tokens_of(encoder, texts, most))
