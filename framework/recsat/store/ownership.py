"""Names of collections, and the mark by which recsat knows its own.

===============================================  ==========================================================================
``recsat-<tenant>-<domain>``                     the alias that production reads; :func:`recsat.store.promote` alone moves it
``recsat-<tenant>-<domain>-<fingerprint>``       a collection, named by its content: runs with equal vectors share it
===============================================  ==========================================================================

A tenant has no hyphen, so that no two pairs of tenant and domain share a name. What has no mark is somebody else's, whatever it is
called: it is never changed and never dropped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

from recsat.store.port import VectorStore

_KEY = "recsat"


@dataclass(frozen=True)
class Mark:
    """Said of a collection in its metadata. ``name``: the one that it was made under, so that a copy does not pass for its source.

    ``encoder`` and ``mean`` say where its vectors come from (see :mod:`recsat.store.frozen`); ``ready``: every point is there, graphs are
    built, recall was checked; ``exact``: the graphs miss too much, so that it is searched without them; ``layout``: see :class:`recsat.store.layout.Layout`; ``scratch``: of one arm of one run, of no use when nobody reads it; ``used``: last use in Unix seconds.
    """

    tenant: str
    domain: str
    name: str
    used: float
    encoder: str = ""
    mean: str = ""
    layout: str = ""
    ready: bool = False
    scratch: bool = False
    exact: bool = False

    @classmethod
    def of(cls, store: VectorStore, collection: str) -> Self | None:
        """The mark of a collection; None where it is not recsat's."""
        fields = store.metadata(collection).get(_KEY)
        if not isinstance(fields, dict) or not {"tenant", "domain", "name", "used"} <= set(fields):
            return None
        return cls(
            **{key: value for key, value in fields.items() if key in cls.__annotations__}
        )  # a later version may say more

    def metadata(self) -> dict[str, object]:
        """As a store keeps it."""
        return {_KEY: asdict(self)}


def alias_of(store: VectorStore, domain: str) -> str:
    """The alias that production reads."""
    return f"recsat-{store.tenant}-{domain}"


def collections_of(store: VectorStore, domain: str) -> dict[str, Mark]:
    """The store's own collections of a domain, by name."""
    prefix = f"{alias_of(store, domain)}-"
    marks = {name: Mark.of(store, name) for name in store.collections() if name.startswith(prefix)}
    return {
        name: mark
        for name, mark in marks.items()
        if mark is not None and (mark.tenant, mark.domain) == (store.tenant, domain)
    }
