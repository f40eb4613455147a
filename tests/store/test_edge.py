"""What only the embedded store has to do: outlive kills, hold its directory, build in a child process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import qdrant_edge

from recsat.errors import DiskFull, StoreError
from recsat.store import EdgeStore, ItemIndex, Layout, point_ids, search
from recsat.store.edge_folder import FIXED, ON_DISK

ITEMS = pl.DataFrame({"item_id": [str(i) for i in range(3000)], "kind": "movie"})
IDS = point_ids("test", ITEMS)


def with_free(monkeypatch: pytest.MonkeyPatch, mib: float) -> None:
    usage = shutil.disk_usage("/")._replace(free=int(mib * 2**20))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_points_for_which_the_disk_has_no_room_are_refused_before_the_engine_maps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, payload = np.ones((3000, 384), dtype=np.float32), ITEMS.select("kind")
    with EdgeStore(tmp_path) as store:
        with_free(monkeypatch, 1)
        with pytest.raises(DiskFull, match="0 points take up to 4 MiB of the disk and 1 MiB are free"):
            store.ensure_collection("movies", {"text": 384})
        assert store.collections() == []
        with_free(monkeypatch, 12)
        store.ensure_collection("movies", {"text": 384})
        with pytest.raises(
            DiskFull, match=r"3,000 points take up to 17 MiB of the disk and 12 MiB are free.*store\.directory"
        ):
            store.upsert_table("movies", IDS, {"text": vectors}, payload)
        assert store.count("movies") == 0
        store.upsert_table("movies", IDS[:1000], {"text": vectors[:1000]}, payload[:1000])
        assert store.count("movies") == 1000


def test_what_points_take_of_the_disk_is_less_than_was_asked_for(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 384)).astype(np.float32)
    with EdgeStore(tmp_path, indexing_threshold_kb=100) as store:
        store.ensure_collection("movies", {"text": 384})
        store.upsert_table("movies", IDS, {"text": vectors}, ITEMS.select("kind"))
        store.build("movies")
        store.flush()
        used = sum(file.stat().st_blocks * 512 for file in tmp_path.rglob("*") if file.is_file())
    assert vectors.nbytes < used < FIXED + ON_DISK * vectors.nbytes


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def test_kill_9_during_upsert_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    child = start(
        """
        import sys
        import numpy as np, polars as pl
        from recsat.store import EdgeStore, point_ids
        store = EdgeStore(sys.argv[1])
        store.ensure_collection("movies", {"text": 64}, payload_indexes={"n": "integer"})
        for batch in range(10_000):
            items = pl.DataFrame({"item_id": [str(batch * 50 + i) for i in range(50)], "kind": "movie"})
            vectors = np.full((50, 64), batch, dtype=np.float32)
            store.upsert_table("movies", point_ids("test", items), {"text": vectors}, pl.DataFrame({"n": [batch] * 50}))
            print(batch, flush=True)
        """,
        str(tmp_path),
    )
    assert child.stdout is not None
    acknowledged = -1
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged == 25:
            child.send_signal(signal.SIGKILL)  # the loop reads on, to what was acknowledged before the signal came
    assert child.wait() == -signal.SIGKILL
    assert acknowledged >= 25

    with EdgeStore(tmp_path) as store:
        sent = point_ids(
            "test", pl.DataFrame({"item_id": [str(i) for i in range((acknowledged + 1) * 50)], "kind": "movie"})
        )
        assert store.count("movies") >= len(sent)
        records = store.retrieve("movies", sent, with_vectors=True)
        assert [r.payload for r in records] == [{"n": i // 50} for i in range(len(sent))]
        assert all(isinstance(r.vector, dict) and r.vector["text"][0] == i // 50 for i, r in enumerate(records))


def test_a_second_open_in_the_same_process_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    with (
        EdgeStore(tmp_path),
        pytest.raises(StoreError, match=rf"open already, in process {os.getpid()}.*close it there"),
    ):
        EdgeStore(tmp_path)
    EdgeStore(tmp_path).close()


def test_a_store_may_be_closed_by_another_thread_than_the_one_that_opened_it(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path)
    closer = threading.Thread(target=store.close)
    closer.start()
    closer.join()
    EdgeStore(tmp_path).close()


def test_a_second_open_in_another_process_is_refused_and_names_the_first(tmp_path: Path) -> None:
    child = start(
        "import sys; from recsat.store import EdgeStore; s = EdgeStore(sys.argv[1]); print('open', flush=True); sys.stdin.read()",
        str(tmp_path),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    with pytest.raises(StoreError, match=rf"in process {child.pid}"):
        EdgeStore(tmp_path)
    child.kill()
    child.communicate()
    EdgeStore(tmp_path).close()


def test_a_second_open_waits_for_the_first_and_says_for_whom(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    child = start(
        "import sys; from recsat.store import EdgeStore; s = EdgeStore(sys.argv[1]); print('open', flush=True); sys.stdin.read()",
        str(tmp_path),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    threading.Timer(0.5, child.kill).start()
    with EdgeStore(tmp_path, wait_s=60.0) as store:
        assert store._process_lock.is_locked
        assert store.collections() == []
    child.communicate()
    assert f"waiting up to 60 s for process {child.pid}" in caplog.text


def test_a_wait_that_is_over_says_how_long_it_was(tmp_path: Path) -> None:
    with EdgeStore(tmp_path), pytest.raises(StoreError, match=r"after 0\.2 s.*store\.wait_s") as caught:
        EdgeStore(tmp_path, wait_s=0.2)
    assert caught.value.transient


def test_a_copy_has_points_graph_and_metadata_and_goes_its_own_way(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    with EdgeStore(tmp_path, indexing_threshold_kb=100) as store:
        store.ensure_collection("movies", {"text": 32}, payload_indexes={"n": "integer"}, metadata={"of": "movies"})
        store.upsert_table("movies", IDS, {"text": vectors}, pl.DataFrame({"n": range(3000)}))
        store.build("movies")
        assert store.copy_collection("movies", "films") is True
        store.upsert_table("films", IDS[:4], {"text": -vectors[:4]}, pl.DataFrame({"n": [-1] * 4}))
        store.delete("films", IDS[-1:])
        store.build("films")
        assert (store.count("movies"), store.count("films")) == (3000, 2999)
        assert store.retrieve("movies", IDS[:1])[0].payload == {"n": 0}
        assert store.retrieve("films", IDS[:1])[0].payload == {"n": -1}
        assert store.shape("films") == store.shape("movies")
        assert store.metadata("films") == {"of": "movies"}
        best = store.nearest("films", {"text": -vectors[:4]}, 1)["text"].keys[:, 0].tolist()
        assert best == IDS[:4]  # points that came after the graph are searched too
        with pytest.raises(StoreError, match="there is one already"):
            store.copy_collection("movies", "films")
    sizes = {name: sum(p.stat().st_blocks for p in (tmp_path / name).rglob("*")) for name in ("movies", "films")}
    assert sizes["films"] < 1.5 * sizes["movies"]  # holes stay holes
    shard = qdrant_edge.EdgeShard.load(str(tmp_path / "films" / "shard"))
    assert shard.info().indexed_vectors_count == 3000  # the graph is the source's: none was built
    shard.close()


def test_a_store_that_rests_lets_another_process_in_and_comes_back(tmp_path: Path) -> None:
    with EdgeStore(tmp_path, wait_s=60.0) as store:
        store.ensure_collection("movies", {"text": 4})
        store.rest()
        store.rest()
        child = start(
            """
            import sys
            from recsat.store import EdgeStore
            with EdgeStore(sys.argv[1]) as store:
                store.ensure_collection("films", {"text": 4})
            """,
            str(tmp_path),
        )
        child.communicate()
        assert child.returncode == 0
        assert store.collections() == ["films", "movies"]
        store.upsert_table("movies", IDS[:2], {"text": np.ones((2, 4), dtype=np.float32)}, pl.DataFrame())
        assert store.count("movies") == 2


@pytest.mark.parametrize("on_disk", [False, True])
def test_vectors_of_one_byte_a_number_are_ordered_by_the_whole_ones(tmp_path: Path, on_disk: bool) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    layout = Layout("int8", on_disk)
    assert layout.name == ("int8 on-disk" if on_disk else "int8")
    with EdgeStore(tmp_path, indexing_threshold_kb=100, layout=layout) as store:
        store.ensure_collection("movies", {"text": 32})
        store.upsert_table("movies", IDS, {"text": vectors}, pl.DataFrame())
        store.build("movies")
        nearest = store.nearest("movies", {"text": vectors[:50]}, 20, ef=512)["text"]
        exact = store.nearest("movies", {"text": vectors[:50]}, 20, exact=True)["text"]
        np.testing.assert_allclose(nearest.scores[:, 0], exact.scores[:, 0], rtol=1e-6)
        same = [np.isin(a, b).mean() for a, b in zip(nearest.keys, exact.keys, strict=True)]
        assert np.mean(same) > 0.97
    config = next((tmp_path / "movies" / "shard").rglob("*config.json")).read_text()
    assert '"int8"' in config
    assert list((tmp_path / "movies" / "shard").rglob("quantized*"))


def test_points_and_aliases_outlive_the_process(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    with EdgeStore(tmp_path) as store:
        store.ensure_collection("movies", {"text": 4}, payload_indexes={"n": "integer"})
        store.upsert_table("movies", IDS[:20], {"text": vectors}, pl.DataFrame({"n": range(20)}))
        store.swap_alias("live", "movies")
        shape = store.shape("movies")
    with EdgeStore(tmp_path) as store:
        assert store.count("live") == 20
        assert store.shape("live") == shape
        assert store.ensure_collection("movies", {"text": 4}) is False


def test_what_a_kill_left_half_made_or_half_deleted_is_swept_at_the_next_open(tmp_path: Path) -> None:
    with EdgeStore(tmp_path) as store:
        store.ensure_collection("movies", {"text": 4})
    (tmp_path / ".new-films" / "shard").mkdir(parents=True)
    (tmp_path / ".dropped-old").mkdir()
    with EdgeStore(tmp_path) as store:
        assert store.collections() == ["movies"]
    assert [p.name for p in tmp_path.glob(".*")] == []


def test_a_build_makes_the_graph_in_a_child_process_and_loses_no_point(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    with EdgeStore(tmp_path, indexing_threshold_kb=100) as store:
        store.ensure_collection("movies", {"text": 32}, payload_indexes={"n": "integer"})
        store.upsert_table("movies", IDS, {"text": vectors}, pl.DataFrame({"n": range(3000)}))
        store.build("movies")
        assert store.count("movies") == 3000
        index = ItemIndex(IDS)
        exact = search(store, "movies", {"text": vectors[:50]}, index=index, limit=20, exact=True)["text"]
        wide = search(store, "movies", {"text": vectors[:50]}, index=index, limit=20, ef=512)["text"]
        narrow = search(store, "movies", {"text": vectors[:50]}, index=index, limit=20, ef=20)["text"]
    shard = qdrant_edge.EdgeShard.load(str(tmp_path / "movies" / "shard"))
    assert shard.info().indexed_vectors_count == 3000
    shard.close()

    def share(hits: object) -> float:
        pairs = zip(hits.items, exact.items, strict=True)  # type: ignore[attr-defined]
        return float(np.mean([len(np.intersect1d(a, b)) / 20 for a, b in pairs]))

    assert share(wide) > 0.98
    assert share(narrow) < share(wide)  # so it was the graph that answered, not a full scan


def test_a_build_that_fails_says_why_and_leaves_the_collection_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('out of memory')")
    with EdgeStore(tmp_path / "store", indexing_threshold_kb=1) as store:
        store.ensure_collection("movies", {"text": 4})
        store.upsert_table("movies", IDS[:100], {"text": np.ones((100, 4), dtype=np.float32)}, pl.DataFrame())
        monkeypatch.setattr("recsat.store.edge_build.__file__", str(broken))
        with pytest.raises(StoreError, match="status 1: out of memory"):
            store.build("movies")
        assert store.count("movies") == 100


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store: the store cannot be opened.*writable directory"):
        EdgeStore(tmp_path / "file" / "store")


def test_a_damaged_alias_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text('{"live": ')
    with EdgeStore(tmp_path) as store, pytest.raises(StoreError, match=r"aliases\.json: not readable.*publish again"):
        store.aliases()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("aliases.json", "[1]"),
        ("aliases.json", '{"a": 1}'),
        ("aliases.json", "null"),
        ("c/collection.json", "{}"),
        ("c/collection.json", '{"vectors": 3, "distance": "Dot", "payload_indexes": {}}'),
        ("c/collection.json", '{"vectors": {}, "distance": "Far", "payload_indexes": {}}'),
        ("c/collection.json", "[]"),
        ("c/metadata.json", '"text"'),
    ],
)
def test_a_file_that_says_something_else_is_named(tmp_path: Path, name: str, content: str) -> None:
    with EdgeStore(tmp_path) as store:
        store.ensure_collection("c", {"text": 2}, metadata={"a": 1})
    (tmp_path / name).write_text(content)

    def read(store: EdgeStore) -> None:
        store.metadata("c")
        store.ensure_collection("c", {"text": 2})

    message = rf"{re.escape(Path(name).name)}: not readable.*publish again"
    with EdgeStore(tmp_path) as store, pytest.raises(StoreError, match=message):
        read(store)
