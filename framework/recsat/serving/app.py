"""The application: which request does what."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec, TypeVar

import anyio
import polars as pl
from fastapi import FastAPI, Query
from pydantic import BaseModel
from starlette.responses import Response

from recsat.errors import FeedbackError, StoreError
from recsat.feedback.log import FeedbackLog
from recsat.plugins import Plugins
from recsat.serving.current import CurrentModel
from recsat.serving.gate import HEADER, Gate
from recsat.serving.messages import (
    Acknowledged,
    EventsRequest,
    Health,
    ListedItem,
    Recommendations,
    RecommendedList,
    RecommendRequest,
    WhyRequest,
)
from recsat.serving.metrics import CONTENT_TYPE, Metrics, forget_the_dead, forget_this_process
from recsat.serving.problems import MEDIA_TYPE, Problem, Refusal, answer_problems
from recsat.serving.settings import ServingSettings
from recsat.serving.source import ModelSource
from recsat.stages.model.explanation import Explanation
from recsat.stages.model.loaded import Model

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


def _body(media_type: str, schema: dict[str, str]) -> dict[str, Any]:
    """A body as OpenAPI describes it."""
    return dict(content={media_type: {"schema": schema}})  # noqa: C408  # a keyword: as a text it would be a domain's name


REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, **_body(MEDIA_TYPE, {"$ref": "#/components/schemas/Problem"})}
    for status, text in {"4XX": "The request is refused.", "503": "Not now; later."}.items()
}
FINGERPRINT: Final = 12
"""Signs of a model's fingerprint that a list's id begins with."""


def create_app(
    source: ModelSource,
    log: Path,
    settings: ServingSettings | None = None,
    *,
    key: str | None = None,
    plugins: Plugins | None = None,
) -> FastAPI:
    """The service of the model that ``source`` names and of the feedback log in the folder ``log``, which is made where it is missing.

    ``key`` is what callers must send (None: callers of this machine need none). Everything is opened when the application starts and closed
    when it ends; until the first model is loaded, lists are answered with 503.
    """
    settings = settings or ServingSettings()
    metrics = Metrics()
    service = Service(source, log, settings, metrics, plugins)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        forget_the_dead()
        await anyio.to_thread.run_sync(service.open)
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(service.close)
            forget_this_process()

    app = FastAPI(
        title="recsat",
        version="1",
        description="Lists with reasons, events that change the next list, and why an item is in a list or is not.",
        lifespan=life,
        docs_url=None,  # that page fetches its script from elsewhere
        redoc_url=None,
    )
    answer_problems(app)
    app.add_middleware(Gate, key=key, max_bytes=settings.max_bytes, metrics=metrics)
    _routes(app, service)
    app.openapi = partial(_described, app.openapi, settings, has_key=key is not None)  # type: ignore[method-assign]
    return app


class Service:
    """What the routes do, each in a thread: lists are computed and events wait for the disk."""

    def __init__(
        self, source: ModelSource, log: Path, settings: ServingSettings, metrics: Metrics, plugins: Plugins | None
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self._source = source
        self._folder = log
        self._plugins = plugins

    def open(self) -> None:
        # Two connections: a list need not wait until another request's events are on the disk.
        self._writer = FeedbackLog(self._folder)
        self._reader = FeedbackLog(self._folder)
        self._computing = anyio.CapacityLimiter(self.settings.threads)
        self.current = CurrentModel(self._source, self._reader, self.metrics, self.settings, self._plugins)
        self.current.start()

    def close(self) -> None:
        self.current.stop()
        self._reader.close()
        self._writer.close()

    async def compute(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The result of ``function``, of which few are computed at once."""
        return await anyio.to_thread.run_sync(partial(function, *arguments, **named), limiter=self._computing)

    def recommend(self, request: RecommendRequest) -> Recommendations:
        self._check("users", request.users, self.settings.max_users)
        self._check_narrowing(request.k, request.include, request.exclude)
        users = list(dict.fromkeys(request.users))
        model = self.current.live().at(users)
        narrowed = request.k, request.include, request.exclude, request.kinds
        try:
            lists = model.recommend(users, *narrowed)
        except StoreError as error:  # the index is gone or its server does not answer, and the model can do without
            logger.warning("every item is scored, without the index: %s", error)
            model = replace(model, retriever=None)
            lists = model.recommend(users, *narrowed)
        unknown = set(model.unknown(users))
        self.metrics.lists.labels("yes").inc(len(users) - len(unknown))
        self.metrics.lists.labels("no").inc(len(unknown))
        places = _places(lists)
        return Recommendations(
            model=model.fingerprint,
            arm=model.card.arm,
            source=model.source,
            lists=[
                RecommendedList(
                    user_id=user, list_id=_list_id(model), known=user not in unknown, items=places.get(user, [])
                )
                for user in users
            ],
        )

    def why(self, request: WhyRequest) -> Explanation:
        self._check_narrowing(request.k, request.include, request.exclude)
        live = self.current.live()
        return live.why(request.user, request.item, request.k, request.include, request.exclude, request.kinds)

    def append(self, request: EventsRequest) -> Acknowledged:
        self._check("events", request.events, self.settings.max_events)
        appended = self._writer.append(request.events)
        self.metrics.events.labels("new").inc(appended.new)
        self.metrics.events.labels("repeated").inc(appended.repeated)
        return Acknowledged(new=appended.new, repeated=appended.repeated, sequence=appended.sequence)

    def check_ready(self) -> None:
        self.current.live()
        try:
            self._writer.check_writable()
        except FeedbackError as error:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The feedback log cannot be written to.") from error

    def _check_narrowing(self, k: int | None, include: list[str], exclude: list[str]) -> None:
        if k is not None and k > self.settings.max_k:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"k: at most {self.settings.max_k} here, not {k}.")
        self._check("include", include, self.settings.max_items)
        self._check("exclude", exclude, self.settings.max_items)

    def _check(self, name: str, values: list[Any], most: int) -> None:
        if len(values) > most:
            raise Refusal(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: at most {most} in one request here, not {len(values)}."
            )


