"""What becomes of lists when an arm is fitted, round after round, on what its own lists made users click.

Run: ``python tests/benchmarks/feedback_loop.py --out docs/feedback-loops.md``. Simulated worlds (:mod:`recsat.testing.simulate`): the first round's log is of items shown at random, then each arm
goes its own way. Beside it: which part of an effect a regression says to run through diversity, where the truth is known.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from scipy.stats import t as student

from recsat.arms.ease import Ease
from recsat.arms.ease_text import EaseText
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.popularity import Popularity
from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Recommender
from recsat.contract.interactions import Catalogue, TrainingData, user_batch
from recsat.experiment import Mediation, mediate
from recsat.experiment.effects import Floats
from recsat.testing.simulate import SimulatorSettings, World, dense_ids, make_world

N_WORLDS, N_ROUNDS, N_USERS, N_ITEMS, K = 60, 10, 400, 240, 10
N_WORLDS_OF_HYBRID = 12
"""The first ones: each of its fits seeks its parts anew, and takes seconds."""
N_WORLDS_OF_PARTS = 20
ROUNDS_BEFORE = 3
"""Of items at random, of whose clicks the fitted arms learn whose effect is parted."""
TOPICS = tuple("abcdefgh")
NOISE = 0.15
"""Standard deviation of what a text says of a topic beside its share."""
ARMS: Mapping[str, Callable[[], Recommender] | None] = {
    "at random": None,
    "popularity": Popularity,
    "ease": lambda: Ease(l2=20.0),
    "text": lambda: TextSimilarity(vector="text"),
    "ease-text": lambda: EaseText(l2=20.0, prior=50.0),
    "hybrid": Hybrid,
}
EXPLORED = ("ease", "ease-text", "hybrid")
"""Arms with a second turn."""
EXPLORING = 0.2
"""Share of the places that are filled at random in a second turn of an arm."""
CONCLUSIONS_OF_LOOPS = (
    "What was clicked is not shown again, so satisfaction falls by itself where an arm learns nothing new: for *at random*, *popularity* and *text*. *ease* and *ease-text* learn and rise, and show less and less of the",
    "catalogue while they do; the diversity of a single list hardly moves, or rises. A fifth of the places at random costs them in the first round, keeps the whole catalogue in view, and ends above the",
    "arm without it. So what narrows here is what all users see together, and not what one user sees. In these worlds tastes do not change, and nobody tires of a topic.",
    "*hybrid* is held in twelve worlds. Left alone, no drift of its satisfaction is told from nothing; with a fifth of its places at random it rises (+0.032 ± 0.029) and keeps the whole catalogue in view from the first round on,",
    "where alone it begins with 0.60 of it. With the few clicks of one round it leans on popularity in some worlds and on texts in others, so its first lists and its coverage differ much from world to world; on the same",
    "worlds *ease-text*, whose settings were chosen for such worlds, begins a little higher.",
)
CONCLUSIONS_OF_PARTS = (
    "The last column is the correlation, within an arm, of what else moves diversity with what else moves clicks, at which the regression's part would be nothing. Where nothing else moves both, the regression is right.",
    "Where users of single-minded taste, whose personal lists are narrow, click more for another reason, it is wrong by as much as the effect itself, and nothing in the data says so: a log does not show which of the two worlds it is",
    "from.",
    "The default arm and EASE make lists of nearly the same diversity (a difference of -0.09 ± 0.09 bits), so that little can run through it. The regression still finds a part (0.11 ± 0.09 and 0.12 ± 0.11, of an effect of 0.28)",
    "where there is none and single-minded users click more.",
    "So no verdict of recsat says that an effect runs through diversity.",
)


@dataclass(frozen=True)
class Round:
    """Means over users, of what was shown in a round."""

    satisfaction: float
    """True probability that the user is satisfied by an item shown, if it is looked at."""
    diversity: float
    """Entropy of a list over topics, in bits."""
    coverage: float
    """Share of the catalogue that anybody was shown."""


def loop(world: World, make: Callable[[], Recommender] | None, exploring: float, seed: int) -> list[Round]:
    """Rounds of fitting on what was clicked, listing, and clicking."""
    rng = np.random.default_rng([world.settings.seed, 31, seed])
    clicked = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    clicked |= clicks(world, random_lists(rng, clicked), rng)
    rounds = []
    for _ in range(N_ROUNDS):
        if make is None:
            lists = random_lists(rng, clicked)
        else:
            lists = best(scores_of(make(), world, clicked, seed), clicked)
            explored = rng.random(lists.shape) < exploring
            lists = np.where(explored, random_lists(rng, clicked), lists)
        rounds.append(measured(world, lists))
        clicked |= clicks(world, lists, rng)
    return rounds


def scores_of(arm: Recommender, world: World, clicked: np.ndarray, seed: int) -> Floats:
    """(n_users, n_items) of the arm, fitted on what was ``clicked``."""
    ids, users = dense_ids("i", np.arange(N_ITEMS)), dense_ids("u", np.arange(N_USERS))
    items = Catalogue(pl.DataFrame({"item_id": ids, "kind": ["item"] * N_ITEMS}))
    user, item = clicked.nonzero()
    liked = pl.DataFrame({"user_id": users[user], "item_id": ids[item], "timestamp": None}).cast(
        {"timestamp": pl.Datetime("us", "UTC")}
    )
    batch = user_batch(liked, users.to_list(), items)
    arm.fit(TrainingData(items, batch, {"text": text_vectors(world)}, seed=seed))
    return np.asarray(torch.as_tensor(arm.score(batch))).astype(np.float64)


def text_vectors(world: World) -> np.ndarray:
    """(n_items, topics) of unit length, the mean taken off: what an encoder would make of texts about topics."""
    rng = np.random.default_rng([world.settings.seed, 32])
    vectors = world.item_topics + NOISE * rng.normal(size=world.item_topics.shape)
    vectors -= vectors.mean(axis=0)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def best(scores: Floats, clicked: np.ndarray) -> np.ndarray:
    """(n_users, K): the items of the largest scores that the user has not clicked yet."""
    return np.argsort(-np.where(clicked, -np.inf, scores), axis=1, kind="stable")[:, :K]


def random_lists(rng: np.random.Generator, clicked: np.ndarray) -> np.ndarray:
    return best(rng.random(clicked.shape), clicked)


def clicks(world: World, lists: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n_users, n_items): what the users looked at and were satisfied by."""
    rows = np.arange(N_USERS)[:, None]
    happened = rng.random(lists.shape) < world.satisfaction[rows, lists] * world.examination
    mask = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    user, place = happened.nonzero()
    mask[user, lists[user, place]] = True
    return mask


