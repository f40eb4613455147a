"""What production reads, and what may be deleted."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from recsat.errors import StoreError
from recsat.store.leases import LeaseTaken
from recsat.store.ownership import Mark, alias_of, collections_of
from recsat.store.port import VectorStore

logger = logging.getLogger(__name__)


def promote(store: VectorStore, domain: str, collection: str) -> str | None:
    """Make ``recsat-<tenant>-<domain>`` serve ``collection``, in one step; returns what it served before.

    Nothing else moves that alias. What it served before stays for ``store.keep_days``, so that it can be promoted again. Raises
    StoreError, leaving the alias as it was, where the collection is missing, not ready or of another domain or tenant, where
    the alias serves a collection that is not recsat's, and where another process is moving it.
    """
    alias = alias_of(store, domain)
    with store.leases.exclusive(alias, store.wait_s) as lease:
        mark = _promotable(store, domain, collection)
        store.leases.use(collection)  # no sweep takes it from here on
        before = store.aliases().get(alias)
        if before == collection:
            return before
        previous = None if before is None else Mark.of(store, before)
        if before is not None and previous is None:
            raise StoreError(
                f"alias {alias!r}: it serves {before!r}, which recsat did not make, so it was not moved. Choose another store.tenant, or remove "
                "the alias."
            )
        for name, known in ((collection, mark), (before, previous)):
            if name is not None and known is not None:  # an age counts from the last day of service
                store.set_metadata(name, replace(known, used=time.time()).metadata())
        lease.check()
        store.swap_alias(alias, collection)
    logger.info("%s serves %s, before %s", alias, collection, before)
    return before


def _promotable(store: VectorStore, domain: str, collection: str) -> Mark:
    if collection not in store.collections():
        raise StoreError(
            f"collection {collection!r}: there is none of this name to promote. Run again; it is published then."
        )
    mark = Mark.of(store, collection)
    if mark is None or (mark.tenant, mark.domain, mark.name) != (store.tenant, domain, collection):
        raise StoreError(
            f"collection {collection!r}: recsat did not publish it for domain {domain!r} and tenant {store.tenant!r}. Promote what a run of both "
            "published (vectors/published.json)."
        )
    if not mark.ready or mark.scratch:
        what = "belongs to one arm of one run" if mark.scratch else "is not complete"
        raise StoreError(f"collection {collection!r}: it {what}. Promote what a finished run published.")
    return mark


def sweep(store: VectorStore, domain: str, keep_days: float) -> list[str]:
    """Drop collections of the domain that no alias serves, that no store reads and that nobody has used for ``keep_days``.

    Those of one arm of one run go as soon as nobody reads them. Returns the names. Collections without recsat's mark, and those of
    other tenants and domains, are never touched.
    """
    oldest = time.time() - keep_days * 86_400
    marks = collections_of(store, domain)
    return [name for name, mark in marks.items() if (mark.scratch or mark.used < oldest) and _drop_unused(store, name)]


def _drop_unused(store: VectorStore, name: str) -> bool:
    try:
        with store.leases.exclusive(name, 0.0) as lease:
            if store.leases.in_use(name) or name in store.aliases().values():
                return False
            lease.check()
            dropped = store.drop_collection(name)
    except LeaseTaken:  # somebody is filling it
        return False
    if dropped:
        logger.info("dropped collection %s, which nothing serves and nobody reads", name)
    return dropped
