from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.embed.cache import embed_texts
from recsat.embed.shards import shard_folder
from recsat.errors import DataError, EncoderError

SCRIPT = Path(__file__).with_name("hashing.py")


def shards(cache: Path, fingerprint: str = "hash-1") -> list[Path]:
    return sorted(shard_folder(cache, fingerprint).glob("*.safetensors"))


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
    kept = len(broken.seen)
    whole = hashing.HashEncoder()
    result = embed_texts(texts, whole, tmp_path)
    assert kept >= 10
    assert (result.n_cached, result.n_new) == (kept, 20 - kept)
    assert set(whole.seen).isdisjoint(broken.seen)


def test_a_killed_process_loses_no_finished_block(tmp_path: Path, hashing: ModuleType) -> None:
    child = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), "0", "2000", "0.2"])
    try:
        deadline = time.monotonic() + 60
        while len(shards(tmp_path)) < 2 and time.monotonic() < deadline:
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


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "text"])
def test_a_corrupt_shard_is_set_aside_and_embedded_again(
    tmp_path: Path, hashing: ModuleType, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    texts = ["a", "b", "c"]
    embed_texts(texts, hashing.HashEncoder(), tmp_path)
    (shard,) = shards(tmp_path)
    content = bytearray(shard.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1  # one bit of one vector
    shard.write_bytes({"cut": content[:-5], "flipped": content, "emptied": b"", "text": b"hello" * 100}[damage])
    with caplog.at_level(logging.WARNING):
        result = embed_texts(texts, hashing.HashEncoder(), tmp_path)
    assert str(shard) in caplog.text
    assert result.n_new == 3
    np.testing.assert_array_equal(result.vectors, hashing.HashEncoder().encode(texts))
    assert shard.with_suffix(".corrupt").exists()
    caplog.clear()
    assert embed_texts(texts, hashing.HashEncoder(), tmp_path).n_new == 0
    assert caplog.text == ""


def test_what_a_killed_writer_left_behind_is_not_read(tmp_path: Path, hashing: ModuleType) -> None:
    (shard_folder(tmp_path, "hash-1") / "0.partial").write_bytes(b"half")
    assert embed_texts(["a"], hashing.HashEncoder(), tmp_path).n_new == 1


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

    for encoder, message in [(Doubled(), "length 2"), (Short(), r"\(1, 8\) for 2 texts"), (NotANumber(), "length nan")]:
        with pytest.raises(EncoderError, match=message):
            embed_texts(["a", "b"], encoder, tmp_path)
    assert shards(tmp_path) == []


def test_a_missing_text_is_an_error_that_names_its_row(tmp_path: Path, hashing: ModuleType) -> None:
    with pytest.raises(DataError, match=r"row 2: null\. 1 of 3 texts"):
        embed_texts(pl.Series(["a", "b", None]), hashing.HashEncoder(), tmp_path)


def test_no_texts_give_no_vectors(tmp_path: Path, hashing: ModuleType) -> None:
    result = embed_texts([], hashing.HashEncoder(), tmp_path)
    assert result.vectors.shape == (0, 8)
    assert (result.n_new, result.n_cached) == (0, 0)


def test_a_cache_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path, hashing: ModuleType) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EncoderError, match="cannot be written"):
        embed_texts(["a"], hashing.HashEncoder(), tmp_path / "file")
