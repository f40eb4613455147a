"""The text encoder: any BERT, GPT or XLNet-style transformer, pooled to one unit vector a text."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

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

_WINDOW = 32_768
"""Texts that are tokenised and sorted together: bounds the memory that token ids take."""
_FIRST_WINDOW = 4_096
"""The first window where an accelerator waits for it; each next one is twice as large, up to :data:`_WINDOW`."""
_AHEAD = 3
"""Windows that are tokenised before an accelerator asks for them."""
_TEXTS_FOR_PROCESSES = 50_000
"""From so many texts on an accelerator is worth the half second that processes of the tokenizer take to start."""


UNKNOWN = ("[UNK]", "<unk>")
"""How tokenizers call what they do not know."""


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
        under_way: deque[tuple[slice, Tensor]] = deque()
        for window, tokens in self._tokenized(unique):
            under_way.append((window, self._encoded(tokens, copies[window], progress)))
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

        processes = self._tokenizer_processes(len(texts))

        def begun(window: slice) -> Callable[[], Tokens]:
            of_window = prompted(window)
            if processes is None:
                encodings = ahead.submit(encodings_of, loaded.tokenizer, of_window, loaded.max_tokens)
                return lambda: tokens_of(loaded.tokenizer, of_window, encodings.result())
            chunks = processes.submit(ahead, of_window)
            return lambda: self._gathered(of_window, chunks)

        with ThreadPoolExecutor(1 if processes is None else processes.n) as ahead:
            windows = list(_windows(len(texts), _FIRST_WINDOW))
            under_way = deque(begun(window) for window in windows[:_AHEAD])
            for i, window in enumerate(windows):
                tokens = under_way.popleft()
                if i + _AHEAD < len(windows):
                    under_way.append(begun(windows[i + _AHEAD]))
                yield window, tokens()

    def _tokenizer_processes(self, n_texts: int) -> TokenizerProcesses | None:
        """Those that are worth it for so many texts; kept for the next call."""
        loaded = self._load()
        n, tokenizer = n_processes(), loaded.tokenizer
        if n_texts < _TEXTS_FOR_PROCESSES or not n or not getattr(tokenizer, "is_fast", False):
            return None
        if gives_types(tokenizer):
            return None
        if not self._processes:
            self._processes.append(TokenizerProcesses(compiled(tokenizer, loaded.max_tokens), n))
        return self._processes[0]

    def _gathered(self, texts: list[str], chunks: Sequence[Future[Flat]]) -> Tokens:
        loaded = self._load()
        try:
            of_chunks = [chunk.result() for chunk in chunks]
        except ProcessEnded as error:
            logger.warning("%s: %s, so these texts are tokenised here", self.checkpoint.name, error)
            self._processes.clear()
            return tokenize(loaded.tokenizer, texts, loaded.max_tokens)
        ids, lengths = (np.concatenate(arrays) for arrays in zip(*of_chunks, strict=True))
        return joined(loaded.tokenizer, texts, ids.astype(np.int64), lengths.astype(np.intp))

    def _encoded(self, tokens: Tokens, copies: NDArray[np.intp], progress: Callable[[int], None] | None) -> Tensor:
        """Vectors of a window on the device, float32; there they may still be being computed."""
        loaded = self._load()
        batches: list[tuple[NDArray[np.intp], Tensor]] = []

        def forward(rows: NDArray[np.intp]) -> None:
            batches.append((rows, self._forward(loaded, tokens, rows)))
            if progress is not None:
                progress(int(copies[rows].sum()))

        self.token_budget = run_in_batches(tokens.lengths, self.token_budget, forward)
        rows, of_batches = zip(*batches, strict=True)
        vectors = torch.empty(len(tokens.lengths), self.dimension, device=loaded.device)
        vectors[uploaded(np.concatenate(rows), loaded.device)] = torch.cat(of_batches)
        return vectors

    def _collect(self, texts: list[str], vectors: NDArray[np.float32], window: slice, of_window: Tensor) -> None:
        """The vectors of a window, checked and fetched to the host."""
        bad = ~torch.isfinite(of_window).all(dim=1)
        if bad.any():
            text = texts[window][int(bad.int().argmax())]
            raise EncoderError(
                f"{self.checkpoint.name}: the vector of {text[:80]!r} is not finite in {self.dtype}. "
                "Set encoder.dtype to float32; if that does not help, the weights are broken."
            )
        if of_window.device.type == "cuda":  # into pageable memory the copy took 45 times as long
            of_window = torch.empty(of_window.shape, pin_memory=True).copy_(of_window)
        torch.from_numpy(vectors[window]).copy_(of_window)

    @torch.inference_mode()
    def _forward(self, loaded: Loaded, tokens: Tokens, rows: NDArray[np.intp]) -> Tensor:
        """Vectors of some texts on the device, float32."""
        if loaded.packed is not None and (tokens.types is None or not tokens.types.any()):
            return loaded.packed.pooled(tokens.flat(rows), tokens.lengths[rows], self.checkpoint.pooling)
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


def _windows(n: int, first: int) -> Iterator[slice]:
    start, size = 0, first
    while start < n:
        yield slice(start, start + size)
        start, size = start + size, min(2 * size, _WINDOW)
