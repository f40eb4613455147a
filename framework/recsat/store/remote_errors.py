"""What a Qdrant server's refusals mean, without headers or keys."""

from __future__ import annotations

from urllib.parse import urlsplit

from qdrant_client.http.exceptions import UnexpectedResponse


def advice(error: UnexpectedResponse) -> str:
    """What is wrong and what to do."""
    body = error.content.decode(errors="replace")[:500]
    match error.status_code:
        case 401 | 403:
            what = "the key is missing or not allowed to do this. Set QDRANT_API_KEY."
        case 404:
            what = f"not found: {body} Publish first, or check the name."
        case 429:
            what = "the server asks to slow down. Try again with smaller batches."
        case _:
            what = f"the server refused: {body}"
    return f"status {error.status_code}: {what}"


def without_credentials(place: str) -> str:
    """An address as it may be printed."""
    parts = urlsplit(place)
    return place if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