def measured(world: World, lists: np.ndarray) -> Round:
    rows = np.arange(N_USERS)[:, None]
    return Round(
        satisfaction=float(world.satisfaction[rows, lists].mean()),
        diversity=float(entropy(world.item_topics[lists].mean(axis=1)).mean()),
        coverage=len(np.unique(lists)) / N_ITEMS,
    )


def entropy(shares: Floats) -> Floats:
    """(n,) bits of the rows of ``shares``."""
    return np.asarray(-(shares * np.log2(np.maximum(shares, 1e-300))).sum(axis=1))


@dataclass(frozen=True)
class Parts:
    """What a regression says of an experiment whose truth is known."""

    mediation: Mediation
    truth: float
    """What really runs through diversity."""


@dataclass(frozen=True)
class Pair:
    """(n_users, K) each: what everybody would be shown with the arm, and without it."""

    treatment: np.ndarray
    control: np.ndarray


def personal_and_popular(world: World) -> Pair:
    """Policies that know the truth, but for some noise: of each user, and of the mean user."""
    rng = np.random.default_rng([world.settings.seed, 34])
    noise = rng.normal(scale=0.05, size=world.satisfaction.shape)
    none = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    everybody = np.broadcast_to(world.satisfaction.mean(axis=0), none.shape)
    return Pair(best(world.satisfaction + noise, none), best(everybody + noise, none))


def hybrid_and_ease(world: World) -> Pair:
    """The default arm and the best of those that read no text, both fitted on the clicks of rounds of items at random."""
    rng = np.random.default_rng([world.settings.seed, 35])
    clicked = np.zeros((N_USERS, N_ITEMS), dtype=bool)
    for _ in range(ROUNDS_BEFORE):
        clicked |= clicks(world, random_lists(rng, clicked), rng)
    lists = [best(scores_of(arm, world, clicked, 0), clicked) for arm in (Hybrid(), Ease(l2=20.0))]
    return Pair(*lists)


def parts(world: World, pair: Pair, worth: float, confounding: float, seed: int) -> Parts:
    """Clicks of users of whom a coin gives each the one list or the other of ``pair``, where a list's entropy in bits is worth ``worth`` clicks by itself.

    ``confounding`` are the clicks more of a user whose taste is single-minded by a standard deviation, whatever the list. The truth is ``worth`` times the mean change of the entropy.
    """
    rng = np.random.default_rng([world.settings.seed, 33, seed])
    arm = rng.permutation(np.arange(N_USERS) % 2).astype(np.float64)
    rows = np.arange(N_USERS)[:, None]
    both = (pair.control, pair.treatment)
    bits = [entropy(world.item_topics[lists].mean(axis=1)) for lists in both]
    expected = [(world.satisfaction[rows, lists] * world.examination).sum(axis=1) for lists in both]
    diversity = np.where(arm == 1, bits[1], bits[0])
    single_minded = -entropy(world.tastes)
    more = confounding * (single_minded - single_minded.mean()) / single_minded.std()
    rate = np.where(arm == 1, expected[1], expected[0]) + worth * diversity + more
    happened = rng.poisson(np.maximum(rate, 0.05))
    return Parts(
        mediate(arm, happened.astype(np.float64), {"diversity": diversity}),
        truth=float(worth * (bits[1] - bits[0]).mean()),
    )


