"""How often off-policy intervals hold a value that is known, and how good a choice among policies is that is made by them.

Run: ``python tests/benchmarks/off_policy.py --out docs/off-policy-coverage.md``. Simulated worlds (:mod:`recsat.testing.simulate`) of which a sample
of the users is logged, under three policies that overlap more or less with what is judged. Fails where the bias of IPS, SNIPS or DR reaches a quarter of a
standard error, or the coverage of their intervals leaves 92 to 97 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from feedback_loop import text_vectors
from numpy.typing import NDArray
from scipy.stats import spearmanr

from recsat.offpolicy import (
    DM,
    DR,
    IPS,
    MIPS,
    SNDR,
    SNIPS,
    BanditLog,
    DRos,
    LinearOutcome,
    OutcomeModel,
    Policy,
    SwitchDR,
    diagnose,
    text_groups,
)
from recsat.offpolicy.estimators import Estimator
from recsat.testing.simulate import (
    SimulatorSettings,
    World,
    log_exposures,
    make_world,
    popularity_policy,
    satisfaction_policy,
    uniform_policy,
    visit_rate,
)

Floats = NDArray[np.float64]
N_WORLDS, N_POPULATION, N_USERS, N_ITEMS, N_DAYS, N_PLACES, FIRST_SEED = 500, 3000, 300, 40, 12, 3, 4000
TOPICS = tuple("abcdef")
BIAS, COVERAGE = 0.25, (0.92, 0.97)
HELD_TO_BARS = ("IPS", "SNIPS", "DR")
"""Estimators that are held to the bars."""
JUDGED = "personal 3"
LOGGING: Mapping[str, Callable[[World], Floats]] = {
    "good": lambda world: satisfaction_policy(world, 1.5),
    "middling": uniform_policy,
    "poor": popularity_policy,
}
"""Overlap, by what logged."""
TARGETS: Mapping[str, Callable[[World], Floats]] = {
    "uniform": uniform_policy,
    "personal 1": lambda world: satisfaction_policy(world, 1.0),
    "personal 2": lambda world: satisfaction_policy(world, 2.0),
    JUDGED: lambda world: satisfaction_policy(world, 3.0),
    "popular": popularity_policy,
}
"""Policies among which one is to be chosen."""
MODELLED: Mapping[str, Callable[[OutcomeModel], Estimator]] = {
    "IPS": lambda model: IPS(),
    "IPS clipped at 5": lambda model: IPS(clip=5),
    "SNIPS": lambda model: SNIPS(),
    "DM": DM,
    "DR": DR,
    "SNDR": SNDR,
    "Switch-DR at 5": lambda model: SwitchDR(model, threshold=5),
    "DRos at 10": lambda model: DRos(model, shrinkage=10),
}
GROUPS = (10, 20)
"""Of items of like texts, for MIPS."""
ESTIMATORS = (*MODELLED, *(f"MIPS, {n} groups" for n in GROUPS))


@dataclass(frozen=True)
class Logged:
    """Rounds of a sample of the users of a world, and what is true of the population."""

    log: BanditLog
    rows: NDArray[np.int64]
    """(n,): whose of the population a round is."""
    world: World
    visits: Floats
    """(n_population,): how often each comes under the logging policy."""
    logging: Floats
    """(n_population, n_items): the policy that logged."""

    def policy(self, target: Floats) -> Policy:
        return Policy(probabilities=target, rows=self.rows)

    def truth(self, target: Floats) -> float:
        """Clicks for each round of the population, had ``target`` chosen: who comes more often counts more, as in the log."""
        rate = (target * self.world.satisfaction).sum(axis=1) * self.world.examination.mean()
        return float(self.visits @ rate / self.visits.sum())

    def of_texts(self) -> dict[str, MIPS]:
        """MIPS by groups of items whose texts, which are about topics and say nothing of quality, are alike."""
        assert self.log.action is not None
        vectors, policy = text_vectors(self.world), self.policy(self.logging)
        return {f"MIPS, {n} groups": MIPS(policy, text_groups(vectors, self.log.action, n)) for n in GROUPS}

    def model(self, target: Floats) -> LinearOutcome:
        """Knows position, topics and quality, and no taste: wrong of users, as models are."""
        items = np.column_stack([self.world.item_topics[:, 1:], self.world.quality])
        place = np.eye(N_PLACES)[self.log.places][:, 1:]
        assert self.log.action is not None
        return LinearOutcome(
            np.column_stack([place, items[self.log.action]]),
            np.column_stack([place, (target @ items)[self.rows]]),
        )


def logged(seed: int, logging: Callable[[World], Floats], n_users: int = N_USERS, *, draw: int = 0) -> Logged:
    """The world of ``seed``, and what ``logging`` showed to ``n_users`` drawn from its population with replacement; to others in another ``draw``."""
    settings = SimulatorSettings(
        n_users=N_POPULATION, n_items=N_ITEMS, n_slots=N_PLACES, n_days=N_DAYS, policy_sharpness=1.5, seed=seed
    )
    world = make_world(TOPICS, settings)
    policy = logging(world)
    sample = np.random.default_rng([seed, 7, draw]).integers(0, N_POPULATION, n_users)
    part = replace(
        world,
        settings=settings.model_copy(update={"n_users": n_users}),
        tastes=world.tastes[sample],
        satisfaction=world.satisfaction[sample],
    )
    table = log_exposures(part, policy[sample], seed=draw)
    user, item = (table[name].str.slice(1).cast(int).to_numpy() for name in ("user_id", "item_id"))
    log = BanditLog(
        reward=table["click"].to_numpy(),
        propensity=table["propensity"].to_numpy(),
        action=item,
        position=table["position"].to_numpy() - 1,
        user=user + draw * n_users,
    )
    return Logged(log, sample[user], world, visit_rate(world, policy), policy)


@dataclass(frozen=True)
class Outcome:
    """One world: by estimator of the judged policy, and by estimator of all targets."""

    errors: Mapping[str, float]
    standard_errors: Mapping[str, float]
    covers: Mapping[str, bool]
    truth: float
    rank_correlation: Mapping[str, float]
    regret: Mapping[str, float]
    """Of the target with the largest estimate: what it earns less than the best, as a share of the best."""
    effective_share: float
    answer: str


def outcome(seed: int, logging: Callable[[World], Floats]) -> Outcome:
    """Everything of one world under one logging policy."""
    one = logged(seed, logging)
    target = TARGETS[JUDGED](one.world)
    truth, model = one.truth(target), one.model(target)
    intervals = {
        name: make(model).interval(one.log, one.policy(target), seed=seed, n_resamples=200)
        for name, make in MODELLED.items()
    }
    intervals |= {name: one_of.interval(one.log, one.policy(target)) for name, one_of in one.of_texts().items()}
    targets = {name: make(one.world) for name, make in TARGETS.items()}
    truths = np.array([one.truth(policy) for policy in targets.values()])
    estimates = _estimates(one, list(targets.values()))
    diagnosis = diagnose(one.log, one.policy(target))
    return Outcome(
        errors={name: value.value - truth for name, value in intervals.items()},
        standard_errors={name: value.standard_error or 0.0 for name, value in intervals.items()},
        covers={
            name: bool(v.low is not None and v.high is not None and v.low <= truth <= v.high)
            for name, v in intervals.items()
        },
        truth=truth,
        rank_correlation={name: float(spearmanr(values, truths).statistic) for name, values in estimates.items()},
        regret={name: float(1 - truths[values.argmax()] / truths.max()) for name, values in estimates.items()},
        effective_share=diagnosis.effective_share,
        answer=diagnosis.answer,
    )


def _estimates(one: Logged, targets: Sequence[Floats]) -> dict[str, Floats]:
    """By estimator: the value of each target."""
    by_target, of_texts = [], one.of_texts().values()
    for target in targets:
        predictions, policy = one.model(target).predictions(one.log), one.policy(target)
        estimators = [*(make(predictions) for make in MODELLED.values()), *of_texts]
        by_target.append([estimator.estimate(one.log, policy) for estimator in estimators])
    return dict(zip(ESTIMATORS, np.array(by_target).T, strict=True))


def bias_in_errors(outcomes: Sequence[Outcome], name: str) -> float:
    """Mean error over the mean standard error that the estimator says it has."""
    return float(np.mean([o.errors[name] for o in outcomes]) / np.mean([o.standard_errors[name] for o in outcomes]))


def coverage(outcomes: Sequence[Outcome], name: str) -> float:
    return float(np.mean([o.covers[name] for o in outcomes]))


def misses(results: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """What is outside a bar, a line each."""
    lines = []
    for overlap, outcomes in results.items():
        for name in HELD_TO_BARS:
            bias, share = bias_in_errors(outcomes, name), coverage(outcomes, name)
            if abs(bias) >= BIAS:
                lines.append(f"{name}, {overlap} overlap: bias of {bias:.2f} standard errors")
            if not COVERAGE[0] <= share <= COVERAGE[1]:
                lines.append(f"{name}, {overlap} overlap: coverage {share:.1%}")
    return lines


def page(results: Mapping[str, Sequence[Outcome]], n_worlds: int, minutes: float) -> str:
    lines = [
        "# How often off-policy intervals hold, and what a choice by them costs",
        "",
        f"Made by `python tests/benchmarks/off_policy.py --out docs/off-policy-coverage.md`: {n_worlds} simulated worlds of {N_ITEMS} items for each of three logging",
        f"policies. {N_USERS} users are drawn from a population of {N_POPULATION:,}, and their {N_PLACES}-place pages of {N_DAYS} days are logged with the propensities that were used.",
        "Judged is a personal policy, the softmax of 3 × what satisfies each user; the truth is its click rate in the population, where who comes more often counts more. Intervals",
        "are at 95 %, over users ([how](how-to/off-policy.md)). The outcome model of DM, DR and the others knows positions, topics and qualities and *no taste*: it is wrong, as models are.",
        "",
    ]
    for overlap, outcomes in results.items():
        answers = [o.answer for o in outcomes]
        shares = ", ".join(
            f"{word} {answers.count(word) / len(answers):.0%}" for word in ("answers", "limited", "refused")
        )
        lines += [
            f"## {overlap.capitalize()} overlap",
            "",
            f"The log says as much as {np.mean([o.effective_share for o in outcomes]):.0%} of its rounds would of the judged policy's own. Diagnosis: {shares}. Mean truth {np.mean([o.truth for o in outcomes]):.3f}.",
            "",
            "| estimator | bias, in standard errors | standard error, mean said | spread of the errors | coverage | rank correlation of five policies | regret of the one picked |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for name in ESTIMATORS:
            marks = "**" if name in HELD_TO_BARS else ""
            remark = " (biased)" if abs(bias_in_errors(outcomes, name)) >= BIAS else ""
            lines.append(
                f"| {marks}{name}{marks}{remark} | {bias_in_errors(outcomes, name):+.2f} | {np.mean([o.standard_errors[name] for o in outcomes]):.4f} | "
                f"{np.std([o.errors[name] for o in outcomes]):.4f} | {coverage(outcomes, name):.1%} | "
                f"{np.mean([o.rank_correlation[name] for o in outcomes]):.2f} | {np.mean([o.regret[name] for o in outcomes]):.2%} |"
            )
        lines.append("")
    missed = misses(results)
    lines += [
        f"Bars, for {', '.join(HELD_TO_BARS)}: bias below a quarter of a standard error, coverage of {COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}. "
        + ("All are kept." if not missed else "Missed: " + "; ".join(missed) + "."),
        "With 50 to 5,000 users IPS, SNIPS and DR stand on [the page of coverage](coverage.md).",
        f"The Monte Carlo error of a coverage from {n_worlds} worlds is {100 * np.sqrt(0.05 * 0.95 / n_worlds):.1f} points. {minutes:.0f} minutes on one core.",
        "",
        "The five policies are uniform, popular, and personal with a sharpness of 1, 2 and 3. *Regret* is what the policy with the largest estimate earns less than the best of the five,",
        "as a share of what the best earns. *Biased* is what is off by a quarter of a standard error or more: DM, Switch-DR and DRos lean on a model that is wrong, and a clip takes away what",
        "matters. They are refitted in every resample, and still miss: an interval says how sure a number is, and not that it is right. They pick policies worse as well.",
        "",
        "*MIPS* weighs groups of items of like texts, found by k-means, in place of items, and is right where what an item is worth depends on its text alone. Here texts say topics, with some noise, and nothing of",
        "an item's quality, which users do react to: policies differ in what they show within a group, and no weight of groups sees that. Less spread bought with fewer groups costs more bias. No report of",
        "recsat rests on MIPS.",
        "",
    ]
    return "\n".join(lines)


def outcomes_of(overlap: str, n_worlds: int) -> list[Outcome]:
    """The first ``n_worlds`` under one logging policy."""
    return [outcome(FIRST_SEED + i, LOGGING[overlap]) for i in range(n_worlds)]


def risk_of_choosing(results: Mapping[str, Sequence[Outcome]]) -> str:
    """A table: by estimator and overlap, how well estimates order the five policies, and what the one with the largest earns less than the best."""
    columns = [f"{overlap} overlap: {name}" for overlap in results for name in ("rank correlation", "regret")]
    lines = [f"| estimator | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for name in ESTIMATORS:
        cells = [
            cell
            for outcomes in results.values()
            for cell in (
                _mean_and_error([o.rank_correlation[name] for o in outcomes], "{:.3f} ± {:.3f}"),
                _mean_and_error([o.regret[name] for o in outcomes], "{:.2%} ± {:.2%}"),
            )
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean_and_error(values: Sequence[float], form: str) -> str:
    return form.format(np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worlds", type=int, default=N_WORLDS)
    options = parser.parse_args()
    start = time.process_time()
    results = {overlap: outcomes_of(overlap, options.worlds) for overlap in LOGGING}
    text = page(results, options.worlds, (time.process_time() - start) / 60)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)
    if missed := misses(results):
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
