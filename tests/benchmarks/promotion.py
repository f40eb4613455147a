"""How often promotion refuses where nothing has changed, and whether it ever lets a broken model through.

Run: ``python tests/benchmarks/promotion.py --out docs/coverage-promotion.md``. Simulated worlds that do not change
(:mod:`recsat.testing.simulate`); the log grows by a day, arms are tuned and the one that leads on validation is held against the model that is served,
as `recsat promote` does. Fails where at some size more than 5 % of the days are refused, or where a model with shuffled vectors is let through.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Catalogue, Dataset, Domain, DomainConfig, Reasons, Recommender, RecommenderSpec, RunConfig, UserBatch
from recsat.builtin.arms import RECOMMENDERS
from recsat.config.settings import MeasureSettings, PromoteSettings
from recsat.data.split import Split, split_events
from recsat.lists.filters import SEEN
from recsat.lists.make import lists_of
from recsat.measure.across_runs import JudgedLists
from recsat.plugins import Plugins, load_plugins
from recsat.result.leading import leader
from recsat.stages.promotion.evidence import Recipe, judged, lists_of_fitted, lists_of_recipe, weigh
from recsat.stages.promotion.record import Evidence
from recsat.stages.trial.fold import filter_context, serve_known, test_fold, validation_fold
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.request import request_of
from recsat.stages.trial.tune import tune
from recsat.testing.simulate import START, SimulatorSettings, World, log_exposures, make_world, popularity_policy

N_SEEDS, N_DAYS, FIRST_DAY, FIRST_SEED = 10, 20, 40, 700
BAR = 0.05
SIZES = (100, 300, 1_000)
LOST = 0.1
NAMES = ("popularity", "item-knn", "ease", "text", "aligned")
TEXT = ("text", "aligned")
ARMS = {spec.name: spec for spec in RECOMMENDERS}
TOPICS = tuple("abcdefghijkl")


def town_of(world: World, log: pl.DataFrame) -> RunInputs:
    """The inputs of a run that knows the clicks of ``log``; an item's vector is its topics, with noise."""
    n_items = world.settings.n_items
    ids = [f"i{i:05d}" for i in range(n_items)]
    items = pl.DataFrame({"item_id": ids, "kind": ["item"] * n_items, "title": ids})
    clicks = log.filter("click").select(
        "user_id", "item_id", event=pl.lit("click"), value=pl.lit(1.0), timestamp="timestamp"
    )
    domain = Domain(
        name="simulated",
        description="A simulated world.",
        config=DomainConfig,
        load=lambda config: Dataset(items=items, events=clicks),
        describe_item=lambda table: table["title"],
        describe_user=lambda users, history: users["user_id"],
        positive=pl.col("event") == "click",
        kinds=("item",),
    )
    dataset = Dataset(items=items, events=clicks.sort("timestamp", "user_id", "item_id"))
    return RunInputs(
        dataset=dataset,
        catalogue=Catalogue(items),
        domain=domain,
        domain_config=DomainConfig(),
        filters={"seen": SEEN},
        vectors={},
    )


def vectors_of(world: World) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng([world.settings.seed, 9])
    raw = world.item_topics + 0.1 * rng.standard_normal(world.item_topics.shape)
    raw = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    centred = raw - raw.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return {"raw": raw.astype(np.float32), "text": centred.astype(np.float32)}


@dataclass(frozen=True)
class Candidate:
    """What a run of a day brings: a recipe, the lists that it judged, and the arm that it keeps."""

    recipe: Recipe
    lists: JudgedLists
    fitted: Recommender


class Shuffled(Recommender):
    """A fitted arm that takes every item for another."""

    def __init__(self, arm: Recommender, seed: int) -> None:
        self.arm, self.seed = arm, seed

    def fit(self, train: Any) -> Shuffled:
        raise NotImplementedError("it was fitted before it was shuffled")

    def score(self, users: UserBatch, items: Any = None) -> Any:
        scores = self.arm.score(users)
        order = np.random.default_rng(self.seed).permutation(scores.shape[1])
        return scores[:, order.tolist()]

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        return self.arm.explain(users, items)


