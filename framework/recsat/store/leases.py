"""Leases of names and collections: on files for an embedded store, in records for a server, in memory for a store in memory."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store.identity import point_id
from recsat.store.port import FieldType, Lease, VectorStore

logger = logging.getLogger(__name__)

TTL_S = 120.0
"""A record that its holder has not renewed for so long is void. Clocks of machines that share a server must agree to within a minute."""

_FIELDS: dict[str, FieldType] = {"lease": "keyword", "kind": "keyword", "token": "keyword", "expires": "float"}


class LeaseTaken(StoreError):
    """Another process holds the lease."""


class LocalLeases:
    """For a store that one process has to itself: its threads take turns. ``uses`` has the collections that are read."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self.uses: set[str] = set()

    @contextmanager
    def exclusive(self, name: str, wait_s: float) -> Iterator[Lease]:
        if not self._turn.acquire(timeout=wait_s):
            raise LeaseTaken(f"{name!r}: another thread of this process is changing it. Try again when it is done.")
        try:
            yield self
        finally:
            self._turn.release()

    def check(self) -> None:
        """Nobody can take it away."""

    def use(self, collection: str) -> None:
        self.uses.add(collection)

    def in_use(self, collection: str) -> bool:
        return collection in self.uses

    def close(self) -> None:
        self.uses.clear()


class FileLeases(LocalLeases):
    """For an embedded store, whose directory one process has at a time. What it reads it goes on reading while another has it: each use is a
    locked file, which the system unlocks when the process ends, however it ends.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory / "uses"
        self._locks: dict[str, FileLock] = {}

    def use(self, collection: str) -> None:
        if collection not in self._locks:
            folder = self._directory / collection
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}", thread_local=False)
            lock.acquire(timeout=0)
            self._locks[collection] = lock

    def in_use(self, collection: str) -> bool:
        """Clears away what processes left that ended without closing."""
        if collection in self._locks:
            return True
        folder = self._directory / collection
        for path in folder.glob("*"):
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return True
            lock.release()
            path.unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()
        return False

    def close(self) -> None:
        for lock in self._locks.values():
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)
        self._locks.clear()


class RecordLeases:
    """For a server: points of the collection ``recsat-<tenant>.leases``, each with an owner and an expiry, renewed while they are held.

    A record is taken by one conditional upsert, which replaces what has expired and nothing else, and then read: of two that try at once,
    one finds its own name. A holder that died is waited for until its record expires.
    """

    def __init__(self, store: VectorStore, ttl_s: float = TTL_S) -> None:
        self._store = store
        self._ttl_s = ttl_s
        self._collection = f"recsat-{store.tenant}.leases"
        self._owner = f"{socket.gethostname()} process {os.getpid()}"
        self._token = uuid.uuid4().hex
        self._records: dict[int, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._renewal: threading.Thread | None = None

    @contextmanager
    def exclusive(self, name: str, wait_s: float) -> Iterator[Lease]:
        point = point_id("lease", "exclusive", name)
        record = {
            "lease": name,
            "kind": "exclusive",
            "owner": self._owner,
            "token": f"{self._token}-{uuid.uuid4().hex[:8]}",
        }
        self._wait_for(point, record, wait_s)
        self._hold(point, record)
        try:
            yield _RecordLease(self, point, record["token"])
        finally:
            self._release([point])

    def use(self, collection: str) -> None:
        point = point_id("lease", "use", f"{collection} {self._token}")
        record = {"lease": collection, "kind": "use", "owner": self._owner, "token": self._token}
        self._write(point, record)
        self._hold(point, record)

    def in_use(self, collection: str) -> bool:
        self._prepare()
        where = models.Filter(must=[_is("lease", collection), _is("kind", "use"), _expires(gte=time.time())])
        return self._store.count(self._collection, where) > 0

    def close(self) -> None:
        """Gives everything back; what cannot be given back expires."""
        self._closed.set()
        if self._renewal is not None:
            self._renewal.join()
            self._release(list(self._records))

    def holder(self, point: int) -> dict[str, object]:
        """The record as the server has it; empty where there is none, or where it has expired."""
        records = self._store.retrieve(self._collection, [point])
        record = dict(records[0].payload or {}) if records else {}
        return record if record and float(str(record["expires"])) > time.time() else {}

    def _wait_for(self, point: int, record: dict[str, str], wait_s: float) -> None:
        until = time.monotonic() + wait_s
        pause = 0.1
        while True:
            self._write(point, record)
            holder = self.holder(point)
            if holder.get("token") == record["token"]:
                return
            if time.monotonic() > until:
                raise LeaseTaken(
                    f"{record['lease']!r}: {holder.get('owner', 'another process')} is changing it and did not finish within {wait_s:g} s. Wait for it, "
                    f"raise store.wait_s, or, if it died, try again in {self._ttl_s:g} s."
                )
            time.sleep(min(pause, max(0.0, until - time.monotonic())))
            pause = min(2 * pause, 2.0)

    def _write(self, point: int, record: dict[str, str]) -> None:
        """Takes or renews: what another holds stays as it is."""
        self._prepare()
        now = time.time()
        mine_or_void = models.Filter(should=[_is("token", record["token"]), _expires(lt=now)])
        payload = {**record, "expires": now + self._ttl_s}
        self._store.upsert(
            self._collection,
            [models.PointStruct(id=point, vector={"none": [1.0]}, payload=payload)],
            replace_where=mine_or_void,
        )

    def _prepare(self) -> None:
        if self._collection not in self._store.collections():
            self._store.ensure_collection(self._collection, {"none": 1}, payload_indexes=_FIELDS)

    def _hold(self, point: int, record: dict[str, str]) -> None:
        with self._lock:
            self._records[point] = record
            if self._renewal is None:
                self._renewal = threading.Thread(target=self._renew, name="recsat-leases", daemon=True)
                self._renewal.start()

    def _renew(self) -> None:
        while not self._closed.wait(self._ttl_s / 4):
            for point in list(self._records):
                with self._lock:  # what is given back meanwhile must not be written again
                    record = self._records.get(point)
                    if record is not None:
                        self._renew_one(point, record)

    def _renew_one(self, point: int, record: dict[str, str]) -> None:
        try:
            self._write(point, record)
        except StoreError as error:  # check() says so where it matters
            logger.warning("the lease of %s could not be renewed: %s", record["lease"], error)

    def _release(self, points: list[int]) -> None:
        with self._lock:
            tokens = [self._records.pop(point)["token"] for point in points if point in self._records]
        if not tokens:
            return
        mine = models.FieldCondition(key="token", match=models.MatchAny(any=tokens))
        try:
            self._store.delete(self._collection, models.Filter(must=[mine, models.HasIdCondition(has_id=list(points))]))
            self._store.delete(self._collection, models.Filter(must=[_expires(lt=time.time() - 86_400)]))
        except StoreError as error:
            logger.warning("a lease could not be given back and expires in %g s: %s", self._ttl_s, error)


class _RecordLease:
    def __init__(self, leases: RecordLeases, point: int, token: str) -> None:
        self._leases = leases
        self._point = point
        self._token = token

    def check(self) -> None:
        holder = self._leases.holder(self._point)
        if holder.get("token") != self._token:
            raise LeaseTaken(
                f"the lease ran out, and {holder.get('owner', 'nobody')} has it now, so nothing was moved. See that the server can be reached, and that "
                "the clocks agree; then try again."
            )


def _is(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _expires(*, lt: float | None = None, gte: float | None = None) -> models.FieldCondition:
    return models.FieldCondition(key="expires", range=models.Range(lt=lt, gte=gte))
