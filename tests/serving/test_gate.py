"""A caller who goes away in the middle of a body."""

from __future__ import annotations

from typing import Any

import anyio

from recsat.serving.gate import Gate
from recsat.serving.metrics import Metrics


def passed(*messages: dict[str, Any]) -> list[bytes]:
    """The bodies that reach the application when these messages are received."""
    bodies, incoming = [], iter(messages)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        bodies.append((await receive())["body"])

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(message: Any) -> None:
        raise AssertionError("nothing is answered")

    scope = {"type": "http", "path": "/healthz", "headers": []}
    anyio.run(Gate(application, key=None, max_bytes=10, metrics=Metrics()), scope, receive, send)
    return bodies


def test_a_body_in_pieces_is_whole_and_one_that_breaks_off_is_dropped() -> None:
    first, last = {"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"c"}
    assert passed(first, last) == [b"abc"]
    assert passed(first, {"type": "http.disconnect"}) == []
