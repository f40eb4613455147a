"""What must not stand in settings: they are written into config.json, the report and a Prefect run's parameters, for everybody to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SECRET_KEY: Final = re.compile(
    r"(?:.*_)?(?:api_?key|access_?key|token|secret|password|passwd|credentials?)", re.IGNORECASE
)
_CREDENTIALS: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s@]+@", re.IGNORECASE)
MASK: Final = "***"


def masked(key: str, text: str) -> str:
    """``text``, the value of a dotted ``key``, as a message may repeat it.

    >>> masked("store.url", "http://ann:pass@host:6333"), masked("store.api_key", "sesame"), masked("rank.k", "20")
    ('http://***@host:6333', '***', '20')
    """
    if _SECRET_KEY.fullmatch(key.rpartition(".")[2].strip()):
        return MASK
    return _CREDENTIALS.sub(rf"\g<1>{MASK}@", text)


def secrets_in(settings: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """A sentence for each value that looks like a secret, by its key or as an address with a user in it; none repeats the value."""
    for key, value in settings.items():
        place = f"{path}.{key}".removeprefix(".")
        if isinstance(value, Mapping):
            yield from secrets_in(value, place)
            continue
        texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]
        if texts and _SECRET_KEY.fullmatch(str(key)):
            yield f"{place} looks like a secret, and settings are published with every run: read it from a variable of the environment instead"
        elif any(_CREDENTIALS.search(text) for text in texts):
            instead = "set QDRANT_API_KEY" if place == "store.url" else "give it by the environment"
            yield f"{place} is an address with a user or a password in it, and settings are published with every run: leave that out and {instead}"
