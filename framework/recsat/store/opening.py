"""From settings to an open store."""

from __future__ import annotations

import os
from pathlib import Path

from qdrant_client import QdrantClient

from recsat.config.settings import StoreSettings
from recsat.errors import StoreError
from recsat.store.edge import EdgeStore
from recsat.store.port import VectorStore
from recsat.store.remote import QdrantStore

TIMEOUT_S = 60


def open_store(settings: StoreSettings, directory: str | Path) -> VectorStore:
    """The store that the settings ask for: ``with open_store(config.store, directory) as store: …``.

    ``directory`` is for the embedded store alone. A server's address is ``settings.url`` or ``QDRANT_URL``, its key
    ``QDRANT_API_KEY`` and nothing else. Raises StoreError where the directory is in use or the server does not answer.
    """
    match settings.backend:
        case "edge":
            return EdgeStore(directory)
        case "memory":
            return QdrantStore(QdrantClient(":memory:"), "memory")
        case "server":
            url = settings.url or os.environ.get("QDRANT_URL")
            if not url:
                raise StoreError("store.backend is server, but there is no address. Set store.url or QDRANT_URL.")
            key = os.environ.get("QDRANT_API_KEY") or None
            store = QdrantStore(QdrantClient(url=url, api_key=key, timeout=TIMEOUT_S, check_compatibility=False), url)
            try:
                store.collections()  # a wrong address or key shows here, not in the middle of a run
            except StoreError:
                store.close()
                raise
            return store
