"""The next item on public sequences: the last item of each user among all that they have not met, every choice made on the item before it.

Run: ``RECSAT_DATA=… python tests/benchmarks/next_item.py beauty-llamarec --out docs/next-item-beauty-llamarec.md``; sets: ``beauty-llamarec``, ``beauty-p5``,
``scientific``. Arms are fitted on all but each user's last item, with the parameters that are best by nDCG@10 for the item before it when they are fitted on what came before
that one. Items that the user has met are left out of the ranking; ties are broken at random. Ranks of arms that were measured before are read from ``--results`` and not measured again.
Arms called ``irspack-…`` are those of irspack (``pip install irspack``), tuned in the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Self

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

from recsat import RunConfig
from recsat.contract.arm import Recommender
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.embed.cache import embed_texts
from recsat.embed.centre import centre
from recsat.embed.words import word_vectors
from recsat.measure.differences import difference_intervals
from recsat.measure.intervals import bootstrap_intervals
from recsat.plugins import load_plugins

Values = NDArray[np.float64]
SETS: Mapping[str, tuple[str, str, str, str]] = {
    "beauty-llamarec": ("amazon-beauty-2014", "llamarec_interactions", "llamarec_items", "title"),
    "beauty-p5": ("amazon-beauty-2014", "interactions", "items", "title"),
    "scientific": ("amazon-scientific-multimodal", "interactions", "items", "text"),
}
K = 10


@dataclass(frozen=True)
class Candidate:
    """An arm and the values of its parameters that are tried; those of ``at_scoring`` need no other fit."""

    arm: str
    grid: Mapping[str, tuple[float | None, ...]]
    at_scoring: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


DECAYS = {"history_decay": (2.0, 4.0, 8.0, None)}
CANDIDATES: Mapping[str, Candidate] = {
    "popularity": Candidate("popularity", {}),
    "text": Candidate("text", {}),
    "ease": Candidate("ease", {"l2": (100.0, 300.0)}),
    "linear-order": Candidate("linear-order", {"l2": (20.0, 50.0, 150.0)}, DECAYS),
    "linear-order-text-words": Candidate("linear-order-text-words", {"prior": (30.0, 100.0, 200.0)}, DECAYS),
    "linear-order-text": Candidate("linear-order-text", {"prior": (30.0, 100.0, 200.0)}, DECAYS),
    "hybrid-words": Candidate("hybrid-words", {}),
    "hybrid": Candidate("hybrid", {}),
    "sequence": Candidate("sequence", {}, fixed={"batch": 128}),
    "irspack-ials": Candidate(
        "irspack-ials", {"reg": (1e-4, 1e-3, 1e-2), "alpha0": (0.003, 0.01, 0.03)}, fixed={"n_components": 128}
    ),
    "irspack-rp3beta": Candidate("irspack-rp3beta", {"beta": (0.2, 0.5, 0.8)}, fixed={"top_k": 200}),
}
PEERS = {"irspack-ials": "IALSRecommender", "irspack-rp3beta": "RP3betaRecommender"}
PAIRS = (
    ("linear-order", "ease"),
    ("linear-order-text-words", "linear-order"),
    ("linear-order-text", "linear-order"),
    ("linear-order-text", "linear-order-text-words"),
    ("hybrid", "ease"),
    ("hybrid", "linear-order-text"),
    ("hybrid", "hybrid-words"),
    ("hybrid", "sequence"),
    ("linear-order-text", "sequence"),
    ("hybrid", "irspack-ials"),
    ("hybrid", "irspack-rp3beta"),
)


class Irspack:
    """An arm of irspack: what these benchmarks need of a recommender."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.name, self.settings = name, settings

    def fit(self, train: TrainingData) -> Self:
        import irspack  # a peer, no dependency

        self.fitted = getattr(irspack, PEERS[self.name])(csr_matrix(train.users.history), **self.settings).learn()
        return self

    def score(self, users: UserBatch) -> torch.Tensor:
        return torch.from_numpy(self.fitted.get_score_cold_user(csr_matrix(users.history)))


