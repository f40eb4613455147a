from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recsat.config import EncoderSettings
from recsat.domain import Encoder, EncoderSpec
from recsat.embed.registry import ENCODERS, make
from recsat.errors import EncoderError


def test_listing_encoders_and_reading_the_cache_load_no_torch() -> None:
    code = (
        "import sys, recsat.embed.registry, recsat.embed.cache, recsat.embed.packaged, recsat.embed.centre, recsat.embed.prompts\n"
        "print([m for m in ('torch', 'transformers', 'tokenizers', 'qdrant_client', 'prefect') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_unique_and_described() -> None:
    assert [spec.name for spec in ENCODERS] == ["minilm", "transformer"]
    assert all(spec.description for spec in ENCODERS)


def test_the_default_encoder_is_minilm_and_satisfies_the_protocol() -> None:
    encoder = make(EncoderSettings())
    assert isinstance(encoder, Encoder)
    assert encoder.dimension == 384


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EncoderSettings(name="minilm2"), "unknown. Did you mean 'minilm'"),
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
        make(settings)


def test_a_plugins_encoder_is_made_by_its_name(tmp_path: Path) -> None:
    asked: list[EncoderSettings] = []
    other = EncoderSpec(name="acme.big", description="Big.", make=lambda s: asked.append(s) or make(EncoderSettings()))
    settings = EncoderSettings(name="acme.big", max_tokens=32)
    make(settings, [*ENCODERS, other])
    assert asked == [settings]
