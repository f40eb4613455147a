"""Stage report: the page, the Markdown and the JSON."""

from __future__ import annotations

from recsat.report.write import write_report
from recsat.result.model import Result
from recsat.run.history import write_history
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.compare import alerts_of


def report(context: StageContext) -> StageCounts:
    """Writes report.html, report.md and result.json from what ``evaluate`` found, with the stages' costs and the alerts added, and the run's rows in the history."""
    folder = context.folder
    evaluated = Result.model_validate(folder.read_json("evaluated.json"))
    result = evaluated.model_copy(update={"stages": folder.costs(), "alerts": alerts_of(folder, evaluated)})
    write_report(result, folder.path)
    write_history(folder, result)
    return StageCounts(n_new=1)
