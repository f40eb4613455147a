"""A compiled tokenizer in processes of its own.

One Python process turns token lists into arrays, and frees them, more slowly than an accelerator takes tokens, however many cores the tokenizer
itself has. What goes between the processes is JSON one way and arrays the other; a process ends with the pipe that it reads.

No thread of the asking process waits for them: each call that launches an accelerator's work gives Python's lock away, and
beside threads that hold it waits to get it back. A process reads what it is asked while it works, so that asking never waits for an answer.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recsat.cores import n_cores

Flat = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Token ids of texts, one text after the other, and the number of each text's."""

SMALLEST_CHUNK = 256
"""Texts that are worth a process's turn."""
PIPE = 2**20
"""Bytes that wait in a pipe before its writer does: the most that Linux lets anybody ask for."""
MOST = 14
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
    """``n`` processes of ``tokenizer``, with the truncation that it is set to; they end when this is collected, or with the interpreter.

    For one caller at a time, who reads every answer that was asked for, in the order of asking, or gives the processes up.
    """

    def __init__(self, tokenizer: CompiledTokenizer, n: int) -> None:
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        environment = {**os.environ, "PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-P", "-m", __name__]
        self._processes = [_started(command, environment) for _ in range(n)]
        self._ended: subprocess.Popen[bytes] | None = None
        serialised = tokenizer.to_str().encode()
        for process in self._processes:
            self._ask(process, serialised)
        self.close = weakref.finalize(self, _end, self._processes)

    def submit(self, texts: list[str]) -> Callable[[], list[Flat]]:
        """Asks for the tokens of ``texts`` in chunks of like size, at most one for each process; what is returned waits for them.

        It raises ProcessEnded where a process ended, and so do all later ones.
        """
        size = max(math.ceil(len(texts) / len(self._processes)), SMALLEST_CHUNK)
        starts = list(zip(self._processes, range(0, len(texts), size), strict=False))
        for process, start in starts:
            self._ask(process, json.dumps(texts[start : start + size]).encode())
        return lambda: [self._answer(process) for process, _ in starts]

    def _ask(self, process: subprocess.Popen[bytes], content: bytes) -> None:
        try:
            _send(_pipe(process.stdin), content)
        except OSError:
            self._ended = self._ended or process

    def _answer(self, process: subprocess.Popen[bytes]) -> Flat:
        try:
            if self._ended is None:
                lengths = np.frombuffer(_received(_pipe(process.stdout)), dtype=np.int32)
                return np.frombuffer(_received(_pipe(process.stdout)), dtype=np.int32), lengths
        except OSError:
            self._ended = process
        ended = self._ended
        assert ended is not None
        raise ProcessEnded(f"a tokenizer's process ended with status {ended.wait()}")


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Silent: what makes it end makes the caller's own tokenizer say why."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    for pipe in (process.stdin, process.stdout):
        with suppress(ImportError, OSError):  # not Linux, or no more of such pages: the writer waits earlier
            from fcntl import F_SETPIPE_SZ, fcntl

            fcntl(_pipe(pipe), F_SETPIPE_SZ, PIPE)
    return process


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

    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    tokenizer: Any = Tokenizer.from_str(_received(questions).decode())
    waiting: SimpleQueue[bytes | None] = SimpleQueue()
    Thread(target=_read, args=(questions, waiting), daemon=True).start()
    while (question := waiting.get()) is not None:
        ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(json.loads(question))]
        lengths = np.fromiter(map(len, ids), dtype=np.int32, count=len(ids))
        _send(answers, lengths.tobytes())
        _send(answers, np.fromiter(chain.from_iterable(ids), dtype=np.int32, count=int(lengths.sum())).tobytes())


def _read(questions: IO[bytes], waiting: SimpleQueue[bytes | None]) -> None:
    """All questions until their pipe ends, then None."""
    with suppress(BrokenPipeError):
        while True:
            waiting.put(_received(questions))
    waiting.put(None)


if __name__ == "__main__":
    main()