def _routes(app: FastAPI, service: Service) -> None:
    @app.post("/v1/recommend", responses=REFUSED, response_model=Recommendations)
    async def recommend(request: RecommendRequest) -> Response:
        """Lists with reasons for some users."""
        return _json(await service.compute(service.recommend, request))

    @app.post("/v1/events", responses=REFUSED, response_model=Acknowledged)
    async def events(request: EventsRequest) -> Response:
        """Takes events, all or none; they are on the disk when this answers, and the users' next lists know of them.

        Send a batch again until it is acknowledged: an event_id that is there already changes nothing.
        """
        return _json(await anyio.to_thread.run_sync(service.append, request))

    @app.get("/v1/why", responses=REFUSED, response_model=Explanation)
    async def why(request: Annotated[WhyRequest, Query()]) -> Response:
        """Why an item is in a user's list or is not, at which step it fell out, and what would have to change."""
        return _json(await service.compute(service.why, request))

    @app.get("/healthz", responses={400: REFUSED["4XX"]})
    async def health() -> Health:
        """Answers while the process lives."""
        return Health()

    @app.get("/readyz", responses=REFUSED)
    async def ready() -> Health:
        """Answers 200 when a model is loaded and the feedback log can be written to, else 503."""
        await anyio.to_thread.run_sync(service.check_ready)
        return Health()

    @app.get(
        "/metrics",
        responses={**REFUSED, 200: _body("text/plain", {"type": "string"})},
        response_class=Response,
    )
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(await anyio.to_thread.run_sync(service.metrics.text), media_type=CONTENT_TYPE)


def _json(answer: BaseModel) -> Response:
    """Written by pydantic alone: FastAPI would check again what was made here."""
    return Response(answer.model_dump_json(), media_type="application/json")


def _list_id(model: Model) -> str:
    return f"{model.fingerprint[:FINGERPRINT]}-{uuid.uuid4().hex}"


def _places(lists: pl.DataFrame) -> dict[str, list[ListedItem]]:
    """By user, in the order of the ranks."""
    places: dict[str, list[ListedItem]] = {}
    for row in lists.select("user_id", *ListedItem.model_fields).iter_rows(named=True):
        places.setdefault(row.pop("user_id"), []).append(ListedItem.model_construct(**row))
    return places


def _described(openapi: Callable[[], dict[str, Any]], settings: ServingSettings, has_key: bool) -> dict[str, Any]:
    """The OpenAPI description with the limits of this service, what a refusal looks like, and how a key is sent."""
    description: dict[str, Any] = json.loads(json.dumps(openapi()))
    schemas = description["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema()
    lengths: Mapping[str, Mapping[str, int]] = {
        "RecommendRequest": {"users": settings.max_users, "include": settings.max_items, "exclude": settings.max_items},
        "EventsRequest": {"events": settings.max_events},
    }
    for schema, members in lengths.items():
        for member, most in members.items():
            schemas[schema]["properties"][member]["maxItems"] = most
    schemas["RecommendRequest"]["properties"]["k"]["anyOf"][0]["maximum"] = settings.max_k
    if has_key:
        description["components"]["securitySchemes"] = {
            "header": {"type": "apiKey", "in": "header", "name": HEADER},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        description["security"] = [{"header": []}, {"bearer": []}]
        for path in ("/healthz", "/readyz"):
            description["paths"][path]["get"]["security"] = []
    return description
