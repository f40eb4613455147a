"""Whether the report calls texts noise that are noise, and a model's share the model's: simulated worlds, arms that are fitted, the report's own answer.

Run: ``python tests/benchmarks/coverage_texts.py --seeds 100 --out docs/coverage-texts.md``; minutes on two cores. Every world has 200 users and 100
items; their texts are noise, or carry the topics by words that items share, or by words that no two items share and a model knows to be synonyms. Half as
many seeds where texts are no noise.
Ends with 1 where texts that are noise are said to help, warm, in more than 5 % of the seeds beyond chance.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from zlib import crc32

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # both processors are busy with worlds, and tables are small

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest

from recsat import Catalogue, Dataset, Domain, DomainConfig
from recsat.builtin.arms import RECOMMENDERS
from recsat.config.settings import MeasureSettings, SplitSettings
from recsat.data.split import split_events
from recsat.embed.centre import centre
from recsat.embed.fusion import unit_length
from recsat.embed.words import word_vectors
from recsat.lists.filters import SEEN
from recsat.lists.make import lists_of
from recsat.lists.request import Request
from recsat.measure.attribution import attribution
from recsat.measure.evaluate import Draw, evaluate_split
from recsat.measure.leaders import leaders_of
from recsat.measure.verdict import verdicts
from recsat.result.leading import may_lead
from recsat.result.model import Attribution
from recsat.stages.trial.evidence import evidence_of
from recsat.stages.trial.fold import test_fold, validation_fold
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.tune import tune
from recsat.testing.simulate import SimulatorSettings, World, log_exposures, make_world, popularity_policy
from recsat.testing.simulate_texts import item_texts, noise_texts

Vectors = NDArray[np.float32]
TOPICS = tuple("abcdef")
WEAK = SimulatorSettings(n_users=200, n_items=100)
TASTES = {
    "strong": WEAK.model_copy(update={"focus": 0.1, "quality_weight": 0.3, "policy_sharpness": 0.5}),
    "weak": WEAK,
}
"""Strong: users are single-minded, and few items are liked by everybody; weak: as the simulator has it."""
WIDTH, SHARED, SYNONYMS, N_WORDS, K = 48, 8, 20_000, 24, 10
ARMS = ("popularity", "ease", "text", "aligned", "ease-text", "text-words", "aligned-words", "ease-text-words")
DEFAULT_ARM = ("hybrid", "hybrid-words")
WORLDS = {
    "noise": "texts are noise",
    "words": "items of a topic share its words",
    "synonyms": "a topic's words are synonyms, which the model alone knows",
}
SETTINGS_OF_ROWS = (("strong", "random"), ("weak", "random"), ("strong", "cold-items"))
WITH_DEFAULT_ARM = ("noise", "strong", "random")
"""The row in which the default arm, whose fit takes more than those of all others together, is fitted too."""
SPECS = {spec.name: spec for spec in RECOMMENDERS}
DOMAIN = Domain(
    name="texts",
    description="A simulated catalogue.",
    config=DomainConfig,
    load=lambda config: Dataset(items=pl.DataFrame(), events=pl.DataFrame()),
    describe_item=lambda items: items["description"],
    describe_user=lambda users, history: pl.Series([""] * users.height),
    positive=pl.col("event") == "click",
    kinds=("item",),
)


@dataclass(frozen=True)
class Answer:
    """What the report says of one world."""

    words: str
    model: str
    words_share: float
    model_share: float
    picked: tuple[str, str, str]


def texts_of(kind: str, world: World) -> pl.DataFrame:
    """Items with their texts, of a world of that kind."""
    size = SYNONYMS if kind == "synonyms" else SHARED
    vocabulary = {topic: [f"{topic}{j}" for j in range(size)] for topic in TOPICS}
    items = (noise_texts if kind == "noise" else item_texts)(world, vocabulary, N_WORDS)
    return items.select("item_id", "title", "description", kind=pl.lit("item"))


def model_vectors(kind: str, texts: Sequence[str]) -> Vectors:
    """The mean of a vector for each word, of unit length: drawn by the word itself, or, where words are synonyms, by its topic."""
    table: dict[str, NDArray[np.float64]] = {}

    def vector(word: str) -> NDArray[np.float64]:
        key = word[0] if kind == "synonyms" else word
        if key not in table:
            table[key] = np.random.default_rng(crc32(key.encode())).normal(size=WIDTH)
        return table[key]

    return unit_length(
        np.stack([np.sum([vector(word) for word in text.split()], axis=0) for text in texts]).astype(np.float32)
    )


def inputs_of_world(kind: str, taste: str, seed: int) -> RunInputs:
    """Clicks of a log that shows popular items more often, and what reads the texts."""
    world = make_world(TOPICS, TASTES[taste].model_copy(update={"seed": seed}))
    clicks = log_exposures(world, popularity_policy(world)).filter("click").unique(["user_id", "item_id"], keep="first", maintain_order=True)  # fmt: skip
    events = clicks.select("user_id", "item_id", event=pl.lit("click"), value=pl.lit(1.0), timestamp="timestamp")
    items = texts_of(kind, world)
    texts = items["description"].to_list()
    raw, words = model_vectors(kind, texts), word_vectors(texts, WIDTH)
    vectors = {"raw": raw, "text": centre(raw)[0], "words-raw": words, "words": centre(words)[0]}
    return RunInputs(
        dataset=Dataset(items=items, events=events),
        catalogue=Catalogue(items),
        domain=DOMAIN,
        filters={"seen": SEEN},
        vectors=vectors,
        item_texts=texts,
        seed=seed,
    )


def attributed(
    kind: str, taste: str, protocol: str, seed: int, settings: MeasureSettings, arms: Sequence[str] = ARMS
) -> Attribution:
    """Arms tuned on the validation part of the first draw, fitted and judged on each, and the gain divided, as in a run."""
    inputs = inputs_of_world(kind, taste, seed)
    split_settings = SplitSettings.model_validate({"name": "s", "protocol": protocol})
    splits = [
        split_events(inputs.dataset.events, DOMAIN.positive, split_settings, seed, draw=draw)
        for draw in range(1, split_settings.n_draws + 1)
    ]
    tuning, request = validation_fold(inputs, splits[0]), Request(k=K, seed=seed, explain=False)
    names = [name for name in arms if protocol != "cold-items" or SPECS[name].ranks_unseen_items]
    tuned = {name: tune(name, SPECS[name], {}, tuning, request) for name in names}
    draws = []
    for split in splits:
        judging = test_fold(inputs, split)
        lists = {
            name: lists_of(judging, name, SPECS[name].make(**of_arm.parameters).fit(judging.train), request).lists
            for name, of_arm in tuned.items()
        }
        draws.append(Draw(lists, evidence_of(inputs, split, judging.users.id_series, judging.relevant)))
    first, *further = draws
    evaluated = evaluate_split(
        first.lists_by_arm, first.evidence, further, metrics={}, settings=settings, k=K, seed=seed
    )
    validation = {name: of_arm.validation_ndcg for name, of_arm in tuned.items() if may_lead(SPECS[name].control)}
    leaders = leaders_of(evaluated, validation, {name: SPECS[name].reads for name in names}, settings.baseline)
    accuracy = verdicts(evaluated, leaders, settings=settings, seed=seed)["accuracy"].outcome
    return attribution(evaluated, leaders, accuracy, settings=settings, seed=seed)


ANSWERS = {"helps": "yes", "costs": "no", "not shown": "not shown"}


def answer(task: tuple[str, str, str, int], arms: Sequence[str] = ARMS) -> Answer:
    """The report's answer for one world."""
    shares = attributed(*task, MeasureSettings(), arms)
    assert shares.words_share is not None, shares.lack
    assert shares.model_share is not None, shares.lack
    assert shares.model is not None
    assert shares.answer is not None
    low, high = shares.words_share.low, shares.words_share.high
    words = "yes" if low is not None and low > 0 else "no" if high is not None and high < 0 else "not shown"
    return Answer(
        words,
        ANSWERS[shares.answer],
        shares.words_share.mean,
        shares.model_share.mean,
        (shares.model, str(shares.without_model), str(shares.nothing)),
    )


