"""The default arm against the best single arm of the same cell: several sets, protocols and seeds; writes docs/no-regret.md.

Run: ``RECSAT_DATA=… python tests/benchmarks/no_regret.py --out docs/no-regret.md``. Single arms take their parameters from the validation part, the default arm finds its
own inside ``fit``. With ``--shares FILE`` a second table divides the default arm's gain between words and the model. Judged are users with a history, by nDCG@10 of what they went on to like among the items that they had not liked before. Values of cells that were measured
before are read from ``--results`` and not measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from public_sets import SETS, PublicSet, read, vectors_of

from recsat.config.settings import SplitSettings
from recsat.contract.arm import Recommender
from recsat.contract.interactions import TrainingData, UserBatch, user_batch
from recsat.data.split import Split, split_events
from recsat.measure.differences import difference_intervals
from recsat.measure.discounts import discounts
from recsat.measure.draws import drawn_means
from recsat.plugins import load_plugins
from recsat.stages.trial.fold import ranked_in_validation

Values = NDArray[np.float64]
K = 10
PROTOCOLS = {
    "warm": SplitSettings(name="warm", protocol="random", test_share=0.2),
    "cold": SplitSettings(name="cold", protocol="cold-items", test_share=0.2),
    "both": SplitSettings(name="both", protocol="mixed", test_share=0.2),
    "timeline": SplitSettings(name="timeline", protocol="timeline", test_share=0.2),
    "last": SplitSettings(name="last", protocol="last-n", n_last=1),
}
DRAWN_ITEMS = ("cold", "both")
"""Protocols in which the seed draws items that all users share: how draws differ belongs to the interval."""
SINGLE = (
    "popularity",
    "popularity-recent",
    "item-knn",
    "ease",
    "ials",
    "text",
    "text-words",
    "aligned",
    "aligned-words",
    "ease-text",
    "ease-text-words",
    "linear-order",
    "linear-order-text",
)
SINGLES_NEEDED = {"popularity", "text", "text-words", "aligned", "aligned-words"}
READS_NOTHING_OF_UNSEEN = ("item-knn", "ease", "ials", "linear-order")


@dataclass(frozen=True)
class Part:
    """Who is judged on what: ``known`` events before, ``later`` likes after, among the items of ``universe`` (None: all)."""

    train: TrainingData
    users: UserBatch
    relevant: NDArray[np.bool_]
    allowed: NDArray[np.bool_]


def part(
    one: PublicSet,
    vectors: Mapping[str, Any],
    known: pl.DataFrame,
    later: pl.DataFrame,
    universe: pl.Series | None,
    protocol: str,
    seed: int,
) -> Part:
    everybody = known["user_id"].unique().sort().to_list()
    users = judged_users(later, known)
    now = later["timestamp"].min().timestamp() if protocol == "timeline" else None
    of_all = replace(user_batch(known, everybody, one.catalogue), now=now)
    train = TrainingData(one.catalogue, of_all, vectors, seed=seed, protocol=protocol, now=now)
    batch = replace(user_batch(known, users, one.catalogue), now=now)
    relevant = user_batch(later, users, one.catalogue).history.toarray() > 0
    allowed = np.broadcast_to(
        True if universe is None else one.catalogue.items["item_id"].is_in(universe.implode()).to_numpy(),
        relevant.shape,
    )
    return Part(train, batch, relevant, allowed & (batch.history.toarray() == 0))


def ndcg(arm: Recommender, one: Part, seed: int = 0) -> Values:
    """nDCG@10 of each user, NaN where nothing could be found; ties are drawn."""
    relevant = one.relevant & one.allowed
    generator = torch.Generator().manual_seed(seed)
    gains = []
    for first in range(0, len(one.users), 512):
        rows = slice(first, first + 512)
        scores = arm.score(one.users.take(rows)).masked_fill(torch.from_numpy(~one.allowed[rows]), float("-inf"))
        order = torch.rand(scores.shape, generator=generator).argsort(dim=1)
        top = torch.sort(scores.gather(1, order), dim=1, descending=True, stable=True).indices[:, :K]
        hits = torch.from_numpy(relevant[rows]).gather(1, order.gather(1, top))
        gains.append(hits.double().numpy() @ discounts(K)[: top.shape[1]])
    ideal = np.concatenate([[0.0], np.cumsum(discounts(K))])[relevant.sum(axis=1).clip(max=K)]
    return np.where(ideal > 0, np.concatenate(gains) / np.where(ideal > 0, ideal, 1), np.nan)


def settings_of(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def tuned(spec: Any, validation: Part) -> dict[str, Any]:
    """The point of the arm's grid that is best on the validation part."""
    points = list(settings_of(spec.grid))
    if len(points) < 2:
        return points[0]
    values = [float(np.nanmean(ndcg(spec.make(**point).fit(validation.train), validation))) for point in points]
    return points[int(np.argmax(values))]


