"""How much length-sorted token budgets save over batches in order of arrival, on the texts of the bundled sample.

Every arm embeds the same texts in every round, in rotating order, so that what else the machine does falls on all alike.
Run: ``python tests/benchmarks/embedding.py --texts 400 --rounds 5``. Ratios of medians of CPU time; above 1 is faster.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from recsat.embed.packaged import MINILM, checked_packaged
from recsat.embed.pooling import pool
from recsat.embed.transformer import TransformerEncoder

Arm = Callable[[list[str]], NDArray[np.float32]]


def sample_texts(count: int, seed: int) -> list[str]:
    """Item and user texts of the content sample in equal parts, shuffled, without duplicates."""
    from recsat_content.config import ContentConfig
    from recsat_content.domain import CONTENT

    data = CONTENT.load(ContentConfig())
    users = data.events.select(pl.col("user_id").unique(maintain_order=True))
    history = data.events.sort("timestamp").join(data.items, on="item_id", how="left")
    items = CONTENT.describe_item(data.items).unique(maintain_order=True)
    people = CONTENT.describe_user(users, history).unique(maintain_order=True)
    half = min(count // 2, len(people))
    texts = [*people.sample(half, seed=seed), *items.sample(min(count - half, len(items)), seed=seed)]
    return pl.Series(texts).sample(fraction=1, shuffle=True, seed=seed).to_list()


def arrival_order(encoder: TransformerEncoder, size: int) -> Arm:
    """What people write first: batches of ``size`` texts as they come, padded to the longest of each."""
    loaded = encoder._load()

    def run(texts: list[str]) -> NDArray[np.float32]:
        vectors = []
        for start in range(0, len(texts), size):
            batch = loaded.tokenizer(
                texts[start : start + size],
                padding=True,
                truncation=True,
                max_length=loaded.max_tokens,
                return_tensors="pt",
            )
            with torch.inference_mode():
                hidden = loaded.model(**batch).last_hidden_state
                vectors.append(pool(hidden, batch["attention_mask"].sum(dim=1), "mean").numpy())
        return np.concatenate(vectors)

    return run


def budgeted(budget: int, *, packed: bool) -> Arm:
    encoder = TransformerEncoder(checked_packaged(MINILM), token_budget=budget, device="cpu")
    loaded = encoder._load()
    if not packed:
        encoder._loaded[0] = type(loaded)(**(vars(loaded) | {"packed": None}))
    elif loaded.packed is None:
        raise SystemExit("this model has no packed form here")
    return encoder.encode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budgets", type=int, nargs="+", default=[512])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    texts = sample_texts(options.texts, options.seed)
    plain = TransformerEncoder(checked_packaged(MINILM), device="cpu")
    arms: dict[str, Arm] = {"arrival order, batches of 32": arrival_order(plain, 32)}
    for budget in options.budgets:
        arms[f"sorted, {budget} tokens, padded"] = budgeted(budget, packed=False)
        arms[f"sorted, {budget} tokens, packed"] = budgeted(budget, packed=True)
    tokens = plain._load().tokenizer(texts)["input_ids"]
    print(
        f"{len(texts)} texts of {min(map(len, tokens))} to {max(map(len, tokens))} tokens, {sum(map(len, tokens))} in all"
    )
    reference, *others = (run(texts) for run in arms.values())  # also warms up
    for other in others:
        np.testing.assert_allclose(other, reference, atol=1e-5)
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for turn in range(options.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.process_time()
            arms[name](texts)
            seconds[name].append(time.process_time() - start)
    base = statistics.median(seconds[names[0]])
    for name, runs in seconds.items():
        middle = statistics.median(runs)
        print(f"{name:32} {middle:7.2f} CPU-s ({min(runs):.2f} to {max(runs):.2f})  {base / middle:5.2f} ×")


if __name__ == "__main__":
    main()