def rows(answers: Mapping[tuple[str, str, str], Sequence[Answer]]) -> list[str]:
    """A line of the table for each kind of world and protocol."""
    lines = []
    for (kind, taste, protocol), of_kind in answers.items():
        cells = []
        for side in ("words", "model"):
            sides = [getattr(one, side) for one in of_kind]
            shares = np.array([getattr(one, f"{side}_share") for one in of_kind])
            cells += [f"{sides.count(word) / len(sides):.0%}" for word in ("yes", "no", "not shown")]
            cells.append(f"{shares.mean():+.3f} ± {shares.std(ddof=1) / np.sqrt(len(shares)):.3f}")
        lines.append(f"| {WORLDS[kind]} | {taste} | {protocol} | {len(of_kind)} | {' | '.join(cells)} |")
    return lines


def too_often(answers: Sequence[Answer]) -> list[str]:
    """Of what texts that are noise are said to help or to cost, beyond chance: words, the model, or either of them."""
    names = []
    sides = {"words": ("words",), "model": ("model",), "words or model": ("words", "model")}
    for side, of_side in sides.items():
        n_answers = sum(any(getattr(one, name) != "not shown" for name in of_side) for one in answers)
        if binomtest(n_answers, len(answers), 0.05, alternative="greater").pvalue <= 0.05:
            names.append(f"{side} in {n_answers} of {len(answers)}")
    return names


