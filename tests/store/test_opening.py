"""Settings to stores: addresses, keys, and what must never show."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient

from recsat.config.settings import StoreSettings
from recsat.errors import StoreError
from recsat.store import EdgeStore, QdrantStore, open_store

SECRET = "top-secret-key"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_default_is_embedded_in_the_directory(tmp_path: Path) -> None:
    with open_store(StoreSettings(), tmp_path / "store") as store:
        assert isinstance(store, EdgeStore)
        assert store.directory == tmp_path / "store"


def test_memory_touches_no_disk(tmp_path: Path) -> None:
    with open_store(StoreSettings(backend="memory"), tmp_path / "store") as store:
        assert repr(store) == "QdrantStore('memory')"
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("QDRANT_URL", raising=False)
    with pytest.raises(StoreError, match=r"no address. Set store\.url or QDRANT_URL"):
        open_store(StoreSettings(backend="server"), tmp_path)


@pytest.mark.parametrize("source", ["settings", "environment"])
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_server_that_does_not_answer_is_named_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    caplog.set_level(logging.DEBUG)
    port = closed_port()
    url = f"http://me:{SECRET}@127.0.0.1:{port}"
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    monkeypatch.setenv("QDRANT_URL", url if source == "environment" else "http://elsewhere.invalid")
    settings = StoreSettings(backend="server", url=url if source == "settings" else None)
    with pytest.raises(StoreError, match=rf"http://127\.0\.0\.1:{port}.*See that the server runs") as caught:
        open_store(settings, tmp_path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_key_from_the_environment_goes_to_the_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, wire: Callable[..., Any]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = wire(key=SECRET)
    real_client = QdrantClient

    def client(**arguments: Any) -> QdrantClient:
        return real_client(**arguments, transport=server.client()._client.openapi_client.client._client._transport)

    monkeypatch.setattr("recsat.store.opening.QdrantClient", client)
    settings = StoreSettings(backend="server", url="http://wire.invalid:6333")
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    with open_store(settings, tmp_path) as store:
        store.ensure_collection("movies", {"text": 2})
        assert SECRET not in repr(store) + repr(vars(store))
    monkeypatch.setenv("QDRANT_API_KEY", "wrong")
    with pytest.raises(StoreError, match=r"status 401.*Set QDRANT_API_KEY"):
        open_store(settings, tmp_path)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "Set QDRANT_API_KEY"), (403, "not allowed"), (429, "smaller batches"), (500, "told to fail")],
)
def test_a_status_of_the_server_becomes_one_error_with_advice(
    wire: Callable[..., Any], status: int, advice: str
) -> None:
    server = wire()
    with QdrantStore(server.client(), "http://wire.invalid:6333") as store:
        store.ensure_collection("movies", {"text": 2})
        server.fail = status
        with pytest.raises(StoreError, match=rf"'movies' at http://wire\.invalid:6333: .*{advice}"):
            store.nearest("movies", {"text": np.ones((1, 2), dtype=np.float32)}, 3)