def candidate_of(inputs: RunInputs, split: Split, specs: Mapping[str, RecommenderSpec], config: RunConfig) -> Candidate:
    """As the stages recommend and model: tuned and chosen on validation, judged on the test part, fitted on everything."""
    tuning, request = validation_fold(inputs, split), replace(request_of(config, inputs.domain), explain=False)
    tuned = {name: tune(name, spec, {}, tuning, request) for name, spec in specs.items()}
    name = leader({arm: one.validation_ndcg for arm, one in tuned.items()}, "popularity")
    assert name is not None
    spec, parameters = specs[name], tuned[name].parameters
    judging = test_fold(inputs, split)
    lists = lists_of(judging, name, spec.make(**parameters).fit(judging.train), request).lists
    known = inputs.dataset.events
    fitted = spec.make(**parameters).fit(serve_known(inputs, [], known, filter_context(inputs, known)).train)
    recipe = Recipe(arm=name, spec=spec, parameters=parameters, config=config, inputs=inputs)
    return Candidate(recipe, judged(lists, judging, inputs, split), fitted)


@dataclass
class Tally:
    """What became of the days."""

    days: int = 0
    refused: int = 0
    leaders_changed: int = 0
    refused_of_changed: int = 0
    broken_vectors: int = 0
    broken_vectors_through: int = 0
    broken_model: int = 0
    broken_model_through: int = 0
    worse_through: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    smallest_users: int = 10**9


def days_of(seed: int, n_days: int, n_users: int) -> Iterator[tuple[World, RunInputs, Split]]:
    """The world as it is known at the end of each day, and its split."""
    world = make_world(TOPICS, SimulatorSettings(n_users=n_users, n_items=240, n_days=FIRST_DAY + n_days, seed=seed))
    log = log_exposures(world, popularity_policy(world))
    vectors = vectors_of(world)
    settings = RunConfig().splits[0]
    for day in range(n_days):
        until = START + timedelta(days=FIRST_DAY + day)
        inputs = replace(town_of(world, log.filter(pl.col("timestamp") < until)), vectors=vectors, seed=seed)
        yield world, inputs, split_events(inputs.dataset.events, inputs.domain.positive, settings, seed=seed)


def evidence_of(
    candidate: Candidate,
    served: Recipe | None,
    inputs: RunInputs,
    split: Split,
    rule: PromoteSettings,
    plugins: Plugins,
    fitted: Recommender,
) -> list[Evidence]:
    """As ``recsat promote`` gathers it."""
    settings = MeasureSettings(n_bootstrap=500)
    request = request_of(candidate.recipe.config, inputs.domain)
    as_kept, _ = lists_of_fitted(fitted, lambda users: request, inputs, split)
    evidence = weigh([(candidate.lists, as_kept)], "judged lists", rule, settings, k=10, seed=inputs.seed)
    if served is not None:
        before = lists_of_recipe(served, inputs, split, plugins)
        evidence += weigh([(before, candidate.lists)], "served model", rule, settings, k=10, seed=inputs.seed)
    return evidence


def with_fewer_hits(candidate: Candidate, seed: int) -> Candidate:
    """Without a tenth of the hits of its lists, drawn at random."""
    lists = candidate.lists.lists
    is_hit = lists.join(
        candidate.lists.relevant.with_columns(hit=True), on=["user_id", "item_id"], how="left", maintain_order="left"
    )
    lost = is_hit["hit"].fill_null(value=False).to_numpy() & (np.random.default_rng(seed).random(lists.height) < LOST)
    return replace(candidate, lists=replace(candidate.lists, lists=lists.filter(pl.Series(~lost))))


