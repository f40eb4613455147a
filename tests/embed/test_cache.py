from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.embed.cache import embed_items, embed_texts
from recsat.embed.cached_vectors import encoder_folder, read_vectors, text_keys, write_vectors
from recsat.embed.centre import centre
from recsat.errors import DataError, EncoderError

SCRIPT = Path(__file__).with_name("hashing.py")


def file_of(cache: Path, number: int = 0) -> Path:
    return encoder_folder(cache, "hash-1") / f"{number}.sqlite"


def n_stored(cache: Path) -> int:
    if not file_of(cache).exists():
        return 0
    with closing(sqlite3.connect(file_of(cache), timeout=60)) as file:
        if not file.execute("select 1 from sqlite_master where name = 'vectors'").fetchone():
            return 0  # a process has made the file, and not its table yet
        return int(file.execute("select count(*) from vectors").fetchone()[0])


def test_the_second_run_embeds_nothing_and_gives_the_same_bits(tmp_path: Path, hashing: ModuleType) -> None:
    texts = ["b", "a", "b", "", "c", "a"]
    first = embed_texts(texts, hashing.HashEncoder(), tmp_path)
    again = hashing.HashEncoder()
    second = embed_texts(texts, again, tmp_path)
    assert (first.n_new, first.n_cached) == (4, 0)
    assert (second.n_new, second.n_cached) == (0, 4)
    assert again.seen == []
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert second.vectors.dtype == np.float32


def test_each_distinct_text_is_embedded_once_and_only_new_ones_later(tmp_path: Path, hashing: ModuleType) -> None:
    encoder = hashing.HashEncoder()
    embed_texts(["x", "y", "x", "x"], encoder, tmp_path)
    result = embed_texts(pl.Series("title", ["z", "y", "x", "z"]), encoder, tmp_path)
    assert encoder.seen == ["x", "y", "z"]
    assert (result.n_new, result.n_cached) == (1, 2)
    np.testing.assert_array_equal(result.vectors, hashing.HashEncoder().encode(["z", "y", "x", "z"]))


def test_another_encoder_shares_nothing(tmp_path: Path, hashing: ModuleType) -> None:
    embed_texts(["x"], hashing.HashEncoder("one"), tmp_path)
    assert embed_texts(["x"], hashing.HashEncoder("two"), tmp_path).n_new == 1


@settings(max_examples=30)
@given(st.lists(st.lists(st.text(max_size=3), max_size=12), min_size=1, max_size=4), st.integers(1, 5))
def test_any_order_of_calls_gives_what_the_encoder_gives(calls: list[list[str]], block: int) -> None:
    hashing = sys.modules.get("hashing_for_properties") or _load_hashing()
    with tempfile.TemporaryDirectory() as cache:
        encoder = hashing.HashEncoder()
        for texts in calls:
            done: list[int] = []
            result = embed_texts(texts, encoder, cache, done.append, block=block)
            np.testing.assert_array_equal(result.vectors, hashing.HashEncoder().encode(texts))
            assert result.n_new + result.n_cached == len(set(texts))
            assert sum(done) == len(set(texts))
        assert len(encoder.seen) == len(set(encoder.seen))


def _load_hashing() -> ModuleType:
    import importlib.util

    spec = importlib.util.spec_from_file_location("hashing_for_properties", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["hashing_for_properties"] = module
    return module


def test_a_run_that_fails_goes_on_where_it_was(tmp_path: Path, hashing: ModuleType) -> None:
    texts = [f"text {i}" for i in range(20)]
    broken = hashing.HashEncoder(fail_after=10)
    with pytest.raises(MemoryError):
        embed_texts(texts, broken, tmp_path, block=2)
    n_stored = len(broken.seen)
    whole = hashing.HashEncoder()
    result = embed_texts(texts, whole, tmp_path)
    assert n_stored >= 10
    assert (result.n_cached, result.n_new) == (n_stored, 20 - n_stored)
    assert set(whole.seen).isdisjoint(broken.seen)


def test_a_killed_process_loses_no_finished_block(tmp_path: Path, hashing: ModuleType) -> None:
    child = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), "0", "2000", "0.2"])
    try:
        deadline = time.monotonic() + 60
        while n_stored(tmp_path) < 12 and time.monotonic() < deadline:
            assert child.poll() is None
            time.sleep(0.01)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    encoder = hashing.HashEncoder()
    texts = [f"text {i}" for i in range(2000)]
    result = embed_texts(texts, encoder, tmp_path)
    assert 12 <= result.n_cached < 2000  # blocks of 4, 8, …
    assert len(encoder.seen) == result.n_new == 2000 - result.n_cached
    np.testing.assert_array_equal(result.vectors, hashing.HashEncoder().encode(texts))


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path, hashing: ModuleType) -> None:
    ranges = [("0", "300"), ("150", "450")]
    children = [subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), *ends, "0.001"]) for ends in ranges]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    texts = [f"text {i}" for i in range(450)]
    result = embed_texts(texts, hashing.HashEncoder(), tmp_path)
    assert (result.n_new, result.n_cached) == (0, 450)
    np.testing.assert_array_equal(result.vectors, hashing.HashEncoder().encode(texts))