def mediated(pairs: list[tuple[World, Pair]]) -> dict[tuple[float, float], list[Parts]]:
    """By what a bit is worth and how much more single-minded users click."""
    return {
        (worth, confounding): [parts(world, pair, worth, confounding, 0) for world, pair in pairs]
        for worth in (0.0, 1.0)
        for confounding in (0.0, 0.5, 1.0)
    }


def world_of(seed: int) -> World:
    return make_world(TOPICS, SimulatorSettings(n_users=N_USERS, n_items=N_ITEMS, n_slots=K, seed=7000 + seed))


def with_error(values: list[float], digits: int, *, sign: bool = False) -> str:
    """Mean and half of its 95 % interval over worlds, by t."""
    n = len(values)
    half = student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return f"{np.mean(values):{'+' if sign else ''}.{digits}f} ± {half:.{digits}f}"


def page(
    loops: Mapping[str, list[list[Round]]],
    mediations: Mapping[str, Mapping[tuple[float, float], list[Parts]]],
    seconds: float,
) -> str:
    n = max(map(len, loops.values()))
    lines = [
        "# Feedback loops",
        "",
        f"Made by `python tests/benchmarks/feedback_loop.py --out docs/feedback-loops.md`: {n} simulated worlds of {N_USERS} users and {N_ITEMS} items, {N_ROUNDS} rounds, {seconds:,.0f} s.",
        "",
        "An arm that is fitted on what its own lists made users click learns of what it shows alone. Here every arm begins with one round of items at random and is then fitted, round after",
        f"round, on its own clicks; an item that was clicked is not shown to that user again. *Exploring* fills {EXPLORING:.0%} of the places at random. ± is half of a 95 % interval over worlds;",
        f"the default arm, *hybrid*, which seeks its parts anew in every round, has the first {N_WORLDS_OF_HYBRID} of them, and *ease-text* is there for these too.",
        "",
        "*Satisfaction* is the true probability that a user is satisfied by what was shown; *diversity* the entropy of a list over topics, in bits; *coverage* the share of the catalogue that",
        "anybody was shown. A drift is the last round less the first.",
        "",
        "| arm | satisfaction, first round | its drift | diversity, first round | its drift | coverage, first round | its drift |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, worlds in loops.items():
        cells = []
        for field, digits in (("satisfaction", 3), ("diversity", 2), ("coverage", 2)):
            first = [getattr(rounds[0], field) for rounds in worlds]
            drift = [getattr(rounds[-1], field) - getattr(rounds[0], field) for rounds in worlds]
            cells += [with_error(first, digits), with_error(drift, digits, sign=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        *CONCLUSIONS_OF_LOOPS,
        "",
        "## Which part runs through diversity",
        "",
        "A regression parts an effect into what runs through diversity and the rest ([how](decisions/0031-experiments.md)). It is right only if nothing but the arm moves both a list's diversity and its user's",
        f"clicks. Here a coin gives {N_USERS} users in each world one of two lists, and a bit of entropy is worth so many clicks by itself; the simulator knows the truth. Twice: a personal policy that knows it",
        f"too against popularity, and the default arm against EASE, both fitted on the clicks of {ROUNDS_BEFORE} rounds of items at random.",
        "",
        "| | worlds | a bit is worth | single-minded users click more by | effect on clicks | through diversity, truth | through diversity, regression | vanishes at a correlation of |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, of_pair in mediations.items():
        for (worth, confounding), of_worth in of_pair.items():
            lines.append(
                f"| {name} | {len(of_worth)} | {worth:g} | {confounding:g} | {with_error([one.mediation.total for one in of_worth], 2)} | {with_error([one.truth for one in of_worth], 2)} "
                f"| {with_error([one.mediation.indirect['diversity'] for one in of_worth], 2)} | {with_error([one.mediation.vanishes_at['diversity'] for one in of_worth], 2)} |"
            )
    lines += [
        "",
        *CONCLUSIONS_OF_PARTS,
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=N_WORLDS)
    options = parser.parse_args()
    start = time.perf_counter()
    worlds = [world_of(seed) for seed in range(options.n)]
    few = worlds[:N_WORLDS_OF_HYBRID]
    loops = {
        name: [loop(world, make, 0.0, 0) for world in (few if name == "hybrid" else worlds)]
        for name, make in ARMS.items()
    }
    for name in EXPLORED:
        loops[f"{name}, exploring"] = [
            loop(world, ARMS[name], EXPLORING, 0) for world in (few if name == "hybrid" else worlds)
        ]
    for name in ("ease-text", "ease-text, exploring"):
        loops[f"{name}, the worlds of hybrid"] = loops[name][: len(few)]
    mediations = {
        "personal against popularity": mediated([(world, personal_and_popular(world)) for world in worlds]),
        "hybrid against ease": mediated([(world, hybrid_and_ease(world)) for world in worlds[:N_WORLDS_OF_PARTS]]),
    }
    text = page(loops, mediations, time.perf_counter() - start)
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
