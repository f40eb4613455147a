"""Text and pictures together beside each alone, on the Amazon Scientific set with CLIP vectors.

Run: ``RECSAT_DATA=/data python tests/benchmarks/multimodal.py --seeds 0 1 2``. The folder amazon-scientific-multimodal under
``RECSAT_DATA`` has interactions.csv.gz (user_id, position, item_id, split), items.csv.gz, clip_text.npz and clip_image.npz;
its licence is unclear, so it is not part of this repository.

*published*: each user's last item is the test, the one before it validation; there is one such split. *cold*: a fifth of the
items, seeded, is unseen and ranked among itself; another fifth of the rest is the validation part. Ridge and weights are chosen
on validation; nDCG@10 on the test with 95 % intervals over users, differences user by user.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import torch
from folds import with_interval
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.arms.aligned import AlignedText
from recsat.arms.ease import Ease
from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Recommender
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.embed.fusion import fuse, ready_vectors

FOLDER = "amazon-scientific-multimodal"
SHARES = (0.9, 0.75, 0.6, 0.5, 0.4, 0.25)
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0)
ARMS = {"text": (1.0,), "image": (0.0,), "text + image": SHARES}


@dataclass(frozen=True)
class Part:
    """What is known, what was held out, and which items are ranked."""

    train: TrainingData
    held_out: csr_array
    ranked: NDArray[np.bool_]

    def ndcg(self, arm: Recommender) -> NDArray[np.float64]:
        """nDCG@10 of every user with something to find; items that are known of the user are not ranked."""
        users = np.flatnonzero(np.diff(self.held_out.indptr))
        scores = arm.score(self.train.users.take(users))
        excluded = torch.from_numpy((self.train.users.history[users].toarray() > 0) | ~self.ranked)
        top = scores.masked_fill(excluded, float("-inf")).topk(10, dim=1).indices
        hits = torch.from_numpy(self.held_out[users].toarray()).gather(1, top)
        discounts = 1 / torch.log2(torch.arange(2, 12, dtype=torch.float32))
        ideal = discounts.cumsum(0)[torch.from_numpy(np.diff(self.held_out.indptr)[users].clip(max=10) - 1).long()]
        return ((hits * discounts).sum(dim=1) / ideal).double().numpy()


def load(folder: Path) -> tuple[pl.DataFrame, Catalogue, dict[str, NDArray[np.float32]]]:
    """(interactions, catalogue, text and image vectors without their common part)."""
    events = pl.read_csv(folder / "interactions.csv.gz")
    items = pl.read_csv(folder / "items.csv.gz")
    table = pl.DataFrame({"item_id": items["item_id"].cast(pl.String), "kind": ["product"] * items.height})
    matrices = {f"clip-{name}": np.load(folder / f"clip_{name}.npz")["emb"] for name in ("text", "image")}
    vectors = ready_vectors(matrices, items.height, str(folder))
    return events, Catalogue(table), {name.removeprefix("clip-"): matrix for name, matrix in vectors.items()}


def published(folder: Path) -> tuple[Part, Part]:
    """(validation, test) of the split that the publisher gives."""
    events, catalogue, vectors = load(folder)
    everything = np.ones(len(catalogue), dtype=bool)
    known = events.filter(pl.col("split") == "train")
    return (
        _part(known, events.filter(pl.col("split") == "valid"), catalogue, vectors, everything),
        _part(
            events.filter(pl.col("split") != "test"),
            events.filter(pl.col("split") == "test"),
            catalogue,
            vectors,
            everything,
        ),
    )


def cold(folder: Path, seed: int) -> tuple[Part, Part]:
    """(validation, test): a fifth of the items unseen in the test, a fifth of the others unseen in validation."""
    events, catalogue, vectors = load(folder)
    order = np.random.default_rng(seed).permutation(len(catalogue))
    fifth = len(order) // 5
    parts = []
    for first in (fifth, 0):
        hidden = np.zeros(len(order), dtype=bool)
        hidden[order[first : first + fifth]] = True
        gone = np.zeros(len(order), dtype=bool)
        gone[order[:first]] = True
        held_out = pl.Series(hidden[events["item_id"].to_numpy()])
        known = pl.Series(~(hidden | gone)[events["item_id"].to_numpy()])
        parts.append(_part(events.filter(known), events.filter(held_out), catalogue, vectors, hidden))
    return parts[0], parts[1]


def _part(
    known: pl.DataFrame,
    held_out: pl.DataFrame,
    catalogue: Catalogue,
    vectors: Mapping[str, NDArray[np.float32]],
    ranked: NDArray[np.bool_],
) -> Part:
    n_users = 1 + int(pl.concat([known, held_out])["user_id"].max())  # type: ignore[arg-type]
    history = _matrix(known, n_users, len(catalogue))
    users = UserBatch([str(u) for u in range(n_users)], history)
    again = _matrix(held_out, n_users, len(catalogue))
    new = again - again.multiply(history)  # what was known already cannot be found
    new.eliminate_zeros()
    return Part(TrainingData(catalogue, users, vectors), csr_array(new), ranked)


def _matrix(pairs: pl.DataFrame, n_users: int, n_items: int) -> csr_array:
    pairs = pairs.unique(["user_id", "item_id"]).sort("user_id", "item_id")
    cells = (pairs["user_id"].to_numpy(), pairs["item_id"].to_numpy())
    return csr_array((np.ones(pairs.height, dtype=np.float32), cells), shape=(n_users, n_items))


def fused(train: TrainingData, text_share: float) -> TrainingData:
    """The same with the fused vectors as the text's."""
    return replace(train, vectors={"text": fuse(train.vectors, {"text": text_share, "image": 1 - text_share})})


def compare(validation: Part, test: Part, label: str) -> dict[str, NDArray[np.float64]]:
    """Prints and returns nDCG@10 of every arm and modality on the test, chosen on validation."""
    ndcg: dict[str, NDArray[np.float64]] = {}
    for arm, ridges in (("cosine", (None,)), ("aligned", RIDGES)):

        def fit(part: Part, share: float, l2: float | None) -> Recommender:
            recommender = TextSimilarity(vector="text") if l2 is None else AlignedText(l2=l2)
            return recommender.fit(fused(part.train, share))

        for name, shares in ARMS.items():
            settings = list(product(shares, ridges))
            best = max(settings, key=lambda setting: float(validation.ndcg(fit(validation, *setting)).mean()))
            values = ndcg[f"{arm} {name}"] = test.ndcg(fit(test, *best))
            print(f"{label:16} {arm} {name:14} {with_interval(values)}  text share {best[0]}, l2 {best[1]}", flush=True)
        both = ndcg[f"{arm} text + image"]
        for name in ("text", "image"):
            print(f"{label:16} {arm} both minus {name:8} {with_interval(both - ndcg[f'{arm} {name}'])}", flush=True)
    return ndcg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="Of the cold splits.")
    options = parser.parse_args()
    folder = Path(os.environ["RECSAT_DATA"]) / FOLDER
    validation, test = published(folder)
    compare(validation, test, "published")
    l2 = max(
        (50.0, 100.0, 200.0, 400.0),
        key=lambda ridge: float(validation.ndcg(Ease(l2=ridge).fit(validation.train)).mean()),
    )
    print(
        f"{'published':16} ease (no texts, no pictures) {with_interval(test.ndcg(Ease(l2=l2).fit(test.train)))}  l2 {l2}"
    )
    for seed in options.seeds:
        compare(*cold(folder, seed), f"cold, seed {seed}")


if __name__ == "__main__":
    main()
