"""The text encoder: any BERT, GPT or XLNet-style transformer, pooled to one unit vector a text."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.embed.batching import run_in_batches
from recsat.embed.checkpoint import Checkpoint, read_checkpoint
from recsat.embed.device import pick_device, pick_dtype, uploaded
from recsat.embed.distinct import distinct
from recsat.embed.legibility import TokenCounts
from recsat.embed.pooling import Pooling, pool
from recsat.embed.prompts import Role
from recsat.embed.tokenizer_processes import Flat, ProcessEnded, TokenizerProcesses, n_processes
from recsat.embed.tokens import Tokens, compiled, encodings_of, gives_types, joined, tokenize, tokens_of
from recsat.errors import EncoderError

if TYPE_CHECKING:
    from recsat.config.settings import EncoderSettings
    from recsat.embed.loading import Loaded

logger = logging.getLogger(__name__)

ACCELERATOR_BUDGET = 256
"""Token budgets are given for a CPU; an accelerator needs this many times as much to be busy: more gave no more (decision 18)."""

_WINDOW = 16_384
"""Texts that are tokenised and sorted together: bounds the memory that token ids take."""
_FIRST_WINDOW = 4_096
"""The first window where an accelerator waits for it; each next one is twice as large, up to :data:`_WINDOW`."""
_AHEAD = 3
"""Windows that are tokenised before an accelerator asks for them."""
_TEXTS_FOR_PROCESSES = 50_000
"""From so many texts on an accelerator is worth the half second that processes of the tokenizer take to start."""


UNKNOWN = ("[UNK]", "<unk>")
"""How tokenizers call what they do not know."""


@dataclass(frozen=True)
class _Vectors:
    """Of a window, with which of them are finite; on the host once the event ``on_host``, if there is one, has happened."""

    vectors: Tensor
    finite: Tensor
    on_host: Any


def _fetched(vectors: Tensor) -> _Vectors:
    """Checked and sent to the host behind the work that computes them: asked for later, they would wait for what the device was given since."""
    finite = torch.isfinite(vectors).all(dim=1)
    if vectors.device.type != "cuda":
        return _Vectors(vectors, finite, None)
    return _Vectors(_sent(vectors), _sent(finite), torch.cuda.current_stream(vectors.device).record_event())


def _sent(part: Tensor) -> Tensor:
    """On its way to the host: into pageable memory the copy took 45 times as long."""
    return torch.empty_like(part, device="cpu", pin_memory=True).copy_(part, non_blocking=True)


class TransformerEncoder:
    """Turns texts into unit-length float32 vectors: ``TransformerEncoder(folder).encode(["a text"])``.

    The folder is read at once, the weights at the first ``encode``: a run whose texts are all cached never loads them.
    ``pooling`` and ``prompt`` None: what the model's folder declares, else what its architecture and name call for.
    Padding is on the right for every family: a causal model then sees each text at the positions that it has alone.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str | None = None,
        pooling: Pooling | None = None,
        prompt: str | None = None,
        max_tokens: int = 256,
        token_budget: int = 512,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        self.checkpoint: Checkpoint = read_checkpoint(folder, name=name or folder.name, pooling=pooling)
        self.device = pick_device(device)
        self.dtype = pick_dtype(dtype, self.device)
        self.prompt = self.checkpoint.prompts["document"] if prompt is None else prompt
        self.max_tokens = max_tokens
        self.token_budget = token_budget * (1 if self.device.type == "cpu" else ACCELERATOR_BUDGET)
        # both shared with the encoders that ``with_prompt`` makes
        self._loaded: list[Loaded] = []
        self._processes: list[TokenizerProcesses] = []

    @classmethod
    def from_settings(cls, settings: EncoderSettings, folder: Path, *, name: str) -> TransformerEncoder:
        """The encoder of a run's configuration."""
        return cls(
            folder,
            name=name,
            pooling=None if settings.pooling == "auto" else settings.pooling,
            prompt=settings.prompt,
            max_tokens=settings.max_tokens,
            token_budget=settings.token_budget,
            device=settings.device,
            dtype=settings.dtype,
        )

    @property
    def dimension(self) -> int:
        return self.checkpoint.dimension

    @property
    def fingerprint(self) -> str:
        """sha256 over weights, tokenizer, pooling, prompt, length limit and number format; not over where they lie."""
        parts = (
            "transformer-1",
            self.checkpoint.digest,
            self.checkpoint.pooling,
            self.prompt,
            self.max_tokens,
            str(self.dtype),
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def with_prompt(self, prompt: str) -> TransformerEncoder:
        """The same model with another text in front of every text; another fingerprint, the same weights in memory."""
        other = copy(self)
        other.prompt = prompt
        return other

    def with_role(self, role: Role) -> TransformerEncoder:
        """The same model with its own prompt for queries (what is searched for) or documents (what is searched)."""
        return self.with_prompt(self.checkpoint.prompts[role])

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Unit-length vectors in the order of ``texts``, float32, (len(texts), dimension). Equal texts get equal vectors.

        Raises EncoderError where the model cannot be loaded, a text does not fit the device, or a vector is not finite.
        """
        unique, places = distinct(texts)
        if not unique:
            return np.empty((0, self.dimension), dtype=np.float32)
        copies = np.bincount(places, minlength=len(unique))
        vectors = np.empty((len(unique), self.dimension), dtype=np.float32)
        under_way: deque[tuple[slice, _Vectors]] = deque()
        for window, tokens in self._tokenized(unique):
            under_way.append((window, _fetched(self._encoded(tokens, copies[window], progress))))
            if self.device.type == "cpu" or len(under_way) > 1:  # an accelerator has the next window to do meanwhile
                self._collect(unique, vectors, *under_way.popleft())
        while under_way:
            self._collect(unique, vectors, *under_way.popleft())
        return vectors if len(unique) == len(texts) else vectors[places]

    def count_tokens(self, texts: Sequence[str]) -> TokenCounts | None:
        """How many of ``texts`` are cut, and how many of their tokens are unknown; None where the folder has no tokenizer.json. Loads no weights."""
        path = self.checkpoint.folder / "tokenizer.json"
        if not path.is_file():
            return None
        # transformers would take seconds to import, where every text is in the cache.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false" if self.device.type == "cpu" else "true")
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        unknown = {tokenizer.token_to_id(word) for word in UNKNOWN} - {None}
        ids = [encoded.ids for encoded in tokenizer.encode_batch([self.prompt + text for text in texts])]
        return TokenCounts(
            n_texts=len(texts),
            n_cut=sum(len(of_text) > self.max_tokens for of_text in ids),
            n_tokens=sum(map(len, ids)),
            n_unknown=sum(one in unknown for of_text in ids for one in of_text),
        )

    def _tokenized(self, texts: list[str]) -> Iterator[tuple[slice, Tokens]]:
        """Windows of ``texts`` with their tokens; beside an accelerator a thread tokenises the next one while it works on this one."""
        loaded = self._load()

        def prompted(window: slice) -> list[str]:
            return [self.prompt + text for text in texts[window]] if self.prompt else texts[window]

        if self.device.type == "cpu":
            for window in _windows(len(texts), _WINDOW):
                yield window, tokenize(loaded.tokenizer, prompted(window), loaded.max_tokens)
            return

        processes = self._taken_processes(len(texts))
        with ThreadPoolExecutor(1) as ahead:

            def begun(window: slice) -> Callable[[], Tokens]:
                of_window = prompted(window)
                if processes is not None:
                    chunks = processes.submit(of_window)
                    return lambda: joined(loaded.tokenizer, of_window, *_flat(chunks()))
                encodings = ahead.submit(encodings_of, loaded.tokenizer, of_window, loaded.max_tokens)
                return lambda: tokens_of(loaded.tokenizer, of_window, encodings.result())

            windows = list(_windows(len(texts), _FIRST_WINDOW))
            under_way = deque(begun(window) for window in windows[:_AHEAD])
            for i, window in enumerate(windows):
                answer = under_way.popleft()
                if i + _AHEAD < len(windows):
                    under_way.append(begun(windows[i + _AHEAD]))
                try:
                    tokens = answer()
                except ProcessEnded as error:
                    if processes is not None:
                        logger.warning("%s: %s, so texts are tokenised here", self.checkpoint.name, error)
                        processes = None
                    tokens = tokenize(loaded.tokenizer, prompted(window), loaded.max_tokens)
                yield window, tokens
        if processes is not None:  # whoever stops before leaves answers unread, and takes the processes along
            self._processes.append(processes)

    def _taken_processes(self, n_texts: int) -> TokenizerProcesses | None:
        """Those that are worth it for so many texts; the caller gives them back for the next call."""
        loaded = self._load()
        n, tokenizer = n_processes(), loaded.tokenizer
        if n_texts < _TEXTS_FOR_PROCESSES or not n or not getattr(tokenizer, "is_fast", False):
            return None
        if gives_types(tokenizer):
            return None
        try:
            return self._processes.pop()
        except IndexError:
            return TokenizerProcesses(compiled(tokenizer, loaded.max_tokens), n)

    def _encoded(self, tokens: Tokens, copies: NDArray[np.intp], progress: Callable[[int], None] | None) -> Tensor:
        """Vectors of a window on the device, float32; there they may still be being computed."""
        loaded = self._load()
        batches: list[tuple[NDArray[np.intp], Tensor]] = []
        vectors_of = self._forward(loaded, tokens)

        def forward(rows: NDArray[np.intp]) -> None:
            batches.append((rows, vectors_of(rows)))
            if progress is not None:
                progress(int(copies[rows].sum()))

        self.token_budget = run_in_batches(tokens.lengths, self.token_budget, forward)
        rows, of_batches = zip(*batches, strict=True)
        vectors = torch.empty(len(tokens.lengths), self.dimension, device=loaded.device)
        vectors[uploaded(np.concatenate(rows), loaded.device)] = torch.cat(of_batches)
        return vectors

    def _collect(self, texts: list[str], vectors: NDArray[np.float32], window: slice, of_window: _Vectors) -> None:
        """The vectors of a window, checked, in their place."""
        if of_window.on_host is not None:
            of_window.on_host.synchronize()
        if not of_window.finite.all():
            text = texts[window][int(of_window.finite.int().argmin())]
            raise EncoderError(
                f"{self.checkpoint.name}: the vector of {text[:80]!r} is not finite in {self.dtype}. "
                "Set encoder.dtype to float32; if that does not help, the weights are broken."
            )
        torch.from_numpy(vectors[window]).copy_(of_window.vectors)

    def _forward(self, loaded: Loaded, tokens: Tokens) -> Callable[[NDArray[np.intp]], Tensor]:
        """The vectors of some of the texts on the device, float32."""
        if loaded.packed is not None and (tokens.types is None or not tokens.types.any()):
            return loaded.packed.over(tokens, self.checkpoint.pooling)
        return partial(self._padded, loaded, tokens)

    @torch.inference_mode()
    def _padded(self, loaded: Loaded, tokens: Tokens, rows: NDArray[np.intp]) -> Tensor:
        """By the model's own forward pass."""
        device = loaded.device
        lengths = uploaded(tokens.lengths[rows], device)
        ids = uploaded(tokens.pad(rows, tokens.ids, loaded.pad_id), device)
        inputs = {"input_ids": ids}
        if tokens.types is not None:
            inputs["token_type_ids"] = uploaded(tokens.pad(rows, tokens.types, loaded.pad_type), device)
        if bool((tokens.lengths[rows] != ids.shape[1]).any()):  # without a mask attention takes its fastest kernel
            inputs["attention_mask"] = (torch.arange(ids.shape[1], device=device) < lengths[:, None]).long()
        hidden = loaded.model(**inputs).last_hidden_state
        return pool(hidden, lengths, self.checkpoint.pooling)

    def _load(self) -> Loaded:
        if not self._loaded:
            from recsat.embed.loading import load

            self._loaded.append(load(self.checkpoint, device=self.device, dtype=self.dtype, max_tokens=self.max_tokens))
        return self._loaded[0]


def _flat(chunks: list[Flat]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """One after the other."""
    ids, lengths = (np.concatenate(arrays) for arrays in zip(*chunks, strict=True))
    return ids.astype(np.int64), lengths.astype(np.intp)


def _windows(n: int, first: int) -> Iterator[slice]:
    start, size = 0, first
    while start < n:
        yield slice(start, start + size)
        start, size = start + size, min(2 * size, _WINDOW)
