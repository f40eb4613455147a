"""Errors of the service: RFC 9457 problem details, one sentence each, never a traceback."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from recsat.errors import ConfigError, EventConflict, FeedbackError, RecsatError, UnknownItem

logger = logging.getLogger(__name__)
MEDIA_TYPE: Final = "application/problem+json"
MOST_SIGNS: Final = 80
"""Signs of a value that a sentence repeats."""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field("about:blank", description="No more is to be said than the status says.")
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(
        description="What, where, and what to do.", examples=["item 'x' is not in the catalogue of 1955 items."]
    )


class Refusal(Exception):
    """An answer that is a problem."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer; in ASCII, since what it repeats of a request need not be text that UTF-8 has."""
    content = Problem(title=HTTPStatus(status).phrase, status=status, detail=" ".join(detail.split()))
    return Response(json.dumps(content.model_dump()), status, headers, MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Makes problems of everything that ``app`` raises."""

    @app.exception_handler(Refusal)
    def refused(request: Request, error: Refusal) -> Response:
        return problem(error.status, error.detail, error.headers)

    @app.exception_handler(HTTPException)
    def unrouted(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, _of_status(error), error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _sentence(error))

    @app.exception_handler(RecsatError)
    def recsat(request: Request, error: RecsatError) -> Response:
        if isinstance(error, UnknownItem | ConfigError):
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        if isinstance(error, EventConflict):
            return problem(HTTPStatus.CONFLICT, str(error))
        logger.error("%s %s: %s", request.method, request.url.path, error)
        if isinstance(error, FeedbackError):
            detail = "The feedback log cannot be used now, and nothing of this request is in it. Send it again later."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
        return unexpected(request, error)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        return problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "This request failed for a reason that is in the service's log. Tell who runs it.",
        )


def _of_status(error: HTTPException) -> str:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "Nothing is here. See /openapi.json for what there is."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow") or "another method"
            return f"This method does nothing here. Use {allowed}."
        case HTTPStatus.BAD_REQUEST:
            return "The body cannot be read as JSON. Send JSON in UTF-8."
        case _:
            return str(error.detail)


def _sentence(error: RequestValidationError) -> str:
    """The first fault, by the place that has it, and how many more there are."""
    first, *others = error.errors()
    location = [str(part) for part in first["loc"] if part not in ("body", "query")]
    place = ".".join(location)[:MOST_SIGNS] if location else str(first["loc"][0])
    if first["type"] == "json_invalid":
        return f"The body is no JSON: {first['ctx']['error']}. Send JSON in UTF-8."
    message = str(first["msg"]).removeprefix("Value error, ")
    more = f" And {len(others)} more." if others else ""
    return f"{place}: {message[:1].lower()}{message[1:]}.{more}"
