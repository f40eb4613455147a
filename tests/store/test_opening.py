"""Settings to stores: addresses, keys, and what must never show."""

from __future__ import annotations

import logging
import socket
import ssl
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import numpy as np
import pytest
from qdrant_client import QdrantClient

from recsat.config.settings import StoreSettings
from recsat.errors import StoreError
from recsat.store import EdgeStore, open_store

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
def test_a_server_that_does_not_answer_is_named_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    caplog.set_level(logging.DEBUG)
    port = closed_port()
    url = f"http://me:{SECRET}@127.0.0.1:{port}"
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    monkeypatch.setenv("QDRANT_URL", url if source == "environment" else "http://elsewhere.invalid")
    settings = StoreSettings(backend="server", url=url if source == "settings" else None, retries=1)
    with pytest.raises(StoreError, match=rf"http://127\.0\.0\.1:{port}.*See that the server runs") as caught:
        open_store(settings, tmp_path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text


def test_the_key_from_the_environment_goes_to_the_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, wire: Callable[..., Any]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = wire(key=SECRET)
    real_client = QdrantClient

    def client(**arguments: Any) -> QdrantClient:
        return real_client(**arguments, transport=server.transport())

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
    ("status", "advice", "transient"),
    [
        (401, "Set QDRANT_API_KEY", False),
        (403, "not allowed", False),
        (429, r"takes no more requests for now.*lower store\.batch", True),
        (500, "told to fail", True),
        (503, "not ready: .*told to fail", True),
        (422, "told to fail", False),
    ],
)
def test_a_status_of_the_server_becomes_one_error_with_advice(
    wire: Callable[..., Any], status: int, advice: str, transient: bool
) -> None:
    server = wire()
    with server.store(retries=0) as store:
        store.ensure_collection("movies", {"text": 2})
        server.fail = status
        with pytest.raises(
            StoreError, match=rf"'movies' at http://wire\.invalid:6333: status {status}: .*{advice}"
        ) as caught:
            store.nearest("movies", {"text": np.ones((1, 2), dtype=np.float32)}, 3)
        assert (caught.value.status, caught.value.transient, caught.value.retry_after) == (status, transient, None)
        with pytest.raises(StoreError, match=r"^http://wire\.invalid:6333: status"):
            store.collections()
        server.fail = None


@pytest.mark.parametrize("url", ["localhost:6333", "qdrant.example", "ftp://qdrant.example"])
def test_an_address_without_http_is_refused_before_anything_is_sent(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match=r"does not begin with http:// or https://\. Write http://"):
        open_store(StoreSettings(backend="server", url=url), tmp_path)


def test_the_settings_of_a_server_reach_the_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wire: Callable[..., Any]
) -> None:
    server = wire()
    seen: dict[str, Any] = {}
    real_client = QdrantClient

    def client(**arguments: Any) -> QdrantClient:
        seen.update(arguments)
        arguments.pop("verify")
        return real_client(**arguments | {"prefer_grpc": False}, transport=server.transport())

    monkeypatch.setattr("recsat.store.opening.QdrantClient", client)
    authority = certifi.where()
    settings = StoreSettings(
        backend="server", url="http://wire.invalid:6333", timeout_s=7, ca_file=authority, tenant="shop", wait_s=3
    )
    with open_store(settings, tmp_path) as store:
        assert (store.tenant, store.wait_s) == ("shop", 3)
    assert (seen["timeout"], seen["grpc_port"], seen["prefer_grpc"]) == (7, 6334, False)
    assert isinstance(seen["verify"], ssl.SSLContext)
    assert seen["verify"].get_ca_certs()
    with pytest.raises(StoreError, match=r"store\.ca_file '/none\.pem': not readable"):
        open_store(settings.model_copy(update={"ca_file": "/none.pem"}), tmp_path)


def test_grpc_has_its_certificates_from_elsewhere() -> None:
    with pytest.raises(ValueError, match="GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        StoreSettings(backend="server", grpc=True, ca_file="authority.pem")


@pytest.mark.parametrize("tenant", ["", "a-b", "A", "a.b", "x" * 33])
def test_a_tenant_that_could_share_a_name_with_another_is_refused(tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        StoreSettings(tenant=tenant)


def test_a_key_that_goes_over_the_net_in_clear_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", SECRET)
    for host, n_warnings in (("127.0.0.1", 0), ("qdrant.invalid", 1)):
        with pytest.raises(StoreError, match="See that the server runs"):
            open_store(StoreSettings(backend="server", url=f"http://{host}:{closed_port()}", retries=0), tmp_path)
        assert caplog.text.count("goes unencrypted to http://qdrant.invalid") == n_warnings
    assert [w for w in recwarn if "insecure" in str(w.message)] == []
    assert SECRET not in caplog.text
