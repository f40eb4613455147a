"""The encoders that recsat brings, by name. Light: torch and transformers are imported when an encoder is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsat.config.settings import EncoderSettings
from recsat.contract.domain import EncoderSpec
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
