"""One suite for every engine: the ``store`` fixture runs each test on Edge, in memory, over the wire and on a server.

``wire`` is no server: the REST requests that the client really sends are read with the client's own models, which forbid
what the API does not have, and answered by the in-memory engine. It checks paths, verbs, bodies, keys and status codes;
it cannot check what only a server does. For that, set ``QDRANT_URL``.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import QdrantClient
from qdrant_client.http import models as rest
from qdrant_client.local.qdrant_local import QdrantLocal

from recsat.config.settings import StoreSettings
from recsat.store import QdrantStore, VectorStore, open_store

PREFIX = "recsat-test-"
Answer = tuple[int, Any]


class Wire:
    """Answers Qdrant's REST requests from an in-memory engine; ``fail`` is the status that every answer gets, if set.

    ``routes`` has the requests so far, a collection's name as ``C``.
    """

    def __init__(self, key: str | None = None) -> None:
        self.engine = QdrantLocal(":memory:")
        self.indexes: dict[str, dict[str, str]] = {}
        self.key = key
        self.fail: int | None = None
        self.routes: list[str] = []

    def client(self, key: str | None = None) -> QdrantClient:
        transport = httpx.MockTransport(self.handle)
        url = "http://wire.invalid:6333"
        return QdrantClient(url=url, api_key=key, check_compatibility=False, transport=transport)

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.key is not None and request.headers.get("api-key") != self.key:
            return httpx.Response(401, text="Must provide an API key or an Authorization bearer token")
        if self.fail is not None:
            return httpx.Response(self.fail, json={"status": {"error": "told to fail"}})
        try:
            status, result = self.answer(request)
        except (ValidationError, ValueError) as error:
            status, result = (404 if "not found" in str(error) else 400), str(error)
        if status != 200:
            return httpx.Response(status, json={"status": {"error": result}})
        body = {"result": _plain(result), "status": "ok", "time": 0.0}
        return httpx.Response(200, headers={"content-type": "application/json"}, text=json.dumps(body))

    def answer(self, request: httpx.Request) -> Answer:
        engine, body = self.engine, json.loads(request.content) if request.content else None
        done = {"operation_id": 0, "status": "completed"}

        def read(form: Any) -> Any:
            return TypeAdapter(form).validate_python(body)

        path = request.url.path
        name = path.split("/")[2] if path.count("/") >= 2 else ""
        route = f"{request.method} {re.sub(r'^/collections/(?!aliases)[^/]+', '/C', path)}"
        self.routes.append(route)
        match route:
            case "GET /collections":
                return 200, engine.get_collections()
            case "GET /aliases":
                return 200, engine.get_aliases()
            case "POST /collections/aliases":
                return 200, engine.update_collection_aliases(read(rest.ChangeAliasesOperation).actions)
            case "GET /C/exists":
                return 200, {"exists": engine.collection_exists(name) or name in engine.aliases}
            case "PUT /C":
                return 200, engine.create_collection(name, vectors_config=read(rest.CreateCollection).vectors)
            case "DELETE /C":
                return 200, engine.delete_collection(name)
            case "GET /C":
                info = _plain(engine.get_collection(name))
                fields = self.indexes.get(engine.aliases.get(name, name), {})
                info["payload_schema"] = {f: {"data_type": t, "points": 0} for f, t in fields.items()}
                return 200, info
            case "PUT /C/index":
                field = read(rest.CreateFieldIndex)
                self.indexes.setdefault(name, {})[field.field_name] = field.field_schema.value
                return 200, done
            case "PUT /C/points":
                assert request.url.params["wait"] == "true"
                operation = read(rest.PointInsertOperations)
                engine.upsert(name, operation.batch if isinstance(operation, rest.PointsBatch) else operation.points)
                return 200, done
            case "POST /C/points":
                query = read(rest.PointRequest)
                return 200, engine.retrieve(
                    name, query.ids, with_payload=query.with_payload, with_vectors=query.with_vector
                )
            case "POST /C/points/delete":
                engine.delete(name, read(rest.PointsSelector))
                return 200, done
            case "POST /C/points/count":
                counted = read(rest.CountRequest)
                assert counted.exact is True
                return 200, engine.count(name, counted.filter)
            case "POST /C/points/scroll":
                page = read(rest.ScrollRequest)
                points, following = engine.scroll(
                    name,
                    scroll_filter=page.filter,
                    limit=page.limit or 10,
                    offset=page.offset,
                    with_payload=bool(page.with_payload),
                    with_vectors=bool(page.with_vector),
                )
                return 200, {"points": points, "next_page_offset": following}
            case "POST /C/points/query/batch":
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # the engine is exact and says that it ignores ef
                    return 200, engine.query_batch_points(name, read(rest.QueryRequestBatch).searches)
        raise AssertionError(f"the wire has no route {route}")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {key: _plain(v) for key, v in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def wire() -> Callable[..., Wire]:
    return Wire


def _engine(backend: str, folder: Path) -> Iterator[VectorStore]:
    if backend == "wire":
        with QdrantStore(Wire().client(), "http://wire.invalid:6333") as store:
            yield store
        return
    if backend == "server" and not os.environ.get("QDRANT_URL"):
        pytest.skip("set QDRANT_URL to test against a Qdrant server")
    settings = StoreSettings.model_validate({"backend": backend})
    with open_store(settings, folder) as store:
        yield store
    if backend == "server":
        with open_store(settings, folder) as sweeper:  # a test may have closed its own
            for name in sweeper.collections():
                if name.startswith(PREFIX):
                    sweeper.drop_collection(name)


@pytest.fixture(params=["edge", "memory", "wire", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorStore]:
    yield from _engine(request.param, tmp_path / "store")


@pytest.fixture(scope="module", params=["edge", "memory", "wire", "server"])
def shared_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStore]:
    """The same, open for a whole module: for tests that only read."""
    yield from _engine(request.param, tmp_path_factory.mktemp("shared") / "store")


@pytest.fixture
def name() -> str:
    """A collection name that nobody else has, also on a shared server."""
    return f"{PREFIX}{uuid4().hex[:8]}"
