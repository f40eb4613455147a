"""What a request passes before the application sees it: who may ask, how large its body is, and the clock."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsat.serving.metrics import Metrics
from recsat.serving.problems import Refusal, problem
from recsat.serving.settings import is_loopback

PROBES: Final = ("/healthz", "/readyz")
"""Answered without a key: whoever restarts a service has none."""
HEADER: Final = "X-API-Key"


class Gate:
    """Refuses requests without the key (401), for another host where there is no key (400), and with too long a body (413)."""

    def __init__(self, app: ASGIApp, *, key: str | None, max_bytes: int, metrics: Metrics) -> None:
        self._app = app
        self._key = key
        self._max_bytes = max_bytes
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._measured(scope, send) as measured_send:
            try:
                self._check_caller(scope["path"], Headers(scope=scope))
                body = await self._body(Headers(scope=scope), receive)
            except Refusal as refusal:
                await problem(refusal.status, refusal.detail, refusal.headers)(scope, receive, measured_send)
            else:
                if body is not None:
                    await self._app(scope, _replayed(body, receive), measured_send)

    def _check_caller(self, path: str, headers: Headers) -> None:
        if path in PROBES:
            return
        if self._key is None:
            # Without it a page in somebody's browser could have its own name point at this machine, and read what is answered.
            if not is_loopback(_host(headers)):
                raise Refusal(
                    HTTPStatus.BAD_REQUEST, "Without a key this service answers to 127.0.0.1 and localhost alone."
                )
            return
        sent = headers.get(HEADER, "")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            sent = sent or token
        if not hmac.compare_digest(sent.encode(), self._key.encode()):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                f"The key is missing or wrong. Send it as {HEADER} or as Authorization: Bearer.",
                {"WWW-Authenticate": "Bearer"},
            )

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """All of it, since it is small, and what is too long is refused before it is read; None where the caller went away."""
        too_long = Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body has more than {self._max_bytes} bytes. Send several smaller requests.",
            {"Connection": "close"},
        )
        length = headers.get("Content-Length", "0")
        if length.isdecimal() and int(length[:20]) > self._max_bytes:
            raise too_long
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                raise too_long
            if not message.get("more_body", False):
                return bytes(body)

    @contextmanager
    def _measured(self, scope: Scope, send: Send) -> Iterator[Send]:
        start, status = time.perf_counter(), "none"

        async def measured_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            yield measured_send
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)


def _host(headers: Headers) -> str:
    """The host of the header of that name, without its port."""
    host = headers.get("Host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Any]]:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def next_message() -> Any:
        return next(messages, None) or await receive()

    return next_message
