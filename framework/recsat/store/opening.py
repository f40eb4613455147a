"""From settings to an open store."""

from __future__ import annotations

import logging
import os
import ssl
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qdrant_client import QdrantClient

from recsat.config.settings import StoreSettings
from recsat.errors import StoreError
from recsat.store.edge import EdgeStore
from recsat.store.layout import Layout
from recsat.store.port import VectorStore
from recsat.store.remote import QdrantStore
from recsat.store.remote_errors import without_credentials

logger = logging.getLogger(__name__)


def open_store(settings: StoreSettings, directory: str | Path) -> VectorStore:
    """The store that the settings ask for: ``with open_store(config.store, directory) as store: …``.

    ``directory`` is for the embedded store alone. A server's address is ``settings.url`` or ``QDRANT_URL``, its key
    ``QDRANT_API_KEY`` and nothing else. Raises StoreError where the directory is in use for longer than ``settings.wait_s`` or the
    server does not answer.
    """
    layout = Layout(settings.quantisation, settings.on_disk, settings.oversampling)
    match settings.backend:
        case "edge":
            return EdgeStore(directory, tenant=settings.tenant, wait_s=settings.wait_s, layout=layout)
        case "memory":
            return QdrantStore(QdrantClient(":memory:"), "memory", tenant=settings.tenant, layout=layout)
        case "server":
            return _server(settings, layout)


def _server(settings: StoreSettings, layout: Layout) -> VectorStore:
    url = settings.url or os.environ.get("QDRANT_URL")
    if not url:
        raise StoreError("store.backend is server, but there is no address. Set store.url or QDRANT_URL.")
    place = without_credentials(url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise StoreError(
            f"store.url {place!r}: does not begin with http:// or https://. Write http://{place}, or https:// with TLS."
        )
    store = QdrantStore(
        _client(url, settings),
        url,
        tenant=settings.tenant,
        wait_s=settings.wait_s,
        retries=settings.retries,
        seed=os.getpid(),  # processes that were refused together must not come back together
        layout=layout,
    )
    try:
        store.collections()  # a wrong address or key shows here, not in the middle of a run
    except StoreError:
        store.close()
        raise
    return store


def _client(url: str, settings: StoreSettings) -> QdrantClient:
    key = os.environ.get("QDRANT_API_KEY") or None
    if key and urlsplit(url).scheme == "http" and urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"):
        logger.warning("QDRANT_API_KEY goes unencrypted to %s. Use https.", without_credentials(url))
    arguments: dict[str, Any] = {} if settings.ca_file is None else {"verify": _authority(settings.ca_file)}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")  # said above
        return QdrantClient(
            url=url,
            api_key=key,
            timeout=settings.timeout_s,
            prefer_grpc=settings.grpc,
            grpc_port=settings.grpc_port,
            check_compatibility=False,
            **arguments,
        )


def _authority(path: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise StoreError(f"store.ca_file {path!r}: not readable ({error}). Name a PEM file.") from error
