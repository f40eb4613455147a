"""Stage report: the page, the Markdown and the JSON."""

from __future__ import annotations

from recsat.report.write import write_report
from recsat.result.model import Result
from recsat.run.stage import StageContext, StageCounts


def report(context: StageContext) -> StageCounts:
    """Writes report.html, report.md and result.json from what ``evaluate`` found, with the stages' costs added."""
    evaluated = Result.model_validate(context.folder.read_json("evaluated.json"))
    result = evaluated.model_copy(update={"stages": context.folder.costs()})
    write_report(result, context.folder.path)
    return StageCounts(n_new=1)
