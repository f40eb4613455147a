"""The stages of a run, in order.

Importing this package loads no torch: each stage's module is imported when the stage runs.
"""

from __future__ import annotations

from typing import Final

from recsat.run.stage import Stage, StageContext, StageCounts


def _prepare(context: StageContext) -> StageCounts:
    from recsat.stages.prepare import prepare

    return prepare(context)


def _embed(context: StageContext) -> StageCounts:
    from recsat.stages.embed import embed
    from recsat.stages.estimate.say import say_estimate

    say_estimate(context)
    return embed(context)


def _index(context: StageContext) -> StageCounts:
    from recsat.stages.index import index

    return index(context)


def _recommend(context: StageContext) -> StageCounts:
    from recsat.stages.recommend import recommend

    return recommend(context)


def _evaluate(context: StageContext) -> StageCounts:
    from recsat.stages.evaluate import evaluate

    return evaluate(context)


def _model(context: StageContext) -> StageCounts:
    from recsat.stages.model.keep import model

    return model(context)


def _report(context: StageContext) -> StageCounts:
    from recsat.stages.report import report

    return report(context)


PREPARE: Final = Stage("prepare", _prepare)
EMBED: Final = Stage("embed", _embed)
INDEX: Final = Stage("index", _index)
RECOMMEND: Final = Stage("recommend", _recommend)
EVALUATE: Final = Stage("evaluate", _evaluate)
MODEL: Final = Stage("model", _model)
REPORT: Final = Stage("report", _report)
PIPELINE: Final = (PREPARE, EMBED, INDEX, RECOMMEND, EVALUATE, MODEL, REPORT)
"""From files to report."""
