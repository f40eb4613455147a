"""A compiled tokenizer in processes of its own.

One Python process turns token lists into arrays, and frees them, more slowly than an accelerator takes tokens, however many cores the tokenizer
itself has. What goes between the processes is JSON one way and arrays the other; a process ends with the pipe that it reads.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import weakref
from concurrent.futures import Executor, Future
from contextlib import suppress
from itertools import chain
from queue import SimpleQueue
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsat.cores import n_cores

Flat = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Token ids of texts, one text after the other, and the number of each text's."""

SMALLEST_CHUNK, LARGEST_CHUNK = 256, 2_048
"""Texts that one process is given at a time."""
MOST = 12
"""Processes; more cores go to what uses the tokens."""
KEPT_FREE = 2
"""Cores: for the thread that launches the accelerator's work, and for what the operating system does."""


class ProcessEnded(Exception):
    """A tokenizer's process is gone; its texts can be tokenised elsewhere."""


class CompiledTokenizer(Protocol):
    """What is used of ``tokenizers.Tokenizer``."""

    def to_str(self) -> str: ...


def n_processes() -> int:
    """How many are worth starting on this machine; 0 where the cores are needed elsewhere."""
    cores = n_cores()
    return min(MOST, cores - KEPT_FREE) if cores >= 2 * KEPT_FREE else 0


class TokenizerProcesses:
    """``n`` processes of ``tokenizer``, with the truncation that it is set to; they end when this is collected, or with the interpreter."""

    def __init__(self, tokenizer: CompiledTokenizer, n: int) -> None:
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        environment = {**os.environ, "PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-P", "-m", __name__]
        self.n = n
        self._processes = [_started(command, environment) for _ in range(n)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        serialised = tokenizer.to_str().encode()
        for process in self._processes:
            _send(_pipe(process.stdin), serialised)
            self._idle.put(process)
        self.close = weakref.finalize(self, _end, self._processes)

    def submit(self, threads: Executor, texts: list[str]) -> list[Future[Flat]]:
        """Tokens of ``texts`` in chunks, one for each process if these are neither small nor large; each of ``threads`` waits for a process.

        The futures raise ProcessEnded.
        """
        size = min(max(math.ceil(len(texts) / self.n), SMALLEST_CHUNK), LARGEST_CHUNK)
        return [threads.submit(self._tokens, texts[start : start + size]) for start in range(0, len(texts), size)]

    def _tokens(self, texts: list[str]) -> Flat:
        process = self._idle.get()
        try:
            _send(_pipe(process.stdin), json.dumps(texts).encode())
            answer = _pipe(process.stdout)
            lengths = np.frombuffer(_received(answer), dtype=np.int32)
            return np.frombuffer(_received(answer), dtype=np.int32), lengths
        except OSError as error:
            raise ProcessEnded(f"a tokenizer's process ended with status {process.poll()}") from error
        finally:
            self._idle.put(process)


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Silent: what makes it end makes the caller's own tokenizer say why."""
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        with suppress(OSError):  # what was not sent yet has nobody to read it
            _pipe(process.stdin).close()
        _pipe(process.stdout).close()
        process.wait()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(len(content).to_bytes(8, "little"))
    stream.write(content)
    stream.flush()


def _received(stream: IO[bytes]) -> bytes:
    """What :func:`_send` sent. Raises BrokenPipeError where the other end is closed."""
    header = stream.read(8)
    size = int.from_bytes(header, "little")
    content = stream.read(size)
    if len(header) < 8 or len(content) < size:
        raise BrokenPipeError("the pipe ended")
    return content


def main() -> None:
    """Reads a tokenizer, then texts, from standard input, and writes their tokens to standard output."""
    from tokenizers import Tokenizer

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    tokenizer: Any = Tokenizer.from_str(_received(requests).decode())
    while True:
        try:
            texts = json.loads(_received(requests))
        except BrokenPipeError:
            return
        ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
        lengths = np.fromiter(map(len, ids), dtype=np.int32, count=len(ids))
        _send(answers, lengths.tobytes())
        _send(answers, np.fromiter(chain.from_iterable(ids), dtype=np.int32, count=int(lengths.sum())).tobytes())


if __name__ == "__main__":
    main()