def read(name: str) -> tuple[Catalogue, pl.DataFrame, pl.Series]:
    """The catalogue, (user, item, position) with both as row numbers, and the texts."""
    folder, interactions, items, column = SETS[name]
    place = Path(os.environ.get("RECSAT_DATA", "../shared/data")) / folder
    table = pl.read_csv(place / f"{items}.csv.gz", schema_overrides={"item_id": pl.String})
    events = pl.read_csv(
        place / f"{interactions}.csv.gz", schema_overrides={"user_id": pl.String, "item_id": pl.String}
    )
    catalogue = Catalogue(table.select("item_id", kind=pl.lit("product"), title=pl.col(column).fill_null("")))
    events = events.sort("user_id", "position").with_columns(
        item=pl.Series(catalogue.positions(events.sort("user_id", "position")["item_id"])),
        user=pl.col("user_id").rank("dense").cast(pl.Int64) - 1,
        back=pl.int_range(pl.len(), 0, -1).over("user_id") - 1,
    )
    return catalogue, events, catalogue.items["title"]


def histories(events: pl.DataFrame, n_users: int, n_items: int) -> UserBatch:
    """Liked items with the last position of each as its time."""
    pairs = events.group_by("user", "item").agg(pl.col("position").max()).sort("user", "item")
    places = pairs["user"].to_numpy(), pairs["item"].to_numpy()
    shape = n_users, n_items
    history = csr_array((np.ones(len(pairs), dtype=np.float32), places), shape=shape)
    times = csr_array((pairs["position"].to_numpy().astype(np.float64) + 1, places), shape=shape)
    return UserBatch([str(user) for user in range(n_users)], history, times)


def ranks(arm: Recommender, users: UserBatch, target: NDArray[np.int64], seed: int = 0) -> NDArray[np.int64]:
    """1 for the first; an item that was met before and comes again is ranked among the others, all that was met else is out."""
    jitter = np.random.default_rng(seed)
    result = np.zeros(len(users), dtype=np.int64)
    for first in range(0, len(users), 512):
        batch, targets = users.take(slice(first, first + 512)), torch.tensor(target[first : first + 512])[:, None]
        scores = arm.score(batch)
        at = scores.gather(1, targets)
        scores = scores.masked_fill(torch.from_numpy(batch.history.toarray() > 0), float("-inf"))
        scores.scatter_(1, targets, at)
        ties = ((scores == at).sum(dim=1) - 1).numpy()
        result[first : first + 512] = 1 + (scores > at).sum(dim=1).numpy() + jitter.integers(0, ties + 1)
    return result


def ndcg(places: NDArray[np.int64]) -> Values:
    return np.where(places <= K, 1 / np.log2(1 + places), 0.0)


