"""One suite for every engine: the ``store`` fixture runs each test on Edge, in memory, over the wire and on a server.

``wire`` is no server but :mod:`qdrant_wire`. For what only a server does, set ``QDRANT_URL``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from qdrant_wire import Wire

from recsat.config.settings import StoreSettings
from recsat.store import VectorStore, open_store

PREFIX = "recsat-test-"


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