def seeds_with_an_answer(answers: Sequence[Answer]) -> str:
    """In how many seeds something is said of words, and in how many of words or the model."""
    of_words = sum(one.words != "not shown" for one in answers)
    of_either = sum(one.words != "not shown" or one.model != "not shown" for one in answers)
    ends = binomtest(of_either, len(answers)).proportion_ci()
    return (
        f"Something is said of words in {of_words} of the {len(answers)} seeds, and of either in {of_either} "
        f"(95 % interval {100 * ends.low:.1f} to {100 * ends.high:.1f} %)."
    )


PAGE = """# Whether noise is called noise, and the model's share the model's

Made by `python tests/benchmarks/coverage_texts.py --seeds {seeds} --out docs/coverage-texts.md` in {minutes:.0f} minutes of one processor. Simulated worlds of
{n_users} users and {n_items} items, whose likes follow topics. The same arms are tuned, fitted and judged as in a run: {arms}.
The model is a stand-in that gives each word, or each topic of synonyms, a random vector. For each share of the gain: how often the report says that it
helps, that it costs, and that nothing is shown; and its mean over seeds, ± one standard error.

| texts | tastes | split | seeds | words help | cost | not shown | share | model helps | costs | not shown | share |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{rows}

Bar: of texts that are noise nothing is said, neither that they help nor that they cost, in at least 95 % of the seeds, for words, for the model, and for both together.
Said more often, beyond chance: {too_often}.

The model is said to help where its arm is shown to be ahead both of the best arm without it and of itself with words in its place, and to cost where it is
shown to be behind though it leads on validation. By its share alone it would be said to cost in a third of the seeds of noise: the share compares the best
arm that reads with the model even where validation prefers one that reads nothing, which is the one to be served.

`cold-items` is drawn five times, as in a run. Of the synonyms a few pairs of items do share a word by chance, which words can read where nothing else is
known.

## With the default arm

Those arms and {default_arm}, in the first of these worlds alone, since one fit takes more than those of all others.

| texts | tastes | split | seeds | words help | cost | not shown | share | model helps | costs | not shown | share |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{row_of_default_arm}

The bar is the same. Said more often, beyond chance: {too_often_of_default_arm}. {said_with_default_arm}

## What the worlds are

Strong tastes: users are single-minded, and few items are liked by everybody. Weak ones are the simulator's own: there behaviour leaves little for texts
to add, and the report mostly says that nothing is shown.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    answers: dict[tuple[str, str, str], list[Answer]] = {}
    start = time.perf_counter()
    with ProcessPoolExecutor(options.jobs) as pool:
        for kind in WORLDS:
            for taste, protocol in SETTINGS_OF_ROWS:
                n_seeds = options.seeds if kind == "noise" else options.seeds // 2
                seeds = [(kind, taste, protocol, seed) for seed in range(n_seeds)]
                answers[kind, taste, protocol] = list(pool.map(answer, seeds))
                print(
                    rows({(kind, taste, protocol): answers[kind, taste, protocol]})[0],
                    f"{time.perf_counter() - start:.0f} s",
                    flush=True,
                )
        seeds = [(*WITH_DEFAULT_ARM, seed) for seed in range(options.seeds)]
        of_default_arm = list(pool.map(answer, seeds, repeat((*ARMS, *DEFAULT_ARM))))
        print(rows({WITH_DEFAULT_ARM: of_default_arm})[0], f"{time.perf_counter() - start:.0f} s", flush=True)
    failing_of_default_arm = too_often(of_default_arm)
    failing = [
        f"{name} ({taste}, {protocol})"
        for taste, protocol in SETTINGS_OF_ROWS
        for name in too_often(answers["noise", taste, protocol])
    ]
    if options.out:
        text = PAGE.format(
            seeds=options.seeds,
            minutes=resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime / 60,
            n_users=WEAK.n_users,
            n_items=WEAK.n_items,
            arms=", ".join(ARMS),
            rows="\n".join(rows(answers)),
            too_often=", ".join(failing) or "none",
            default_arm=" and ".join(DEFAULT_ARM),
            row_of_default_arm=rows({WITH_DEFAULT_ARM: of_default_arm})[0],
            too_often_of_default_arm=", ".join(failing_of_default_arm) or "none",
            said_with_default_arm=seeds_with_an_answer(of_default_arm),
        )
        options.out.write_text(text, encoding="utf-8")
    return bool(failing or failing_of_default_arm)


if __name__ == "__main__":
    sys.exit(main())