@pytest.mark.parametrize("damage", ["cut", "overwritten", "last page of vectors", "text", "header"])
def test_a_corrupt_file_is_set_aside_and_its_texts_are_embedded_again(
    tmp_path: Path, hashing: ModuleType, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    texts = [f"text {i}" for i in range(5000)]
    vectors = embed_texts(texts, hashing.HashEncoder(), tmp_path).vectors
    path = file_of(tmp_path)
    content = path.read_bytes()
    middle = len(content) // 2
    last = content.index(vectors[-1].tobytes()) >> 15 << 15
    path.write_bytes(
        {
            "cut": content[:middle],
            "overwritten": content[: 1 << 15] + b"\xa5" * (len(content) - (1 << 15)),
            "last page of vectors": content[:last] + b"\xa5" * (1 << 15) + content[last + (1 << 15) :],
            "text": b"hello" * 100,
            "header": bytes(100) + content[100:],
        }[damage]
    )
    with caplog.at_level(logging.WARNING):
        result = embed_texts(texts, hashing.HashEncoder(), tmp_path)
    assert f"{path} is corrupt" in caplog.text
    assert result.n_new == 5000
    np.testing.assert_array_equal(result.vectors, hashing.HashEncoder().encode(texts))
    assert path.with_suffix(".corrupt").exists()
    assert file_of(tmp_path, 1).exists(), "under another name: an old journal goes by the old one"
    caplog.clear()
    assert embed_texts(texts, hashing.HashEncoder(), tmp_path).n_new == 0
    assert caplog.text == ""


@pytest.mark.parametrize("n_asked", [1, 40], ids=["looked up", "all are read"])
def test_one_flipped_bit_costs_one_text_and_a_warning(
    tmp_path: Path, hashing: ModuleType, caplog: pytest.LogCaptureFixture, n_asked: int
) -> None:
    texts = [f"text {i}" for i in range(40)]
    vectors = embed_texts(texts, hashing.HashEncoder(), tmp_path).vectors
    path = file_of(tmp_path)
    content = bytearray(path.read_bytes())
    assert content.count(vectors[0].tobytes()) == 1
    content[content.index(vectors[0].tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        result = embed_texts(texts[:n_asked], hashing.HashEncoder(), tmp_path)
    assert "1 vectors are damaged" in caplog.text
    assert str(path.parent) in caplog.text
    assert (result.n_new, result.n_cached) == (1, n_asked - 1)
    np.testing.assert_array_equal(result.vectors, vectors[:n_asked])
    assert embed_texts(texts, hashing.HashEncoder(), tmp_path).n_new == 0


def test_cells_that_have_become_of_another_type_cost_their_text_at_most(tmp_path: Path, hashing: ModuleType) -> None:
    vectors = embed_texts(["a", "b"], hashing.HashEncoder(), tmp_path).vectors
    with closing(sqlite3.connect(file_of(tmp_path))) as file, file:
        file.execute("update vectors set vector = cast(vector as text) where rowid = 1")
        file.execute("update vectors set vector = 7 where rowid = 2")
    result = embed_texts(["a", "b"], hashing.HashEncoder(), tmp_path)
    assert (result.n_new, result.n_cached) == (1, 1)
    np.testing.assert_array_equal(result.vectors, vectors)


def test_files_of_an_earlier_version_are_named_once_and_not_read(
    tmp_path: Path, hashing: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    (encoder_folder(tmp_path, "hash-1") / "0.safetensors").write_bytes(b"vectors")
    with caplog.at_level(logging.WARNING):
        assert embed_texts(["a"], hashing.HashEncoder(), tmp_path).n_new == 1
        assert embed_texts(["a"], hashing.HashEncoder(), tmp_path).n_new == 0
    assert caplog.text.count("are of an earlier version and not read; delete them") == 1


def test_a_file_that_cannot_be_used_is_an_error_that_names_it(tmp_path: Path, hashing: ModuleType) -> None:
    file_of(tmp_path).mkdir()
    with pytest.raises(EncoderError, match=r"0\.sqlite: cannot be read or written \(.*\)\. Free some space, or set"):
        embed_texts(["a"], hashing.HashEncoder(), tmp_path)


def test_what_was_stored_first_stays(tmp_path: Path) -> None:
    keys = text_keys("hash-1", ["a", "b"])
    folder = encoder_folder(tmp_path, "hash-1")
    write_vectors(folder, keys[:1], np.float32([[1, 2]]))
    write_vectors(folder, keys, np.float32([[3, 4], [5, 6]]))
    vectors = np.zeros((2, 2), dtype=np.float32)
    assert read_vectors(folder, keys, vectors).all()
    assert vectors.tolist() == [[1, 2], [5, 6]]


def test_keys_that_end_in_zero_bytes_are_kept_apart(tmp_path: Path) -> None:
    raw = [bytes([i]) * (32 - n) + bytes(n) for i in (1, 2) for n in (0, 1, 5)]
    keys = np.frombuffer(b"".join(raw), dtype="S32")
    vectors = np.arange(len(raw), dtype=np.float32)[:, None]
    write_vectors(tmp_path, keys, vectors)
    for n in (1, len(raw)):
        back = np.full((n, 1), -1, dtype=np.float32)
        assert read_vectors(tmp_path, keys[-n:], back).all()
        np.testing.assert_array_equal(back, vectors[-n:])


ACKNOWLEDGED = """
import sys
from pathlib import Path
import numpy as np
from recsat.embed.cached_vectors import text_keys, write_vectors
for block in range(int(sys.argv[2]), 1000):
    names = [f"{block} {i}" for i in range(1000)]
    write_vectors(Path(sys.argv[1]), text_keys("hash-1", names), np.full((1000, 64), block, dtype=np.float32))
    print(block, flush=True)
"""


def test_what_a_writer_acknowledged_before_it_was_killed_is_there_and_the_rest_is_whole_or_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acknowledged: list[int] = []
    for kill in range(4):
        start = max(acknowledged, default=-1) + 1
        command = [sys.executable, "-c", ACKNOWLEDGED, str(tmp_path), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged += [int(child.stdout.readline()) for _ in range(2)]
            time.sleep(0.003 * kill)  # in another moment of a write each time
            child.kill()
            acknowledged += [int(line) for line in child.stdout]
    names = [f"{block} {i}" for block in range(max(acknowledged) + 2) for i in range(1000)]
    vectors = np.full((len(names), 64), -1, dtype=np.float32)
    with caplog.at_level(logging.WARNING):
        stored = read_vectors(tmp_path, text_keys("hash-1", names), vectors).reshape(-1, 1000)
    assert caplog.text == ""
    assert stored[acknowledged].all()
    assert (stored.all(axis=1) == stored.any(axis=1)).all(), "a block is there or is not"
    expected = np.where(stored, np.arange(len(stored))[:, None], -1)
    np.testing.assert_array_equal(vectors.reshape(len(stored), 1000, 64), np.repeat(expected[..., None], 64, axis=2))


def test_an_encoder_that_breaks_its_contract_does_not_reach_the_cache(tmp_path: Path, hashing: ModuleType) -> None:
    class Doubled(hashing.HashEncoder):  # type: ignore[misc, name-defined]
        def encode(self, texts, *, progress=None):  # type: ignore[no-untyped-def]
            return super().encode(texts) * 2

    class Short(hashing.HashEncoder):  # type: ignore[misc, name-defined]
        def encode(self, texts, *, progress=None):  # type: ignore[no-untyped-def]
            return super().encode(texts)[:-1]

    class NotANumber(hashing.HashEncoder):  # type: ignore[misc, name-defined]
        def encode(self, texts, *, progress=None):  # type: ignore[no-untyped-def]
            return np.full((len(texts), self.dimension), np.nan, dtype=np.float32)

    for encoder, message in [
        (Doubled(), r"length 2 for '.+'; it must be 1 for every text\. Divide vectors"),
        (Short(), r"\(1, 8\) for 2 texts"),
        (NotANumber(), "length nan"),
    ]:
        with pytest.raises(EncoderError, match=message):
            embed_texts(["a", "b"], encoder, tmp_path)
    assert n_stored(tmp_path) == 0


def test_a_missing_text_is_an_error_that_names_its_row(tmp_path: Path, hashing: ModuleType) -> None:
    with pytest.raises(DataError, match=r"row 2: null\. 1 of 3 texts"):
        embed_texts(pl.Series(["a", "b", None]), hashing.HashEncoder(), tmp_path)


def test_an_item_without_a_text_has_a_row_of_zeros_that_the_mean_leaves_out(
    tmp_path: Path, hashing: ModuleType
) -> None:
    texts = pl.Series(["a", "", "b", "  ", "a"])
    encoder = hashing.HashEncoder()
    result = embed_items(texts, encoder, tmp_path)
    assert result.vectors.any(axis=1).tolist() == [True, False, True, False, True]
    assert (result.n_new, encoder.seen) == (2, ["a", "b"])
    np.testing.assert_array_equal(result.vectors[[0, 2, 4]], embed_texts(["a", "b", "a"], encoder, tmp_path).vectors)
    _, mean = centre(result.vectors)
    np.testing.assert_allclose(mean, result.vectors[[0, 2, 4]].mean(axis=0), atol=1e-6)


def test_a_catalogue_without_texts_has_one_vector_throughout(tmp_path: Path, hashing: ModuleType) -> None:
    vectors = embed_items(pl.Series(["", " "]), hashing.HashEncoder(), tmp_path).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_vectors(tmp_path: Path, hashing: ModuleType) -> None:
    result = embed_texts([], hashing.HashEncoder(), tmp_path)
    assert result.vectors.shape == (0, 8)
    assert (result.n_new, result.n_cached) == (0, 0)


def test_a_cache_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path, hashing: ModuleType) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EncoderError, match="cannot be written"):
        embed_texts(["a"], hashing.HashEncoder(), tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": None}, "dimension is None. Give the length"),
        ({"dimension": "2"}, "dimension is '2'"),
        ({"fingerprint": ""}, "fingerprint is ''. Give a text"),
        ({"fingerprint": 7}, "fingerprint is 7"),
        ({"encode": None}, "has no encode"),
        (
            {"encode": lambda texts, progress=None: [[1.0, 0.0]] * len(texts)},
            "gave a list for 1 texts; it must give a numpy array",
        ),
        ({"encode": lambda texts, progress=None: None}, "gave a NoneType for 1 texts"),
        ({"dimension": 3}, r"gave float32 \(1, 2\) for 1 texts; it must give float32 \(1, 3\)"),
    ],
)
def test_an_encoder_that_breaks_its_contract_is_named_and_nothing_is_cached(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    class Broken:
        dimension: object = 2
        fingerprint: object = "broken"

        def encode(self, texts: list[str], *, progress: object = None) -> object:
            return np.array([[1.0, 0.0]] * len(texts), dtype=np.float32)

    for name, value in changes.items():
        setattr(Broken, name, staticmethod(value) if name == "encode" and value else value)
    with pytest.raises(EncoderError, match=f"encoder Broken:? ?{message}"):
        embed_texts(["a"], Broken(), tmp_path)  # type: ignore[arg-type]
    if "fingerprint" not in changes:

        class Sound:
            dimension, fingerprint = 2, "broken"

            def encode(self, texts: list[str], *, progress: object = None) -> object:
                return np.array([[1.0, 0.0]] * len(texts), dtype=np.float32)

        assert embed_texts(["a"], Sound(), tmp_path).n_new == 1  # type: ignore[arg-type]
