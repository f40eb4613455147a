"""The estimate of a run, written into its folder and said to whoever waits for it."""

from __future__ import annotations

from recsat.run.stage import StageContext
from recsat.stages.estimate.estimate import ESTIMATE_FILE, estimate


def say_estimate(context: StageContext) -> None:
    """Writes estimate.json, and notes in one line what the run will take; each thing that may not suffice has a line of its own.

    It is said once ``prepare`` has finished, before anything is embedded.
    """
    of_run = estimate(context)
    context.folder.write_json(ESTIMATE_FILE, of_run.model_dump(mode="json"))
    context.progress.note(of_run.sentence)
    for note in of_run.notes:
        context.progress.note(note)
