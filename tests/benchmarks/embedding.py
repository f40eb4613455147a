"""What a token costs the encoder on a CPU, beside its peers and the roof: CPU microseconds, one thread, ratios of medians.

Three kinds of text of the bundled samples: film titles, names of gifts, users' profiles. Every arm embeds the same texts in
every round, in rotating order, so that what else the machine does falls on all alike. The roof is the matrix products of the
model alone, at 512 tokens, in the faster of torch's two forms (see ``recsat.embed.linear``). Peers, each where it is installed:

- sentence-transformers, batches of 32, its default;
- ONNX Runtime with its BERT fusions, batches of 16 sorted by length; needs ``onnx`` as well, to write the model.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/embedding.py``. Prints a table of µs a token; the exit status is 1 where float32
is slower than a peer, less than .85 of the roof, or its vectors are not a peer's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import nn

from recsat.embed.linear import ROWS, by_onednn, by_torch
from recsat.embed.packaged import MINILM, checked_packaged
from recsat.embed.tokens import tokenize
from recsat.embed.transformer import TransformerEncoder
from recsat.plugins import load_plugins

Encode = Callable[[list[str]], NDArray[np.float32]]
SHARE_OF_ROOF = 0.85


def sample_texts(count: int, seed: int) -> dict[str, list[str]]:
    """Up to ``count`` distinct texts of each kind."""
    plugins = load_plugins(["content", "ecommerce"])
    content, shop = plugins.domain("content"), plugins.domain("ecommerce")
    films, gifts = content.load(content.config()), shop.load(shop.config())
    users = films.events.select(pl.col("user_id").unique(maintain_order=True))
    history = films.events.sort("timestamp").join(films.items, on="item_id", how="left")
    series = {
        "film titles": content.describe_item(films.items),
        "gift names": shop.describe_item(gifts.items),
        "profiles": content.describe_user(users, history),
    }
    distinct = {kind: texts.unique(maintain_order=True) for kind, texts in series.items()}
    return {kind: texts.sample(min(count, len(texts)), seed=seed).to_list() for kind, texts in distinct.items()}


def sentence_transformers(folder: Path) -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: np.asarray(model.encode(texts, batch_size=32, show_progress_bar=False))


def onnx_runtime(encoder: TransformerEncoder, place: Path, size: int = 16) -> Encode:
    import onnxruntime
    from onnxruntime.transformers import optimizer
    from transformers import AutoModel

    class States(nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            return states

    folder, path = encoder.checkpoint.folder, str(place / "model.onnx")
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", add_pooling_layer=False).eval()
    ids = torch.ones((2, 9), dtype=torch.int64)
    axes = {name: {0: "texts", 1: "tokens"} for name in ("ids", "mask", "states")}
    torch.onnx.export(
        States(model), (ids, ids), path, input_names=["ids", "mask"], output_names=["states"], dynamic_axes=axes,
        dynamo=False, opset_version=17,
    )  # fmt: skip
    config = model.config
    optimizer.optimize_model(
        path, model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
    ).save_model_to_file(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    loaded = encoder._load()

    def run(texts: list[str]) -> NDArray[np.float32]:
        tokens = tokenize(loaded.tokenizer, texts, loaded.max_tokens)
        order = np.argsort(-tokens.lengths, kind="stable")
        vectors = np.empty((len(texts), encoder.dimension), dtype=np.float32)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            padded = tokens.pad(rows, tokens.ids, loaded.pad_id)
            mask = (np.arange(padded.shape[1]) < tokens.lengths[rows, None]).astype(np.int64)
            (states,) = session.run(None, {"ids": padded, "mask": mask})
            mean = (states * mask[:, :, None]).sum(axis=1)
            vectors[rows] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors

    return run


def products(encoder: TransformerEncoder) -> dict[str, Callable[[], object]]:
    """All matrix products of a model for 512 tokens, in each form."""
    shapes = []
    for layer in encoder._load().model.encoder.layer:  # type: ignore[attr-defined, union-attr]
        query, dense = layer.attention.self.query, layer.attention.output.dense
        both = ((query.in_features, 3 * query.out_features), (dense.in_features, dense.out_features))
        shapes += [
            *both,
            *((part.in_features, part.out_features) for part in (layer.intermediate.dense, layer.output.dense)),
        ]
    works = {}
    for name, form in (("MKL", by_torch), ("oneDNN", by_onednn)):
        layers = [
            (form(torch.randn(n_out, n_in), torch.randn(n_out)), torch.randn(ROWS, n_in)) for n_in, n_out in shapes
        ]
        works[name] = lambda layers=layers: [layer(x) for layer, x in layers]
    return works


def seconds(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each, interleaved, after one call of each that warms up."""
    runs: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    names = list(works)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.process_time()
            works[name]()
            runs[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in runs.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = checked_packaged(MINILM)
    encoder = TransformerEncoder(folder, device="cpu")
    arms: dict[str, Encode] = {
        "recsat": encoder.encode,
        "recsat bfloat16": TransformerEncoder(folder, device="cpu", dtype="bfloat16").encode,
    }
    peers = []
    if find_spec("sentence_transformers"):
        arms["sentence-transformers"] = sentence_transformers(folder)
        peers.append("sentence-transformers")
    if find_spec("onnxruntime") and find_spec("onnx"):
        with tempfile.TemporaryDirectory() as place:
            arms["ONNX Runtime"] = onnx_runtime(encoder, Path(place))
        peers.append("ONNX Runtime")
    loaded = encoder._load()
    failures = [] if peers else ["no peer is installed: nothing was compared"]
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}; CPU µs a token")
    for kind, texts in sample_texts(options.texts, options.seed).items():
        n_tokens = int(tokenize(loaded.tokenizer, texts, loaded.max_tokens).lengths.sum())
        works: dict[str, Callable[[], object]] = {
            name: lambda encode=encode, texts=texts: encode(texts) for name, encode in arms.items()
        }
        middle = seconds(works | products(encoder), options.rounds)
        cost = {name: 1e6 * middle[name] / n_tokens for name in arms}
        forms = {name: 1e6 * middle[name] / ROWS for name in ("MKL", "oneDNN")}
        print(f"{kind}: {len(texts)} texts, {n_tokens / len(texts):.0f} tokens each; products alone: "
              + ", ".join(f"{name} {value:.0f}" for name, value in forms.items()))  # fmt: skip
        exact = arms["recsat"](texts)
        for name, value in cost.items():
            vectors = arms[name](texts)
            cosine = float((vectors * exact).sum(axis=1).min())
            print(
                f"  {name:22} {value:6.0f}   {value / cost['recsat']:.2f} × recsat's   least cosine to recsat's {cosine:.7f}"
            )
            if name in peers and value < cost["recsat"]:
                failures.append(f"{kind}: {name} is {cost['recsat'] / value:.2f} × as fast")
            if name in peers and cosine < 1 - 1e-6:
                failures.append(f"{kind}: {name} gives other vectors, least cosine {cosine:.7f}")
        share = min(forms.values()) / cost["recsat"]
        print(f"  {'share of the roof':22} {share:6.2f}")
        if share < SHARE_OF_ROOF:
            failures.append(f"{kind}: {share:.2f} of the roof")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
