"""Faults of a server that pass, and those that do not."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import httpx
import numpy as np
import polars as pl
import pytest
from qdrant_client.http.exceptions import ResponseHandlingException
from qdrant_wire import Fault

from recsat.errors import StoreError
from recsat.store import point_ids, promote, publish, sweep
from recsat.store.remote_errors import store_error

N = 100
ITEMS = pl.DataFrame({"item_id": [str(i) for i in range(N)], "kind": "movie"})
VECTORS = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
UPSERT = "PUT /C/points"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited; nobody waits."""
    waited: list[float] = []
    monkeypatch.setattr("recsat.store.remote.time.sleep", waited.append)
    return waited


def fill(store: Any, name: str, **more: Any) -> Any:
    return publish(store, name, point_ids("test", ITEMS), {"text": VECTORS}, pl.DataFrame(), batch=20, **more)


def upserts(server: Any) -> list[int]:
    """Points of each request that reached the engine."""
    return [
        len(body["batch"]["ids"])
        for route, body in zip(server.routes, server.bodies, strict=True)
        if route == UPSERT and "text" in body["batch"]["vectors"]
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, UPSERT, retry_after="1"),
        Fault(429, UPSERT, retry_after="Thu, 26 Nov 2026 10:00:00 GMT"),
        Fault(429, UPSERT),
        Fault(503, UPSERT),
        Fault(httpx.ReadError("connection reset"), UPSERT),
        Fault(httpx.RemoteProtocolError("server disconnected"), UPSERT, answered=True),
        Fault(httpx.ReadTimeout("timed out"), UPSERT, answered=True),
        Fault(503, "PUT /C"),
        Fault(httpx.ReadError("reset"), "PUT /C", answered=True),
        Fault(503, "PATCH /C", answered=True),
        Fault(503, "GET /collections"),
        Fault(503, "POST /C/points/count"),
    ],
    ids=lambda fault: f"{fault.what!r}, {fault.route}",
)
def test_a_fault_that_passes_ends_nothing(
    wire: Callable[..., Any], name: str, pauses: list[float], fault: Fault
) -> None:
    server = wire()
    with server.store() as store:
        server.faults = [replace(fault, collection=f"(recsat-default-{name}-.*)?")]
        done = fill(store, name)
        assert server.faults == []
        assert (done.n_new, store.count(done.collection), done.recall) == (N, N, 1.0)
    assert len(pauses) == 1
    assert sum(upserts(server)) == N + 20 * (fault.route == UPSERT and fault.answered)


def test_what_the_server_asks_for_is_waited_and_else_pauses_double(
    wire: Callable[..., Any], name: str, pauses: list[float]
) -> None:
    server = wire()
    with server.store(seed=3) as store:
        server.faults = [Fault(503), Fault(503), Fault(429, retry_after="7"), Fault(503)]
        store.collections()
    assert pauses[2] == 7
    for pause, longest in zip([pauses[0], pauses[1], pauses[3]], [0.25, 0.5, 2.0], strict=True):
        assert longest / 2 <= pause <= longest
    again: list[float] = []
    for seed in (3, 4):
        with server.store(seed=seed) as store:
            again.append(store._pause(0, StoreError("")))
    assert again[0] == pauses[0]
    assert again[1] != pauses[0]


def test_a_fault_that_stays_is_raised_with_what_to_do_and_the_next_publication_sends_the_rest(
    wire: Callable[..., Any], name: str, pauses: list[float]
) -> None:
    server = wire()
    with server.store(retries=2) as store:

        def busy(_: int) -> None:
            if sum(upserts(server)) == 60:
                server.faults = [Fault(429, UPSERT, retry_after="30") for _ in range(3)]

        with pytest.raises(StoreError, match=r"status 429.*Try again in 30 s, lower store\.batch") as caught:
            fill(store, name, advance=busy)
        assert (caught.value.transient, caught.value.retry_after) == (True, 30)
        assert pauses == [30, 30]
    with server.store() as store:
        done = fill(store, name)
        assert (done.n_new, done.n_reused, store.count(done.collection)) == (40, 60, N)
    assert upserts(server) == [20] * 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_fault_that_lasts_is_raised_at_once(
    wire: Callable[..., Any], name: str, pauses: list[float], status: int
) -> None:
    server = wire()
    with server.store() as store:
        server.faults = [Fault(status)]
        with pytest.raises(StoreError, match=f"status {status}") as caught:
            store.collections()
    assert not caught.value.transient
    assert pauses == []


class Refusal(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "why"


@pytest.mark.parametrize(
    ("error", "message", "transient"),
    [
        (Refusal(grpc.StatusCode.UNAVAILABLE), "status 503: the server is not ready: why", True),
        (Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED), "status 429", True),
        (Refusal(grpc.StatusCode.UNAUTHENTICATED), "status 401.*QDRANT_API_KEY", False),
        (Refusal(grpc.StatusCode.INVALID_ARGUMENT), "refused: why", False),
        (ResponseHandlingException(httpx.ReadTimeout("")), r"no answer in time. Raise store\.timeout_s", True),
        (ResponseHandlingException(httpx.ConnectError("refused")), "See that the server runs", True),
        (ResponseHandlingException(httpx.UnsupportedProtocol("x")), "See that the server runs", False),
        (ValueError("Collection x not found"), "Collection x not found", False),
    ],
)
def test_errors_of_the_client_are_told_apart(error: Exception, message: str, transient: bool) -> None:
    fault = store_error(error, "collection 'movies' at qdrant")
    assert str(fault).startswith("collection 'movies' at qdrant: ")
    with pytest.raises(StoreError, match=message):
        raise fault
    assert fault.transient is transient


def test_a_certificate_that_is_not_trusted_names_the_setting() -> None:
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed")
    fault = store_error(ResponseHandlingException(error), "qdrant")
    assert "store.ca_file" in str(fault)
    assert not fault.transient


def test_two_publishers_of_one_catalogue_over_the_wire_both_finish_and_send_it_once(
    wire: Callable[..., Any], name: str
) -> None:
    server = wire()
    results: list[Any] = []
    faults: list[Exception] = []

    def run(seed: int) -> None:
        try:
            with server.store(seed=seed, wait_s=60.0) as store:
                results.append(fill(store, name))
                rows = VECTORS[:5]
                assert store.nearest(results[-1].collection, {"text": rows}, 3)["text"].scores.shape == (5, 3)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {r.collection for r in results} == {results[0].collection}
    assert sorted(r.n_new for r in results) == [0, N]
    assert {r.recall for r in results} == {1.0, None}  # and builds it once
    assert sum(upserts(server)) == N


def test_two_publishers_of_two_catalogues_of_one_domain_leave_each_other_alone(
    wire: Callable[..., Any], name: str
) -> None:
    """At a pause in the middle of the one, the other publishes, is promoted and sweeps."""
    server = wire()
    with server.store() as first, server.store() as second:
        others: list[str] = []

        def meanwhile(_: int) -> None:
            if not others:
                more = {"text": VECTORS[::-1].copy()}
                done = publish(second, name, point_ids("test", ITEMS), more, pl.DataFrame())
                others.append(done.collection)
                promote(second, name, done.collection)
                assert sweep(second, name, keep_days=0) == []

        done = fill(first, name, advance=meanwhile)
        assert (done.n_new, first.count(done.collection)) == (N, N)
        assert first.aliases()[f"recsat-default-{name}"] == others[0]