def settings_of(grid: Mapping[str, tuple[float | None, ...]]) -> Iterator[dict[str, float | None]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def with_interval(values: Values) -> str:
    one = bootstrap_intervals(values[:, None], confidence=0.95, n_bootstrap=1000, seed=0)
    return f"{one.mean[0]:.4f} ({one.low[0]:.4f} to {one.high[0]:.4f})"


def difference(one: Values, other: Values) -> str:
    gap = difference_intervals((one - other)[:, None], confidence=0.95, n_bootstrap=1000, seed=0)
    return f"{gap.mean[0]:+.4f} ({gap.low[0]:+.4f} to {gap.high[0]:+.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=SETS)
    parser.add_argument("--cache", type=Path, default=Path(".recsat/cache"))
    parser.add_argument("--encoder", type=Path, help="folder of another sentence encoder than the packaged one")
    parser.add_argument("--arms", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--results", type=Path, default=Path("next-item"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    catalogue, events, texts = read(options.name)
    n_users, n_items = events["user"].n_unique(), len(catalogue)
    plugins = load_plugins()
    settings = {"name": "transformer", "model": str(options.encoder)} if options.encoder else {}
    config = RunConfig.model_validate({"encoder": settings})
    encoder = plugins.encoder(config.encoder.name).make(config.encoder)
    raw = embed_texts(texts, encoder, options.cache).vectors
    vectors = {"raw": raw, "text": centre(raw)[0], "words": centre(word_vectors(texts.to_list(), raw.shape[1]))[0]}
    specs = plugins.recommenders(plugins.domain("ecommerce"))

    def train_on(after: int) -> tuple[TrainingData, UserBatch, NDArray[np.int64]]:
        """What is known when the last ``after`` items of each user are not, its users, and the next item of each."""
        known = histories(events.filter(pl.col("back") >= after), n_users, n_items)
        target = events.filter(pl.col("back") == after - 1).sort("user")["item"].to_numpy()
        return TrainingData(catalogue, known, vectors, seed=0, protocol="last-n"), known, target

    def arm_of(arm: str, settings: Mapping[str, Any]) -> Any:
        return Irspack(arm, **settings) if arm in PEERS else specs[arm].make(**settings)

    options.results.mkdir(parents=True, exist_ok=True)
    measured = options.name if options.encoder is None else f"{options.name}-{options.encoder.name}"
    values: dict[str, NDArray[np.int64]] = {}
    lines = []
    for name in options.arms:
        candidate, place = CANDIDATES[name], options.results / f"{measured}-{name}.json"
        if place.exists():
            before = json.loads(place.read_text())
            values[name] = np.array(before["ranks"])
            lines.append(before["line"])
            continue
        began = time.process_time()
        train, users, target = train_on(2)
        best: tuple[float, dict[str, float | None]] = (-1.0, {})
        points = settings_of(candidate.grid) if candidate.grid or candidate.at_scoring else ()
        for setting in points:
            arm = arm_of(candidate.arm, {**candidate.fixed, **setting}).fit(train)
            for late in settings_of(candidate.at_scoring):
                vars(arm).update(late)
                best = max(
                    best, (float(ndcg(ranks(arm, users, target)).mean()), setting | late), key=lambda one: one[0]
                )
        tuned = time.process_time() - began
        train, users, target = train_on(1)
        began = time.process_time()
        arm = arm_of(candidate.arm, {**candidate.fixed, **best[1]}).fit(train)
        fitted = time.process_time() - began
        values[name] = ranks(arm, users, target)
        hits = (values[name] <= K).astype(np.float64)
        parameters = ", ".join(f"{key} {value}" for key, value in best[1].items())
        lines.append(
            f"| {name} | {with_interval(hits)} | {with_interval(ndcg(values[name]))} | {f'{best[0]:.4f}' if best[1] else '–'} | {parameters} | {fitted:.0f} | {tuned:.0f} |"
        )
        print(lines[-1], flush=True)
        place.write_text(json.dumps({"line": lines[-1], "ranks": values[name].tolist()}))
    gaps = [
        f"| {one} − {other} | {difference((values[one] <= K) * 1.0, (values[other] <= K) * 1.0)} | {difference(ndcg(values[one]), ndcg(values[other]))} |"
        for one, other in PAIRS
        if {one, other} <= set(values)
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    page = (
        f"{n_users:,} users, {n_items:,} items, {len(events):,} interactions.\n\n"
        "| arm | R@10 | nDCG@10 | nDCG@10 for the item before | parameters | fit, CPU s | choice, CPU s |\n|---|---|---|---|---|---:|---:|\n"
        + "\n".join(lines)
        + "\n\n| difference | R@10 | nDCG@10 |\n|---|---|---|\n"
        + "\n".join(gaps)
        + f"\n\nPeak memory {peak:.1f} GiB.\n"
    )
    print(page)
    if options.out:
        options.out.write_text(f"# The next item: {options.name}\n\n{INTRODUCTION}\n\n{page}")


INTRODUCTION = (
    "Made by `RECSAT_DATA=… python tests/benchmarks/next_item.py NAME --out FILE`. Each user's last item is ranked among all items that the user has not met "
    "(a met item that comes again is ranked too); every parameter is chosen for the item before the last, from what came before that; the arm is then fitted on all but the last. "
    "Intervals are 95 % over users, differences paired."
)

if __name__ == "__main__":
    main()
