"""How a service is set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from recsat.errors import ConfigError
from recsat.stages.model.indexed import LARGE_CATALOGUE
from recsat.stages.model.loaded import MOST_PLACES

KEY: Final = "RECSAT_API_KEY"
"""The environment variable that has the key."""


class ServingSettings(BaseModel):
    """Limits of one request, and how often a process looks for what is new."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_users: int = Field(100, ge=1, description="Users of one request for lists.")
    max_k: int = Field(100, ge=1, le=MOST_PLACES, description="Length of a list.")
    max_items: int = Field(1_000, ge=1, description="Items that include, and that exclude, may name.")
    max_events: int = Field(1_000, ge=1, description="Events of one request.")
    max_bytes: int = Field(1_048_576, ge=1, description="Size of a request's body.")
    refresh_s: float = Field(
        5.0,
        gt=0,
        description="Seconds between two looks for a promoted model, and for events that move what everybody is served by.",
    )
    index_from: int = Field(
        LARGE_CATALOGUE,
        ge=0,
        description="Items of a catalogue from which on candidates come from the index of its run, where that is on a server; every item is scored below.",
    )
    threads: int = Field(
        2, ge=1, description="Lists that a process makes at once; more wait. Python and PyTorch share a core badly."
    )


def key_of(env: Mapping[str, str] = os.environ) -> str | None:
    """The API key; None where none is set. Raises ConfigError for one that no header can carry."""
    key = env.get(KEY, "")
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"{KEY} has signs that a header cannot carry. Use letters, digits and punctuation.")
    return key or None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(host: str, key: str | None) -> None:
    """Raises ConfigError where others could reach the service and no key keeps them out."""
    if key is None and not is_loopback(host):
        raise ConfigError(
            f"--host {host} can be reached from other machines, and no key is set. Set {KEY} to a long random text, or keep --host 127.0.0.1."
        )
