"""Who may change a name, and who reads which collection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qdrant_wire import Fault

from recsat.errors import StoreError
from recsat.store import EdgeStore, QdrantStore, VectorStore
from recsat.store.leases import LeaseTaken, RecordLeases


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came true")


def test_threads_of_one_store_take_turns(store: VectorStore, name: str) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with store.leases.exclusive(name, 30.0):
            order.append("second")

    with store.leases.exclusive(name, 0.0):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lease_that_is_held_is_refused_with_its_holder_and_free_again_afterwards(
    wire: Callable[..., Any], name: str
) -> None:
    server = wire()
    with server.store() as first, server.store() as second:
        with (
            first.leases.exclusive(name, 0.0) as lease,
            pytest.raises(LeaseTaken, match=rf"'{name}': .* process \d+ is changing it.*try again in 120 s"),
            second.leases.exclusive(name, 0.0),
        ):
            pass
        lease_again = second.leases.exclusive(name, 0.0)
        with lease_again, pytest.raises(LeaseTaken, match="has it now"):
            lease.check()
        assert first.count("recsat-default.leases") == 0


def test_of_many_that_try_at_once_one_has_it(wire: Callable[..., Any], name: str) -> None:
    server = wire()
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with server.store(seed=number) as store, store.leases.exclusive(name, 60.0) as lease:
            inside.append(number)
            most.append(len(inside))
            lease.check()
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6


def test_the_record_of_a_dead_holder_expires_and_a_living_one_renews_its_own(
    wire: Callable[..., Any], name: str
) -> None:
    server = wire()
    with server.store() as dead, server.store() as living:
        dead_leases = RecordLeases(dead, ttl_s=0.5)
        dead_leases._closed.set()  # renews nothing from here on, as a process that was killed
        dead_leases.use(name)
        abandoned = dead_leases.exclusive(name, 0.0)
        abandoned.__enter__()
        assert living.leases.in_use(name)
        with living.leases.exclusive(name, 30.0):
            assert not living.leases.in_use(name)
        living_leases = RecordLeases(living, ttl_s=0.5)
        living_leases.use(name)
        expires = _expiries(living)
        wait_for(lambda: _expiries(living) > expires)
        assert dead.leases.in_use(name)
        living_leases.close()
        assert not dead.leases.in_use(name)


def _expiries(store: VectorStore) -> list[float]:
    page = store.scroll("recsat-default.leases")
    return sorted(r.payload["expires"] for r in page.records if r.payload and r.payload["kind"] == "use")


def test_a_store_that_cannot_give_its_leases_back_closes_and_says_when_they_expire(
    wire: Callable[..., Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = wire()
    store = server.store(retries=0)
    store.leases.use(name)
    server.fail = 503
    store.close()
    assert "could not be given back and expires in 120 s" in caplog.text


def test_an_embedded_store_that_rests_is_still_known_to_read(tmp_path: Path) -> None:
    with EdgeStore(tmp_path) as reader:
        reader.ensure_collection("movies", {"text": 4})
        reader.leases.use("movies")
        reader.rest()
        with EdgeStore(tmp_path) as other:
            assert other.leases.in_use("movies")
            with pytest.raises(StoreError, match="open already"):
                reader.count("movies")  # needs the directory again
        assert reader.count("movies") == 0
    with EdgeStore(tmp_path) as other:
        assert not other.leases.in_use("movies")


def test_what_a_killed_process_read_is_free(tmp_path: Path) -> None:
    stale = tmp_path / "uses" / "movies" / "1-abc"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    with EdgeStore(tmp_path) as store:
        assert not store.leases.in_use("movies")
        assert not stale.parent.exists()


def test_two_stores_of_two_tenants_keep_their_leases_apart(wire: Callable[..., Any], name: str) -> None:
    server = wire()
    stores: list[QdrantStore] = [server.store(tenant=tenant) for tenant in ("a", "b")]
    for store in stores:
        store.leases.use(name)
    assert {"recsat-a.leases", "recsat-b.leases"} <= set(stores[0].collections())
    for store in stores:
        store.close()


def test_a_lease_that_is_given_back_while_it_is_renewed_stays_given_back(
    wire: Callable[..., Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = wire()
    with server.store() as store, server.store() as other:
        leases = RecordLeases(store, ttl_s=0.2)
        write = leases._write
        renewing = threading.Event()

        def slow(*of: Any) -> None:
            if threading.current_thread().name == "recsat-leases":
                renewing.set()
                threading.Event().wait(0.3)
            write(*of)

        monkeypatch.setattr(leases, "_write", slow)
        with leases.exclusive(name, 0.0):
            renewing.wait()
        monkeypatch.setattr(leases, "_ttl_s", 1e6)  # a record that is written from here on stays
        threading.Event().wait(0.5)
        with other.leases.exclusive(name, 0.0):
            pass
        leases.close()


def test_two_that_make_a_collection_in_the_same_moment_both_have_it(
    wire: Callable[..., Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = wire()
    with server.store() as first, server.store() as second:
        create = first._create

        def late(*of: Any) -> None:
            assert second.ensure_collection(name, {"text": 4}) is True
            create(*of)

        monkeypatch.setattr(first, "_create", late)
        assert first.ensure_collection(name, {"text": 4}) is False
        monkeypatch.undo()
        server.faults = [Fault(422, "PUT /C")]
        with pytest.raises(StoreError, match="told to fail"):
            first.ensure_collection(f"{name}-b", {"text": 4})
