"""Stage report: the page, the Markdown and the JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from recsat.config.settings import RunConfig
from recsat.report.write import write_report
from recsat.result.model import ModelDecision, Result
from recsat.run.history import write_history
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.compare import alerts_of
from recsat.stages.promotion.record import PromotionPlace

DECISIONS_SHOWN: Final = 3


def last_decisions(config: RunConfig) -> list[ModelDecision]:
    """What was decided last about the model that the domain serves, the newest first."""
    place = PromotionPlace.of(Path(config.home or "."), config.domain, config.store.tenant)
    return [
        ModelDecision(
            action=one.action,
            run=one.run_id,
            arm=one.arm,
            created=one.time.isoformat(),
            policy=one.policy,
            why=one.why,
        )
        for one in reversed(place.history()[-DECISIONS_SHOWN:])
    ]


def report(context: StageContext) -> StageCounts:
    """Writes report.html, report.md and result.json from what ``evaluate`` found, with the stages' costs and the alerts added, and the run's rows in the history."""
    folder = context.folder
    evaluated = folder.read_as("evaluated.json", Result)
    result = evaluated.model_copy(
        update={
            "stages": folder.costs(),
            "alerts": alerts_of(folder, evaluated),
            "decisions": last_decisions(folder.config()),
        }
    )
    write_report(result, folder.path)
    write_history(folder, result)
    context.plugins.observers.recsat_on_metrics(stage="report", folder=folder.path, step=0, values=means_of(result))
    return StageCounts(n_new=1)


def means_of(result: Result) -> dict[str, float]:
    """Every measure's mean over all users of a split, by ``split/arm/measure``."""
    return {
        f"{arm.split}/{arm.name}/{name}": measure.mean
        for arm in result.arms
        if arm.slice == "all"
        for name, measure in arm.measures.items()
        if measure.mean is not None
    }
