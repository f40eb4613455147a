"""The default arm against the best single arm in made-up worlds that are odd: nobody has taste, everything is liked once, texts mislead, one user has half of all likes.

Run: ``python tests/benchmarks/odd_worlds.py --protocols warm both last timeline cold``. One draw each; what is measured, and how single arms are tuned, is as in
``no_regret.py``. Intervals are over users alone, so that `cold` and `both`, whose users share the drawn items, say less than they seem to.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from no_regret import PROTOCOLS, READS_NOTHING_OF_UNSEEN, SINGLE, ndcg, parts_of, tuned
from numpy.typing import NDArray
from public_sets import PublicSet, vectors_of

from recsat.contract.interactions import Catalogue
from recsat.measure.differences import difference_intervals
from recsat.plugins import load_plugins

START = datetime(2022, 1, 1, tzinfo=UTC)
YEAR = 3e7
BRANDS = ("acme", "zenit", "orion", "kappa", "lumen", "boreal", "tundra", "sierra", "vortex", "nimbus")
NOUNS = (
    *("lamp", "chair", "stone", "river", "cloud", "engine", "garden", "mirror", "violin"),
    *("harbor", "candle", "ladder", "bottle", "castle", "forest", "pillow", "rocket", "camera"),
)
Like = tuple[int, int, float]
"""User, item, second."""
Rng = np.random.Generator
FEWEST_USERS = 10
"""Of whom a row says anything."""


@dataclass(frozen=True)
class World:
    likes: Sequence[Like]
    texts: Sequence[str]

    def as_set(self, name: str) -> PublicSet:
        users, items, seconds = zip(*self.likes, strict=True)
        events = pl.DataFrame(
            {
                "user_id": [f"u{user:05}" for user in users],
                "item_id": [f"i{item:05}" for item in items],
                "timestamp": [START + timedelta(seconds=float(second)) for second in seconds],
            },
            schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
        )
        events = events.unique(["user_id", "item_id"], keep="last", maintain_order=True)
        catalogue = pl.DataFrame({"item_id": [f"i{item:05}" for item in range(len(self.texts))], "title": self.texts})
        likes = events.with_columns(event=pl.lit("like"), value=pl.lit(1.0))
        return PublicSet(name, Catalogue(catalogue.with_columns(kind=pl.lit("item"))), list(self.texts), likes, True)


def titles(rng: Rng, tastes: NDArray[np.int64]) -> list[str]:
    return [f"{BRANDS[taste % 10]} {' '.join(rng.choice(NOUNS, 3, replace=False))}" for taste in tastes]


def of_taste(
    rng: Rng,
    n_users: int,
    weights: NDArray[np.float64],
    n_tastes: int,
    lengths: tuple[int, int],
    same: float,
    fashion: Callable[[float], NDArray[np.float64]] | None = None,
) -> World:
    """Users draw items by their ``weights``, those of the user's taste ``same`` times as often, and from a moment of their own on one an hour."""
    tastes = rng.integers(n_tastes, size=len(weights))
    likes: list[Like] = []
    for user in range(n_users):
        moment, taste, length = rng.random() * YEAR, rng.integers(n_tastes), rng.integers(*lengths)
        p = weights * np.where(tastes == taste, same, 1.0) * (1.0 if fashion is None else fashion(moment))
        items = rng.choice(len(weights), min(length, len(weights)), replace=False, p=p / p.sum())
        likes += [(user, int(item), moment + 3600 * place) for place, item in enumerate(items)]
    return World(likes, titles(rng, tastes))


def zipf(n: int, power: float) -> NDArray[np.float64]:
    return np.arange(1.0, n + 1) ** -power


def single_copies(rng: Rng) -> World:
    """Everything is liked once, by somebody of its taste."""
    owners = np.repeat(np.arange(150), 8)
    seconds = rng.random(len(owners)) * YEAR
    likes = [(int(user), item, float(second)) for item, (user, second) in enumerate(zip(owners, seconds, strict=True))]
    return World(likes, titles(rng, owners))


def ring(rng: Rng) -> World:
    """Everybody goes round 200 items from a place of their own."""
    likes: list[Like] = []
    for user in range(400):
        start = rng.integers(200)
        likes += [
            (user, int(start + place) % 200, 3600.0 * place + rng.random()) for place in range(rng.integers(4, 12))
        ]
    return World(likes, titles(rng, rng.integers(10, size=200)))


def chains(rng: Rng) -> World:
    """What comes next depends on what was last, of 80 items; lists of 60 steps."""
    P = rng.dirichlet(np.full(80, 0.05), size=80)
    likes: list[Like] = []
    for user in range(150):
        item = int(rng.integers(80))
        for place in range(60):
            likes.append((user, item, 10.0 * user + 3600 * place))
            item = int(rng.choice(80, p=P[item]))
    return World(likes, titles(rng, rng.integers(10, size=80)))


def in_fashion(rng: Rng) -> World:
    """Each item is liked around a moment of its own."""
    centres = np.linspace(0, YEAR, 300)
    return of_taste(
        rng, 500, np.ones(300), 5, (4, 12), 3, lambda moment: np.exp(-(((centres - moment) / 2e6) ** 2)) + 1e-6
    )


