"""A/A of a finished run: its folder read again, every split and arm; see :mod:`recsat.measure.aa`."""

from __future__ import annotations

from collections.abc import Callable

from recsat.config.settings import RunConfig
from recsat.errors import RunError
from recsat.measure.aa import Alarms, divide_users, exchange_arms
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.leaders import leaders_of
from recsat.measure.score import ALL
from recsat.measure.user_values import UserValues
from recsat.result.leading import may_lead
from recsat.result.model import NotMeasured, Result, SplitSummary
from recsat.run.folder import RunFolder
from recsat.stages.evaluate import values_file

TALL_VALUES = "measures.parquet"


def run_aa(
    folder: RunFolder,
    *,
    n: int,
    seed: int,
    expect: Callable[[int], object] = lambda _: None,
    advance: Callable[[int], object] = lambda _: None,
) -> tuple[list[Alarms], list[str]]:
    """A/A of each split: of the pair that its verdict compares, and of the users of every arm; and why a split has no such pair.

    ``expect`` is told how many worlds there are to be, ``advance`` of each part that is done. Raises RunError where ``evaluate`` has not finished, or was that of
    an older version.
    """
    result, splits = read_evaluated(folder)
    settings = RunConfig.model_validate(result.config).measure
    infos = {info.name: info for info in result.arm_infos}
    reads = {info.name: info.reads for info in result.arm_infos}
    arms = {split.split: [arm for arm in split.arms if arm.slice == ALL] for split in splits}
    expect(n * sum(1 + len(of_split) for of_split in arms.values()))
    alarms: list[Alarms] = []
    lacks: list[str] = []
    for split in splits:
        validation_ndcg = {
            arm.name: arm.validation_ndcg
            for arm in arms[split.split]
            if arm.validation_ndcg is not None and may_lead(infos[arm.name].control)
        }
        baseline = result.baseline_on(split.split)
        exchanged = exchange_arms(
            split,
            leaders_of(split, validation_ndcg, reads, baseline),
            settings=settings.model_copy(update={"baseline": baseline}),
            n=n,
            seed=seed,
            run_seed=result.seed,
            advance=advance,
        )
        if isinstance(exchanged, Alarms):
            alarms.append(exchanged)
        else:
            lacks.append(exchanged)
        for arm in arms[split.split]:
            alarms.append(divide_users(split, arm.name, settings=settings, n=n, seed=seed, advance=advance))
    return alarms, lacks


def read_evaluated(folder: RunFolder) -> tuple[Result, list[EvaluatedSplit]]:
    """The result that ``evaluate`` wrote, and each of its splits as it was when the verdicts were written."""
    result = folder.read_as("evaluated.json", Result)
    if folder.has(TALL_VALUES):
        raise RunError(
            f"run {folder.run_id}: {TALL_VALUES} is of an older version, which wrote values in another way. Run it again."
        )
    return result, [
        _split(result, UserValues.of_wide(folder.read_table(values_file(split.name))), split) for split in result.splits
    ]


def _split(result: Result, values: UserValues, summary: SplitSummary) -> EvaluatedSplit:
    split = summary.name
    arms = [arm for arm in result.arms if arm.split == split]
    measured = {name for arm in arms if arm.slice == ALL for name in arm.measures}
    reasons = {absent.name: absent.reason for absent in result.not_measured}
    return EvaluatedSplit(
        split=split,
        k=RunConfig.model_validate(result.config).rank.k,
        values=values,
        arms=arms,
        measures=result.measures,
        not_measured=[
            NotMeasured(name=info.name, reason=reasons.get(info.name, f"No user of {split} has a value."))
            for info in result.measures
            if info.name not in measured
        ],
        n_draws=summary.n_draws,
    )