def split_of(one: PublicSet, protocol: str, seed: int) -> tuple[Split, pl.DataFrame]:
    """The split and what is known before its test part."""
    settings = PROTOCOLS[protocol]
    events = one.events.drop_nulls("timestamp") if settings.protocol in ("timeline", "last-n") else one.events
    split: Split = split_events(events, pl.lit(True), settings, seed)
    return split, pl.concat([split.train, split.validation])


def judged_users(later: pl.DataFrame, known: pl.DataFrame) -> list[str]:
    return later.join(known, on="user_id", how="semi")["user_id"].unique().sort().to_list()


def parts_of(one: PublicSet, vectors: Mapping[str, Any], protocol: str, seed: int) -> tuple[Part, Part]:
    settings = PROTOCOLS[protocol]
    split, known = split_of(one, protocol, seed)
    ranked = ranked_in_validation(one.catalogue, split)
    return (
        part(one, vectors, split.train, split.validation, ranked, settings.protocol, seed),
        part(one, vectors, known, split.test, split.test_items, settings.protocol, seed),
    )


def cells(names: Sequence[str], protocols: Sequence[str], seeds: Sequence[int]) -> Iterator[tuple[str, str, int]]:
    for name, protocol, seed in product(names, protocols, seeds):
        has_order = SETS[name][2] or name == "scientific"
        if (protocol == "timeline" and not SETS[name][2]) or (protocol == "last" and not has_order):
            continue
        yield name, protocol, seed


def gap(one: Values, other: Values, protocol: str) -> tuple[float, float, float]:
    """Mean paired difference of (n_users, n_seeds) values and its 95 % interval.

    Where the seed draws items, over draws and users (:func:`~recsat.measure.draws.drawn_means`); elsewhere over users, a user's
    value the mean over seeds, by the symmetric bootstrap-t.
    """
    difference = one - other
    if protocol in DRAWN_ITEMS and difference.shape[1] > 1:
        interval = drawn_means(difference[:, None, :], confidence=0.95).intervals
    else:
        judged = difference[~np.isnan(difference).all(axis=1)]
        interval = difference_intervals(np.nanmean(judged, axis=1)[:, None], confidence=0.95, n_bootstrap=1000, seed=0)
    return float(interval.mean[0]), float(interval.low[0]), float(interval.high[0])


