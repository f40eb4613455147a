"""One suite for every engine: the ``store`` fixture runs each test on Edge, in memory, over the wire and on a server.

``wire`` is no server: the REST requests that the client really sends are read with the client's own models, which forbid
what the API does not have, and answered by the embedded engine, which is the server's own. Filters, graphs, payload indexes and conditional
writes are real; HTTP, and what joins it to the engine, is this file. It cannot check what only a server does. For that, set
``QDRANT_URL``.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import QdrantClient
from qdrant_client.http import models as rest

from recsat.config.settings import StoreSettings
from recsat.errors import StoreError
from recsat.store import EdgeStore, Layout, QdrantStore, VectorStore, open_store

PREFIX = "recsat-test-"
URL = "http://wire.invalid:6333"
DONE = {"operation_id": 0, "status": "completed"}


@dataclass
class Fault:
    """What the next request whose route matches ``route`` meets: a status, or an exception of the transport.

    ``answered``: the request is carried out, and its answer is lost.
    """

    what: int | Exception
    route: str = ".*"
    retry_after: str | None = None
    answered: bool = False


class Wire:
    """Answers Qdrant's REST requests from an embedded engine. ``fail`` is the status that every answer gets, if set; ``faults`` are met once each.

    ``routes`` has the requests so far, a collection's name as ``C``; ``bodies`` what came with them. ``read_only``: writes get status 403.
    """

    def __init__(self, key: str | None = None, indexing_threshold_kb: int = 10_000) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="recsat-wire-")
        self.engine = EdgeStore(self.folder.name, indexing_threshold_kb=indexing_threshold_kb)
        self.snapshots: dict[str, str] = {}
        self.key = key
        self.fail: int | None = None
        self.faults: list[Fault] = []
        self.read_only = False
        self.keeps_metadata = True
        self.routes: list[str] = []
        self.bodies: list[Any] = []
        self.lock = threading.Lock()

    def client(self, key: str | None = None) -> QdrantClient:
        return QdrantClient(url=URL, api_key=key, check_compatibility=False, transport=self.transport())

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def store(self, **settings: Any) -> QdrantStore:
        return QdrantStore(self.client(), URL, **settings)

    def close(self) -> None:
        self.engine.close()
        self.folder.cleanup()

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self.lock:  # the engine's store is safe from threads; what this file keeps beside it is not
            if self.key is not None and request.headers.get("api-key") != self.key:
                return httpx.Response(401, text="Must provide an API key or an Authorization bearer token")
            if self.fail is not None:
                return _error(self.fail, "told to fail")
            route = f"{request.method} {re.sub(r'^/collections/(?!aliases)[^/]+', '/C', request.url.path)}"
            fault = next((f for f in self.faults if re.fullmatch(f.route, route)), None)
            if fault is not None:
                self.faults.remove(fault)
                if fault.answered:
                    self.respond(route, request)
                if isinstance(fault.what, Exception):
                    raise fault.what
                return _error(fault.what, "told to fail once", fault.retry_after)
            if self.read_only and not (request.method == "GET" or re.search("count|scroll|query|points$", route)):
                return _error(403, "Forbidden: Write access denied")
            if self.read_only and route == "PUT /C/points":
                return _error(403, "Forbidden: Write access denied")
            return self.respond(route, request)

    def respond(self, route: str, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.routes.append(route)
        self.bodies.append(body)
        path = request.url.path
        name = path.split("/")[2] if path.count("/") >= 2 else ""
        try:
            result = self.answer(route, name, body, request.url)
        except ValidationError as error:
            return _error(400, str(error))
        except StoreError as error:
            return _error(404 if "no collection or alias" in str(error) else 400, str(error))
        answer = {"result": _plain(result), "status": "ok", "time": 0.0}
        return httpx.Response(200, headers={"content-type": "application/json"}, text=json.dumps(answer))

    def answer(self, route: str, name: str, body: Any, url: httpx.URL) -> Any:
        engine = self.engine

        def read(form: Any) -> Any:
            return TypeAdapter(form).validate_python(body)

        match route:
            case "GET /collections":
                return {"collections": [{"name": collection} for collection in engine.collections()]}
            case "GET /aliases":
                pairs = engine.aliases().items()
                return {"aliases": [{"alias_name": alias, "collection_name": target} for alias, target in pairs]}
            case "POST /collections/aliases":
                return self.change_aliases(read(rest.ChangeAliasesOperation).actions)
            case "GET /C/exists":
                return {"exists": name in engine.collections() or name in engine.aliases()}
            case "PUT /C":
                return self.create(name, read(rest.CreateCollection))
            case "PATCH /C":
                engine.set_metadata(name, read(rest.UpdateCollection).metadata)
                return True
            case "DELETE /C":
                return engine.drop_collection(name)
            case "GET /C":
                return self.info(name)
            case "GET /C/cluster":
                return {"peer_id": 1, "shard_count": 1, "local_shards": [], "remote_shards": [], "shard_transfers": []}
            case "POST /C/snapshots":
                self.snapshots[f"{name}-1.snapshot"] = name
                return {"name": f"{name}-1.snapshot", "size": 1}
            case "PUT /C/snapshots/recover":
                source = self.snapshots[read(rest.SnapshotRecover).location.removeprefix(URL).split("/")[-1]]
                return engine.copy_collection(source, name)
            case "PUT /C/index":
                field = read(rest.CreateFieldIndex)
                kinds: Any = {field.field_name: field.field_schema.value}
                engine.ensure_collection(name, engine.shape(name).vectors, payload_indexes=kinds)
                return DONE
            case "PUT /C/points":
                assert url.params["wait"] == "true"
                operation = read(rest.PointInsertOperations)
                engine.upsert(name, _points(operation), replace_where=operation.update_filter)
                return DONE
            case "POST /C/points":
                query = read(rest.PointRequest)
                return engine.retrieve(
                    name, query.ids, with_payload=bool(query.with_payload), with_vectors=bool(query.with_vector)
                )
            case "POST /C/points/delete":
                selector = read(rest.PointsSelector)
                engine.delete(name, selector.filter if isinstance(selector, rest.FilterSelector) else selector.points)
                return DONE
            case "POST /C/points/count":
                counted = read(rest.CountRequest)
                assert counted.exact is True
                return {"count": engine.count(name, counted.filter)}
            case "POST /C/points/scroll":
                page = read(rest.ScrollRequest)
                points, following = engine.scroll(
                    name,
                    where=page.filter,
                    limit=page.limit or 10,
                    offset=page.offset,
                    with_payload=page.with_payload,
                    with_vectors=bool(page.with_vector),
                )
                return {"points": points, "next_page_offset": following}
            case "POST /C/points/query/batch":
                return [self.query(name, search) for search in read(rest.QueryRequestBatch).searches]
        if re.fullmatch("DELETE /C/snapshots/.*", route):
            del self.snapshots[route.rpartition("/")[2]]
            return True
        raise AssertionError(f"the wire has no route {route}")

    def change_aliases(self, actions: Any) -> bool:
        for action in actions:  # creating replaces, so that both in one request are one step here too
            if isinstance(action, rest.CreateAliasOperation):
                self.engine.swap_alias(action.create_alias.alias_name, action.create_alias.collection_name)
        return True

    def create(self, name: str, collection: rest.CreateCollection) -> bool:
        if name in self.engine.collections():
            raise StoreError(f"Wrong input: Collection `{name}` already exists!")
        quantisation: Any = "none" if collection.quantization_config is None else "int8"
        on_disk = any(parameters.on_disk for parameters in collection.vectors.values())
        self.engine._shards._layout = Layout(quantisation, on_disk)
        sizes = {vector: parameters.size for vector, parameters in collection.vectors.items()}
        distance = next(iter(collection.vectors.values())).distance
        metadata = collection.metadata if self.keeps_metadata else None
        return self.engine.ensure_collection(name, sizes, distance=distance, metadata=metadata)

    def info(self, name: str) -> Any:
        self.engine.build(name)
        shape = self.engine.shape(name)
        vectors = {vector: {"size": size, "distance": shape.distance} for vector, size in shape.vectors.items()}
        config: dict[str, Any] = {
            "params": {"vectors": vectors},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 1,
                "flush_interval_sec": 5,
            },
        }
        if metadata := self.engine.metadata(name):
            config["metadata"] = metadata
        fields = {field: {"data_type": kind, "points": 0} for field, kind in shape.payload_indexes.items()}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "points_count": self.engine.count(name),
            "config": config,
            "payload_schema": fields,
        }

    def query(self, name: str, search: rest.QueryRequest) -> Any:
        vector = search.query.nearest if isinstance(search.query, rest.NearestQuery) else search.query
        queries = {search.using: np.array([vector], dtype=np.float32)}
        params = search.params or rest.SearchParams()
        nearest = self.engine.nearest(
            name, queries, search.limit, where=search.filter, ef=params.hnsw_ef, exact=bool(params.exact)
        )[search.using]
        hits = np.isfinite(nearest.scores[0])
        ids = self.ids(name, nearest.keys[0][hits].tolist())
        return {
            "points": [
                {"id": point, "version": 0, "score": float(score)}
                for point, score in zip(ids, nearest.scores[0][hits], strict=True)
            ]
        }

    def ids(self, name: str, keys: list[int]) -> list[int | str]:
        """Points by their keys: the port gives no more of a hit, and the tests have UUIDs."""
        page = self.engine.scroll(name, limit=10_000, with_payload=False)
        by_key = {int(key): record.id for key, record in zip(_keys(page.records), page.records, strict=True)}
        return [by_key[key] for key in keys]


def _keys(records: Any) -> Any:
    from recsat.store.identity import point_keys

    return point_keys([record.id for record in records])


def _points(operation: Any) -> list[rest.PointStruct]:
    if not isinstance(operation, rest.PointsBatch):
        return list(operation.points)
    batch = operation.batch
    return [
        rest.PointStruct(id=point, vector={v: rows[i] for v, rows in batch.vectors.items()}, payload=payload)
        for i, (point, payload) in enumerate(zip(batch.ids, batch.payloads, strict=True))
    ]


def _error(status: int, message: str, retry_after: str | None = None) -> httpx.Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return httpx.Response(status, headers=headers, json={"status": {"error": message}})


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {key: _plain(v) for key, v in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    wires: list[Wire] = []

    def make(*arguments: Any, **settings: Any) -> Wire:
        wires.append(Wire(*arguments, **settings))
        return wires[-1]

    yield make
    for server in wires:
        server.close()


def _engine(backend: str, folder: Path) -> Iterator[VectorStore]:
    if backend == "wire":
        wire = Wire()
        with wire.store() as store:
            yield store
        wire.close()
        return
    if backend == "server" and not os.environ.get("QDRANT_URL"):
        pytest.skip("set QDRANT_URL to test against a Qdrant server")
    settings = StoreSettings.model_validate({"backend": backend})
    with open_store(settings, folder) as store:
        yield store
    if backend == "server":
        with open_store(settings, folder) as sweeper:  # a test may have closed its own
            for name in sweeper.collections():
                if PREFIX in name:
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