def one_hit(rng: Rng) -> World:
    """Nearly everybody likes the first item."""
    return of_taste(rng, 300, np.concatenate([[25_000.0], np.ones(499)]), 6, (4, 12), 15)


def one_heavy(rng: Rng) -> World:
    """One user likes nearly everything."""
    world = of_taste(rng, 200, zipf(600, 0.6), 6, (4, 10), 10)
    return World([*world.likes, *((999, item, 60.0 * item) for item in range(550))], world.texts)


def everybody_everything(rng: Rng) -> World:
    likes = [(user, int(item), 100.0 * user + item) for user in range(60) for item in rng.permutation(40)[:36]]
    return World(likes, titles(rng, rng.integers(5, size=40)))


def other_texts(rng: Rng) -> World:
    """Each item has the text of another."""
    world = of_taste(rng, 400, zipf(300, 0.6), 6, (5, 20), 15)
    return World(world.likes, [world.texts[item] for item in rng.permutation(300)])


def few_texts(rng: Rng) -> World:
    """Four items of five have no text."""
    world = of_taste(rng, 300, zipf(250, 0.8), 5, (5, 20), 12)
    return World(world.likes, [text if item % 5 == 0 else "" for item, text in enumerate(world.texts)])


WORLDS: dict[str, Callable[[Rng], World]] = {
    "no taste": lambda rng: of_taste(rng, 400, zipf(300, 1.0), 5, (5, 20), 1),
    "two likes each": lambda rng: of_taste(rng, 900, zipf(200, 0.7), 6, (2, 4), 10),
    "18 items": lambda rng: of_taste(rng, 800, zipf(18, 0.5), 3, (3, 7), 4),
    "60 users, 2,500 items": lambda rng: of_taste(rng, 60, np.ones(2_500), 10, (20, 60), 40),
    "12 users": lambda rng: of_taste(rng, 12, zipf(120, 0.5), 3, (6, 20), 6),
    "single copies": single_copies,
    "one hit": one_hit,
    "one heavy user": one_heavy,
    "everybody everything": everybody_everything,
    "texts of others": other_texts,
    "few texts": few_texts,
    "in fashion": in_fashion,
    "a ring": ring,
    "chains": chains,
}


def compared(one: PublicSet, vectors: dict[str, Any], protocol: str, specs: dict[str, Any]) -> tuple[str, ...]:
    """A row: the best single arm, the default arm, their difference with its interval."""
    validation, test = parts_of(one, vectors, protocol, seed=42)
    n_users = min(len(validation.users), len(test.users))
    if n_users < FEWEST_USERS:
        return protocol, str(n_users), "–", "–", "too few", "", ""
    arms = [arm for arm in SINGLE if not (protocol == "cold" and arm in READS_NOTHING_OF_UNSEEN)]
    arms = [arm for arm in arms if arm != "popularity-recent" or protocol == "timeline"]
    values = {arm: ndcg(specs[arm].make(**tuned(specs[arm], validation)).fit(test.train), test) for arm in arms}
    began = time.process_time()
    of_default = ndcg(specs["hybrid"].make().fit(test.train), test)
    seconds = time.process_time() - began
    best = max(values, key=lambda arm: float(np.nanmean(values[arm])))
    difference = of_default - values[best]
    judged = difference[~np.isnan(difference)]
    interval = difference_intervals(judged[:, None], confidence=0.95, n_bootstrap=1_000, seed=0)
    low, high = float(interval.low[0]), float(interval.high[0])
    verdict = "above" if low > 0 else "**below**" if high < 0 else "level"
    in_words = f"{judged.mean():+.4f} ({low:+.4f} to {high:+.4f})" if np.isfinite(low) else f"{judged.mean():+.4f}"
    means = f"{best} {np.nanmean(values[best]):.4f}", f"{np.nanmean(of_default):.4f}"
    return protocol, f"{len(judged):,}", *means, in_words, verdict if np.isfinite(low) else "level", f"{seconds:.0f}"


def rows(names: Sequence[str], protocols: Sequence[str], cache: Path) -> Iterator[str]:
    plugins = load_plugins()
    specs = plugins.recommenders(plugins.domain("content"))
    for name in names:
        one = WORLDS[name](np.random.default_rng(sum(map(ord, name)))).as_set(name)
        vectors = dict(vectors_of(one, cache))
        for protocol in protocols:
            yield f"| {' | '.join((name, *compared(one, vectors, protocol, specs)))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS))
    parser.add_argument("--protocols", nargs="*", default=list(PROTOCOLS))
    parser.add_argument("--cache", type=Path, default=Path(".recsat/cache"))
    options = parser.parse_args()
    print(
        "| world | split | users judged | best single arm | default arm | difference | | fit, CPU s |\n|---|---|---:|---|---:|---|---|---:|"
    )
    for row in rows(options.worlds, options.protocols, options.cache):
        print(row, flush=True)


if __name__ == "__main__":
    main()