def mean_of(values: Values) -> float:
    """Over seeds of the mean over users, as in the interval; over users of their mean where no draw of items is shared."""
    return float(np.nanmean(np.nanmean(values, axis=0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--protocols", nargs="*", default=list(PROTOCOLS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[42])
    parser.add_argument("--arms", nargs="*", default=[*SINGLE, "hybrid", "hybrid-words"])
    parser.add_argument("--again", nargs="*", default=[], help="arms that are measured anew")
    parser.add_argument("--cache", type=Path, default=Path(".recsat/cache"))
    parser.add_argument("--results", type=Path, default=Path("no-regret"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--shares", type=Path, help="where the table of words' and model's shares goes")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    plugins = load_plugins()
    specs = plugins.recommenders(plugins.domain("content"))
    read_already: dict[str, tuple[PublicSet, Mapping[str, Any]]] = {}
    for name, protocol, seed in cells(options.sets, options.protocols, options.seeds):
        place = options.results / f"{name}-{protocol}-{seed}.json"
        values: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
        missing = [arm for arm in options.arms if arm not in values or arm in options.again]
        if protocol == "cold":
            missing = [arm for arm in missing if arm not in READS_NOTHING_OF_UNSEEN]
        if protocol != "timeline":
            missing = [arm for arm in missing if arm != "popularity-recent"]
        if missing:
            if name not in read_already:
                one = read(name)
                read_already[name] = one, vectors_of(one, options.cache)
            validation, test = parts_of(*read_already[name], protocol, seed)
        for arm in missing:
            began = time.process_time()
            point = {} if arm == "hybrid" else tuned(specs[arm], validation)
            fitted = specs[arm].make(**point).fit(test.train)
            seconds = time.process_time() - began
            values[arm] = {"parameters": point, "seconds": seconds, "ndcg": ndcg(fitted, test).tolist()}
            learnt = getattr(fitted, "summary", "")
            print(
                f"{name} {protocol} {seed} {arm}: {np.nanmean(values[arm]['ndcg']):.4f} {point} {seconds:.0f} s {learnt}",
                flush=True,
            )
            place.write_text(json.dumps(values))
    table = list(rows(options))
    page = PAGE + "\n".join(table) + "\n"
    print(page)
    if options.out:
        options.out.write_text(page)
    if options.shares:
        reads = {name: spec.reads for name, spec in specs.items()}
        options.shares.write_text(SHARES + "\n".join(share_rows(options, reads)) + "\n")


def pooled_cells(options: argparse.Namespace) -> Iterator[tuple[str, str, dict[str, Values], dict[str, float]]]:
    """Set, protocol, nDCG@10 (n_users, n_seeds) by arm, NaN where a seed does not judge a user, and CPU seconds of a fit by arm."""
    sets: dict[str, PublicSet] = {}
    for name, protocol in product(options.sets, options.protocols):
        files = [options.results / f"{name}-{protocol}-{seed}.json" for seed in options.seeds]
        if not all(file.exists() for file in files):
            continue
        by_seed = [json.loads(file.read_text()) for file in files]
        arms = set.intersection(*(set(one) for one in by_seed))
        if not arms >= SINGLES_NEEDED or "hybrid" not in arms:
            continue
        if name not in sets:
            sets[name] = read(name)
        splits = [split_of(sets[name], protocol, seed) for seed in options.seeds]
        users = [judged_users(split.test, known) for split, known in splits]
        values = {arm: aligned([one[arm]["ndcg"] for one in by_seed], users) for arm in arms}
        yield name, protocol, values, {arm: float(np.mean([one[arm]["seconds"] for one in by_seed])) for arm in arms}


def aligned(by_seed: Sequence[Sequence[float]], users: Sequence[Sequence[str]]) -> Values:
    """(n_users, n_seeds): each seed's values at the row of their user."""
    everybody = sorted(set().union(*users))
    rows = {user: row for row, user in enumerate(everybody)}
    values = np.full((len(everybody), len(users)), np.nan)
    for column, (of_seed, judged) in enumerate(zip(by_seed, users, strict=True)):
        values[[rows[user] for user in judged], column] = of_seed
    return values


def best_of(values: Mapping[str, Values], arms: Sequence[str]) -> str:
    return max(sorted(arms), key=lambda arm: mean_of(values[arm]))


def rows(options: argparse.Namespace) -> Iterator[str]:
    """A row for each set and protocol."""
    for name, protocol, pooled, seconds in pooled_cells(options):
        best = best_of(pooled, [arm for arm in pooled if not arm.startswith("hybrid")])
        mean, low, high = gap(pooled["hybrid"], pooled[best], protocol)
        value = mean_of(pooled[best])
        verdict = "above" if low > 0 else "**below**" if high < 0 else "level"
        judged = int((~np.isnan(pooled[best])).any(axis=1).sum())
        yield (
            f"| {name} | {protocol} | {judged:,} | {best} {value:.4f} | {mean_of(pooled['hybrid']):.4f} | {mean:+.4f} ({low:+.4f} to {high:+.4f}) | {mean / value:+.1%} | {verdict} | {seconds['hybrid']:.0f} |"
        )


def share_rows(options: argparse.Namespace, reads: Mapping[str, str]) -> Iterator[str]:
    """Whose the gain is: the default arm on words alone over the best arm that reads nothing, and the default arm over itself on words alone."""
    for name, protocol, pooled, seconds in pooled_cells(options):
        if "hybrid-words" not in pooled:
            continue
        nothing, words = (
            best_of(pooled, [arm for arm in pooled if reads[arm] == kind and not arm.startswith("hybrid")])
            for kind in ("nothing", "words")
        )
        cells = [f"{arm} {mean_of(pooled[arm]):.4f}" for arm in (nothing, words)]
        cells += [f"{mean_of(pooled[arm]):.4f}" for arm in ("hybrid-words", "hybrid")]
        for one, other in (("hybrid-words", nothing), ("hybrid", "hybrid-words")):
            mean, low, high = gap(pooled[one], pooled[other], protocol)
            marks = "**" if low > 0 or high < 0 else ""
            text = f"{marks}{mean:+.4f} ({low:+.4f} to {high:+.4f}){marks}"
            cells.append(text if np.isfinite(low) else "0, the same lists")
        yield f"| {name} | {protocol} | {' | '.join(cells)} | {seconds['hybrid']:.0f} |"


SHARES = """# Results: of the default arm's gain, what is the words' and what the model's

Made by `RECSAT_DATA=… python tests/benchmarks/no_regret.py --shares docs/results.md`, of the same fits as [Does the default arm ever lose?](no-regret.md), seed 42. `hybrid-words` is the
default arm with TF-IDF of the same texts alone, without a language model (all-MiniLM-L6-v2); the best arms of a kind are picked by the figures printed here, which is in their favour. nDCG@10 of users with a history,
differences paired, 95 %, symmetric bootstrap-t over users; in bold where the interval leaves out zero, which of so many rows one in twenty does by chance. On `cold` and `both` one draw of items is judged, and
these intervals do not hold what another draw would give: the demo draws five.

| set | split | best that reads nothing | best on words | hybrid-words | hybrid | the words' share | the model's share | fit, CPU s |
|---|---|---|---|---:|---:|---|---|---:|
"""

PAGE = """# Does the default arm ever lose?

Made by `RECSAT_DATA=… python tests/benchmarks/no_regret.py --out docs/no-regret.md`. In each cell the default arm is beside the *best single arm of that cell*, chosen by the test part itself,
which is in that arm's favour. nDCG@10 of users with a history; differences paired, 95 %: over users (symmetric bootstrap-t), and where items are drawn (`cold`, `both`) over draws and users together.

| set | split | users judged | best single arm | default arm | difference | relative | | fit, CPU s |
|---|---|---:|---|---:|---|---:|---|---:|
"""

if __name__ == "__main__":
    main()
