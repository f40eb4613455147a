"""The estimate of a run, written into its folder and said to whoever waits for it."""

from __future__ import annotations

import logging
from typing import Final

from recsat.run.stage import StageContext
from recsat.stages.estimate.estimate import ESTIMATE_FILE, estimate

logger = logging.getLogger(__name__)

WORTH_SAYING: Final = 60.0
"""Seconds; who waits for less need not be told."""


def say_estimate(context: StageContext) -> None:
    """Writes estimate.json, and notes in one line what a run of a minute or more will take, and what is not counted in it; whatever may not suffice is noted in any case.

    It is said once ``prepare`` has finished, before anything is embedded.
    """
    of_run = estimate(context)
    context.folder.write_json(ESTIMATE_FILE, of_run.model_dump(mode="json"))
    logger.info("%s", of_run.sentence)
    if of_run.seconds >= WORTH_SAYING:
        for note in (of_run.sentence, *of_run.not_counted):
            context.progress.note(note)
    for note in of_run.too_small:
        context.progress.note(note)
