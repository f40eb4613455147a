"""What must not stand in settings: they are written into config.json, the report and a Prefect run's parameters, for everybody to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_NAME: Final = r"(?:(?:api|access|secret|private|account)[_-]?key|token|secret|password|passwd|passphrase|pwd|credentials?|auth|authorization)"
_SECRET_KEY: Final = re.compile(rf"(?:.*[_-])?{_NAME}", re.IGNORECASE)
_USER: Final = re.compile(
    r"(\b[a-z][a-z0-9+.-]*://)(?:[^/?#\s@:\[]*:(?!\d*(?:[/?#\s]|$))\S*@|[^/?#\s@:\[]*:\d+[/?#][^\s@=&]*[^\s@=&/]@|[^/?#\s]+@)",
    re.IGNORECASE,
)
"""``user:password@`` of an address: what follows the colon and is no port is a password, whatever signs it has. One that begins as a port does, ``ann:12/34@host``,
is a password too: nothing tells it from a path, and of the two it is the one that must not be published."""
_PARAMETER: Final = re.compile(
    rf"([?&#](?:(?:[\w-]*[_-])?(?:{_NAME}|signature)|key|sig)=)[^&#\s\"',}}\]]+", re.IGNORECASE
)
_ENTRY: Final = re.compile(
    rf"((?<![\w-])(?:[\w-]*[_-])?{_NAME}[\"']?\s*:\s*)(?:\"[^\"]*\"|'[^']*'|[^,}}\]\s][^,}}\]\n]*)", re.IGNORECASE
)
"""``password: …`` of a mapping in YAML or JSON."""
MASK: Final = "***"


def masked(key: str, text: str) -> str:
    """``text``, the value of a dotted ``key``, as a message may repeat it.

    >>> masked("store.url", "http://ann:pass@host:6333"), masked("store.api_key", "sesame"), masked("rank.k", "20")
    ('http://***@host:6333', '***', '20')
    """
    if _SECRET_KEY.fullmatch(key.rpartition(".")[2].strip()):
        return MASK
    text = _USER.sub(rf"\g<1>{MASK}@", text)
    return _ENTRY.sub(rf"\g<1>{MASK}", _PARAMETER.sub(rf"\g<1>{MASK}", text))


def secrets_in(settings: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """A sentence for each value that looks like a secret, by its key or as an address with a secret in it; none repeats the value."""
    for key, value in settings.items():
        place = f"{path}.{key}".removeprefix(".")
        yield from _secrets_of(str(key), value, place)


def _secrets_of(key: str, value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from secrets_in(value, place)
        return
    values = value if isinstance(value, list) else [value]
    for index, one in enumerate(values):
        if isinstance(one, Mapping | list):
            yield from _secrets_of(key, one, f"{place}[{index}]")
    instead = "set QDRANT_API_KEY" if place == "store.url" else "give it by the environment"
    texts = [one for one in values if isinstance(one, str)]
    if _SECRET_KEY.fullmatch(key) and any(_is_given(one) for one in values):
        yield f"{place} looks like a secret, and settings are published with every run: read it from a variable of the environment instead"
    elif any(_USER.search(text) for text in texts):
        yield f"{place} is an address with a user or a password in it, and settings are published with every run: leave that out and {instead}"
    elif any(_PARAMETER.search(text) for text in texts):
        yield f"{place} is an address with a key in it, and settings are published with every run: leave that out and {instead}"


def _is_given(value: Any) -> bool:
    """Whether a value can be a secret: a text or a number, but no switch."""
    return (isinstance(value, str) and bool(value)) or (isinstance(value, int | float) and not isinstance(value, bool))
