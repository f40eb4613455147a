"""What a Qdrant server's refusals mean, and which of them pass; without headers or keys."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import grpc
import httpx
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from recsat.errors import StoreError

_PASSING = {408, 429, 500, 502, 503, 504}
"""500 too: a shard that is just being moved or recovered answers so, and every request of the port may be sent twice."""

_STATUS_OF = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


def store_error(error: Exception, where: str) -> StoreError:
    """The error as recsat says it: what, where and what to do."""
    match error:
        case ResourceExhaustedResponse():
            return _refused(429, "", where, float(error.retry_after_s))
        case UnexpectedResponse():
            status = error.status_code or 0
            return _refused(status, error.content.decode(errors="replace")[:500], where)
        case QdrantException() if "Retry-After" in str(error):  # a date: the client reads whole seconds alone
            return _refused(429, "", where)
        case grpc.RpcError():
            code = getattr(error, "code", lambda: None)()
            return _refused(_STATUS_OF.get(code, 400), str(getattr(error, "details", lambda: "")()), where)
        case ResponseHandlingException(source=Exception() as source):
            return _unanswered(source, where)
    return StoreError(f"{where}: {error}. See that the name is right and that this version of Qdrant is supported.")


def _refused(status: int, body: str, where: str, retry_after: float | None = None) -> StoreError:
    match status:
        case 401:
            what = "the key is missing or wrong. Set QDRANT_API_KEY."
        case 403:
            what = "the key is not allowed to do this. Set QDRANT_API_KEY to one that may."
        case 404:
            what = f"not found: {body} Publish first, or check the name."
        case 429:
            pause = "later" if retry_after is None else f"in {retry_after:g} s"
            what = f"the server takes no more requests for now. Try again {pause}, lower store.batch, or raise store.retries."
        case 502 | 503 | 504:
            what = f"the server is not ready: {body} Look at its log, or raise store.retries."
        case _:
            what = f"the server refused: {body}"
    return StoreError(
        f"{where}: status {status}: {what}", transient=status in _PASSING, retry_after=retry_after, status=status
    )


def _unanswered(source: Exception, where: str) -> StoreError:
    """The request had no answer that could be read."""
    if isinstance(source, httpx.TimeoutException):
        return StoreError(f"{where}: no answer in time. Raise store.timeout_s, or lower store.batch.", transient=True)
    if isinstance(source, httpx.ConnectError) and _is_tls(source):
        return StoreError(
            f"{where}: no secure connection ({source}). Set store.ca_file for a private authority, or write http:// where the server has no TLS."
        )
    transient = isinstance(source, (httpx.NetworkError, httpx.RemoteProtocolError))
    return StoreError(
        f"{where}: {source}. See that the server runs and can be reached at this address.", transient=transient
    )


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "[SSL" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def without_credentials(place: str) -> str:
    """An address as it may be printed."""
    parts = urlsplit(place)
    return place if "@" not in parts.netloc else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
