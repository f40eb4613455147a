"""Which collection production reads, and which are deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsat.errors import StoreError
from recsat.store import EdgeStore, Mark, VectorStore, point_ids, promote, publish, sweep


def published(store: VectorStore, domain: str, seed: int = 0, **more: Any) -> str:
    items = pl.DataFrame({"item_id": [str(i) for i in range(20)], "kind": "movie"})
    vectors = np.random.default_rng(seed).normal(size=(20, 4)).astype(np.float32)
    return publish(store, domain, point_ids("test", items), {"text": vectors}, pl.DataFrame(), **more).collection


def aged(store: VectorStore, collection: str, days: float) -> None:
    mark = Mark.of(store, collection)
    assert mark is not None
    store.set_metadata(collection, replace(mark, used=mark.used - days * 86_400).metadata())


def test_promoting_moves_the_alias_and_says_what_it_served(store: VectorStore, name: str) -> None:
    first, second = published(store, name), published(store, name, 1)
    alias = f"recsat-default-{name}"
    assert alias not in store.aliases()
    assert promote(store, name, first) is None
    assert store.aliases()[alias] == first
    assert promote(store, name, second) == first
    assert promote(store, name, second) == second
    assert store.aliases()[alias] == second
    assert store.count(first) == 20


def test_what_was_served_can_be_promoted_again_and_its_age_begins_anew(store: VectorStore, name: str) -> None:
    first, second = published(store, name), published(store, name, 1)
    promote(store, name, first)
    aged(store, first, 30)
    promote(store, name, second)
    assert Mark.of(store, first).used >= Mark.of(store, second).used - 60  # type: ignore[union-attr]
    assert promote(store, name, first) == second


def test_only_what_a_run_of_this_domain_and_tenant_published_is_promoted(store: VectorStore, name: str) -> None:
    with pytest.raises(StoreError, match="there is none of this name to promote"):
        promote(store, name, f"recsat-default-{name}-{'0' * 16}")
    store.ensure_collection(f"{name}-foreign", {"text": 4})
    elsewhere = published(store, f"{name}-b")
    scratch = published(store, name, scratch=True)
    for collection, message in (
        (f"{name}-foreign", "recsat did not publish it"),
        (elsewhere, "recsat did not publish it for domain"),
        (scratch, "belongs to one arm of one run"),
    ):
        with pytest.raises(StoreError, match=message):
            promote(store, name, collection)
    assert f"recsat-default-{name}" not in store.aliases()


def test_an_alias_that_serves_a_foreign_collection_is_not_moved(store: VectorStore, name: str) -> None:
    mine = published(store, name)
    store.ensure_collection(f"{name}-foreign", {"text": 4})
    store.swap_alias(f"recsat-default-{name}", f"{name}-foreign")
    with pytest.raises(StoreError, match=rf"serves '{name}-foreign', which recsat did not make.*store\.tenant"):
        promote(store, name, mine)
    assert store.aliases()[f"recsat-default-{name}"] == f"{name}-foreign"


def test_the_sweep_takes_what_nothing_serves_and_nobody_used_for_long(tmp_path: Any, name: str) -> None:
    with EdgeStore(tmp_path) as store:
        served, old, young = (published(store, name, seed) for seed in range(3))
        promote(store, name, served)
        for collection in (served, old):
            aged(store, collection, 10)
        scratch = published(store, name, 3, scratch=True)
        other = published(store, f"{name}-b")
        aged(store, other, 10)
        foreign = f"recsat-default-{name}-0123456789abcdef"
        store.ensure_collection(foreign, {"text": 8})
        assert sweep(store, name, keep_days=7) == []  # this store reads them all
    with EdgeStore(tmp_path, tenant="another") as store:
        assert sweep(store, name, keep_days=7) == []
    with EdgeStore(tmp_path) as store:
        assert sorted(sweep(store, name, keep_days=7)) == sorted([old, scratch])
        assert set(store.collections()) == {served, young, other, foreign}


def test_over_the_wire_the_sweep_leaves_what_another_process_reads(wire: Callable[..., Any], name: str) -> None:
    server = wire()
    with server.store() as reader:
        collection = published(reader, name)
        aged(reader, collection, 10)
        with server.store() as other:
            assert sweep(other, name, keep_days=7) == []
    with server.store() as other:
        assert sweep(other, name, keep_days=7) == [collection]


def test_two_tenants_of_one_server_leave_each_other_alone(wire: Callable[..., Any], name: str) -> None:
    server = wire()
    with server.store(tenant="a") as a, server.store(tenant="b") as b:
        of_a, of_b = published(a, name), published(b, name)
        assert (of_a, of_b) == (f"recsat-a-{name}-{of_a[-16:]}", f"recsat-b-{name}-{of_a[-16:]}")
        promote(a, name, of_a)
        with pytest.raises(StoreError, match="tenant 'b'"):
            promote(b, name, of_a)
        promote(b, name, of_b)
        assert sweep(b, name, keep_days=0) == []
        aliases = a.aliases()
        assert (aliases[f"recsat-a-{name}"], aliases[f"recsat-b-{name}"]) == (of_a, of_b)


def test_an_alias_whose_lease_is_lost_before_the_swap_stays(
    wire: Callable[..., Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = wire()
    with server.store() as store, server.store() as other:
        first, second = published(store, name), published(store, name, 1)
        promote(store, name, first)
        set_metadata = store.set_metadata
        leases: list[Any] = []

        def slow(*of: Any) -> None:
            """Meanwhile the clock of another process says that the lease has run out."""
            if not leases:
                with monkeypatch.context() as patch:
                    patch.setattr("recsat.store.leases.time.time", lambda: 4e9)
                    leases.append(other.leases.exclusive(f"recsat-default-{name}", 0.0))
                    leases[0].__enter__()
            set_metadata(*of)

        monkeypatch.setattr(store, "set_metadata", slow)
        with pytest.raises(StoreError, match=r"the lease ran out, and .* process \d+ has it now"):
            promote(store, name, second)
        assert store.aliases()[f"recsat-default-{name}"] == first
