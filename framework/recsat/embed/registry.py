"""The encoders that recsat brings, by name. Light: torch and transformers are imported when an encoder is made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from recsat.config import EncoderSettings
from recsat.domain import Encoder, EncoderSpec
from recsat.errors import EncoderError

if TYPE_CHECKING:
    from recsat.embed.transformer import TransformerEncoder


def _minilm(settings: EncoderSettings) -> TransformerEncoder:
    from recsat.embed.packaged import MINILM, checked_packaged
    from recsat.embed.transformer import TransformerEncoder

    if settings.model is not None:
        raise EncoderError(
            f"encoder.model is {settings.model!r}, but encoder.name is minilm, which has its own. "
            "Set encoder.name to transformer, or leave encoder.model empty."
        )
    return TransformerEncoder.from_settings(settings, checked_packaged(MINILM), name=MINILM.name)


def _transformer(settings: EncoderSettings) -> TransformerEncoder:
    from recsat.embed.checkpoint import locate
    from recsat.embed.transformer import TransformerEncoder

    if settings.model is None:
        raise EncoderError("encoder.name is transformer: set encoder.model to a local folder or a hub id.")
    return TransformerEncoder.from_settings(settings, locate(settings.model, settings.revision), name=settings.model)


ENCODERS: list[EncoderSpec] = [
    EncoderSpec(
        name="minilm",
        description="all-MiniLM-L6-v2 from its package: 384 dimensions, 256 tokens, English; needs no network.",
        make=_minilm,
    ),
    EncoderSpec(
        name="transformer",
        description="Any BERT, GPT or XLNet-style checkpoint with safetensors weights: encoder.model is a folder or hub id.",
        make=_transformer,
    ),
]


def make(settings: EncoderSettings, encoders: Iterable[EncoderSpec] = ENCODERS) -> Encoder:
    """The encoder that ``settings.name`` names among ``encoders``. Its weights are read at the first ``encode``."""
    by_name = {spec.name: spec for spec in encoders}
    if settings.name not in by_name:
        close = difflib.get_close_matches(settings.name, by_name, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise EncoderError(f"encoder.name {settings.name!r} is unknown.{hint} Known: {', '.join(sorted(by_name))}.")
    return by_name[settings.name].make(settings)
