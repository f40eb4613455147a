from __future__ import annotations

import subprocess
import sys

import pytest

from recsat.builtin.encoders import ENCODERS
from recsat.config.settings import EncoderSettings
from recsat.contract.domain import Encoder
from recsat.errors import EncoderError
from recsat.plugins import load_plugins


def test_listing_encoders_and_reading_the_cache_load_no_torch() -> None:
    code = (
        "import sys, recsat.builtin.encoders, recsat.embed.cache, recsat.embed.packaged, recsat.embed.centre, recsat.embed.prompts\n"
        "print([m for m in ('torch', 'transformers', 'tokenizers', 'qdrant_client', 'prefect') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_unique_and_described() -> None:
    assert [spec.name for spec in ENCODERS] == ["minilm", "transformer"]
    assert all(spec.description for spec in ENCODERS)


def test_the_default_encoder_is_minilm_and_satisfies_the_protocol() -> None:
    settings = EncoderSettings()
    encoder = load_plugins([]).encoder(settings.name).make(settings)
    assert isinstance(encoder, Encoder)
    assert encoder.dimension == 384


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EncoderSettings(name="transformer"), "set encoder.model"),
        (EncoderSettings(model="/somewhere"), "which has its own"),
        (EncoderSettings(name="transformer", model="/no/such/folder"), "no such folder"),
        (EncoderSettings(name="transformer", model="./here"), "no such folder"),
        (
            EncoderSettings(name="transformer", model="acme/no-such-model", revision="v1"),
            "at revision 'v1'.*HF_HUB_OFFLINE",
        ),
    ],
)
def test_what_cannot_be_made_is_an_error_that_says_what_to_do(settings: EncoderSettings, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        load_plugins([]).encoder(settings.name).make(settings)