def replay(seed: int, n_days: int, n_users: int, tally: Tally) -> None:
    """Days of one world: each day's model is promoted unless it is refused; beside it three that must not be."""
    plugins, config, rule = load_plugins([]), RunConfig(seed=seed), PromoteSettings()
    specs = {name: ARMS[name] for name in NAMES}
    served: Recipe | None = None
    for _, inputs, split in days_of(seed, n_days, n_users):
        candidate = candidate_of(inputs, split, specs, config)
        evidence = evidence_of(candidate, served, inputs, split, rule, plugins, candidate.fitted)
        holds = all(one.holds for one in evidence)
        if served is not None:
            changed = candidate.recipe.arm != served.arm
            tally.days += 1
            tally.leaders_changed += changed
            tally.refused += not holds
            tally.refused_of_changed += changed and not holds
            tally.reasons.update(one.against for one in evidence if not one.holds)
            tally.smallest_users = min(tally.smallest_users, *(one.n_users for one in evidence))
            broken = Shuffled(candidate.fitted, seed)
            against = evidence_of(candidate, served, inputs, split, rule, plugins, broken)
            tally.broken_model += 1
            tally.broken_model_through += all(one.holds for one in against)
            worse = with_fewer_hits(candidate, seed + tally.days)
            tally.worse_through += all(
                one.holds for one in evidence_of(worse, served, inputs, split, rule, plugins, worse.fitted)
            )
            order = np.random.default_rng(seed).permutation(len(inputs.catalogue))
            shuffled = replace(inputs, vectors={name: one[order] for name, one in inputs.vectors.items()})
            wrong = candidate_of(shuffled, split, {name: ARMS[name] for name in TEXT}, config)
            tally.broken_vectors += 1
            tally.broken_vectors_through += all(
                one.holds for one in evidence_of(wrong, served, shuffled, split, rule, plugins, wrong.fitted)
            )
        if holds:
            served = candidate.recipe


def table_of(tally: Tally) -> str:
    share = tally.refused / tally.days
    rows = (
        ("the day's model", tally.days, tally.days - tally.refused, f"**{tally.refused}** ({share:.1%})"),
        (
            "of these, where another arm leads than is served",
            tally.leaders_changed,
            tally.leaders_changed - tally.refused_of_changed,
            tally.refused_of_changed,
        ),
        (
            "its lists without a tenth of their hits",
            tally.days,
            f"{tally.worse_through} ({tally.worse_through / tally.days:.1%})",
            tally.days - tally.worse_through,
        ),
        (
            "a run whose item vectors are shuffled, of arms that read them",
            tally.broken_vectors,
            f"**{tally.broken_vectors_through}**",
            tally.broken_vectors - tally.broken_vectors_through,
        ),
        (
            "a model folder that takes every item for another",
            tally.broken_model,
            f"**{tally.broken_model_through}**",
            tally.broken_model - tally.broken_model_through,
        ),
    )
    lines = ["| | days | let through | refused |", "|---|---:|---:|---:|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def page(tallies: Mapping[int, Tally], n_seeds: int, n_days: int, minutes: float) -> str:
    parts = [
        f"## {n_users:,} users\n\n{table_of(tally)}\n\n{tally.smallest_users} or more of them are judged."
        for n_users, tally in tallies.items()
    ]
    return f"""# How often promotion refuses where nothing has changed

Made by `python tests/benchmarks/promotion.py --out docs/coverage-promotion.md`: {n_seeds} simulated worlds of 240 items that do not change, {n_days} days each.
Every day the log is longer by a day, the arms ({", ".join(NAMES)}) are tuned, and the one that leads on validation is held against what is served, under
`{PromoteSettings().policy}` with the default margin of {PromoteSettings().margin:.0%} ([decision 27](decisions/0027-promotion.md)). A model that is not refused is served from then on.
Until the first one is, there is nothing to hold a model against, and the day is not counted.

{chr(10).join(f"{part}{chr(10)}" for part in parts)}
Bar, at each size: at most {BAR:.0%} of the days refused, no broken model let through. {minutes:.0f} CPU minutes.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--days", type=int, default=N_DAYS + 1, help="The first one is promoted without a comparison.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="Users of a world.")
    options = parser.parse_args()
    tallies = {n_users: Tally() for n_users in options.sizes}
    for n_users, tally in tallies.items():
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
            replay(seed, options.days, n_users, tally)
            print(f"{n_users} users, seed {seed}: {tally}", file=sys.stderr, flush=True)
    text = page(tallies, options.seeds, options.days - 1, time.process_time() / 60)
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    through = sum(tally.broken_model_through + tally.broken_vectors_through for tally in tallies.values())
    return int(through > 0 or any(tally.refused / tally.days > BAR for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
