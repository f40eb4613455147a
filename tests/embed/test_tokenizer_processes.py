"""Tokens made in other processes are those made here, and no process outlives its use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from recsat.embed import tokenizer_processes, transformer
from recsat.embed.tokenizer_processes import ProcessEnded, TokenizerProcesses, n_processes
from recsat.embed.transformer import TransformerEncoder

TEXTS = [f'heat {"ran " * (i % 7)}\n"{i}" 暗 \x00' for i in range(40)] + ["", " "]


@pytest.fixture
def tokenizer() -> Tokenizer:
    words = Tokenizer(WordLevel({"[UNK]": 0, "heat": 1, "ran": 2, '"': 3}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.enable_truncation(max_length=5)
    return words


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_processes, "SMALLEST_CHUNK", 2)


@pytest.mark.usefixtures("small_chunks")
def test_tokens_are_those_of_the_tokenizer_in_the_order_of_the_texts(tokenizer: Tokenizer) -> None:
    processes = TokenizerProcesses(tokenizer, 2)
    later, first = TEXTS[3:], TEXTS[:3]
    answers = [processes.submit(first), processes.submit(later)]
    chunks = [chunk for answer in answers for chunk in answer()]
    expected = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    assert max(map(len, expected)) == 5
    assert len(chunks) == 4
    lengths = np.concatenate([of_chunk for _, of_chunk in chunks])
    ids = np.concatenate([of_chunk for of_chunk, _ in chunks])
    assert lengths.tolist() == [len(one) for one in expected]
    assert ids.tolist() == [token for one in expected for token in one]


def test_processes_end_with_what_started_them(tokenizer: Tokenizer) -> None:
    processes = TokenizerProcesses(tokenizer, 2)
    started = list(processes._processes)
    assert all(process.poll() is None for process in started)
    del processes
    assert all(process.poll() is not None for process in started)


def test_a_process_ends_with_its_pipe(tokenizer: Tokenizer) -> None:
    """As where whoever started it was killed."""
    processes = TokenizerProcesses(tokenizer, 1)
    process = processes._processes[0]
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def test_a_process_that_was_killed_is_told_with_its_status(tokenizer: Tokenizer) -> None:
    processes = TokenizerProcesses(tokenizer, 1)
    processes._processes[0].kill()
    processes._processes[0].wait()
    for _ in range(2):
        with pytest.raises(ProcessEnded, match="ended with status -9"):
            processes.submit(TEXTS)()


def test_asking_does_not_wait_for_answers_that_nobody_reads_yet(tokenizer: Tokenizer) -> None:
    """Both ways hold many times what a pipe does."""
    processes = TokenizerProcesses(tokenizer, 1)
    texts = ["heat ran ran ran ran"] * 150_000
    answers = [processes.submit(texts) for _ in range(3)]
    for answer in answers:
        [(ids, lengths)] = answer()
        assert (len(ids), len(lengths)) == (750_000, 150_000)


@pytest.mark.usefixtures("small_chunks")
def test_an_encoder_beside_an_accelerator_has_the_same_vectors_whoever_tokenises(
    checkpoint_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is loaded stays on the CPU here."""
    encoder = TransformerEncoder(checkpoint_folder("bert"), token_budget=100, device="cpu")
    expected = encoder.encode(TEXTS)
    monkeypatch.setattr(transformer, "_FIRST_WINDOW", 4)
    monkeypatch.setattr(transformer, "_WINDOW", 16)
    monkeypatch.setattr(transformer, "_TEXTS_FOR_PROCESSES", len(TEXTS))
    monkeypatch.setattr(transformer, "n_processes", lambda: 2)
    monkeypatch.setattr(encoder, "device", torch.device("cuda"))
    np.testing.assert_allclose(encoder.encode(TEXTS[:-1]), expected[:-1], atol=1e-6)
    assert encoder._processes == []
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    processes = encoder._processes[0]
    encoder.with_prompt("a film: ").encode(TEXTS)
    assert encoder._processes == [processes]
    for process in processes._processes:
        process.kill()
        process.wait()
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    assert "ended with status -9, so texts are tokenised here" in caplog.text
    assert len(caplog.records) == 1
    assert encoder._processes == []


@pytest.mark.parametrize(("cores", "expected"), [(1, 0), (3, 0), (4, 2), (16, 14), (64, 14)])
def test_cores_are_left_for_what_uses_the_tokens(cores: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_processes, "n_cores", lambda: cores)
    assert n_processes() == expected
