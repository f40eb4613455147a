"""What a person sees at the end of a run: a short table, the answer in words, and where the report is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import short_path
from recsat.config.settings import Language
from recsat.report.alerts import alert_in_words
from recsat.report.answers import missing_in_words, split_answers
from recsat.report.counterfactual import counterfactual_in_words
from recsat.report.experiment import experiment_with_notes
from recsat.report.headline import (
    answer_in_words,
    arms_on,
    direction,
    headlines,
    main_measures,
    mean_of,
    split_names,
)
from recsat.report.kinds import kind_in_words
from recsat.report.language import gettext, in_catalogue, in_language, language_of
from recsat.report.plan import plan_in_words
from recsat.report.policy_log import policy_log_in_words
from recsat.report.signs import SIGNS, exploratory, signs_in_words
from recsat.result.model import MeasureInfo, Result
from recsat.result.numerals import number
from recsat.run.folder import RunFolder


def summary_table(result: Result) -> Table:
    """Arms × main measures, a section for each split; the best arm of each split in bold."""
    measures = main_measures(result)
    table = Table(gettext("Split"), gettext("Arm"), box=None, pad_edge=False, header_style="bold")
    for info in measures:
        table.add_column(Text(_heading(info)), justify="right")
    for split in split_names(result):
        for place, arm in enumerate(arms_on(result, split)):
            cells = [
                Text(f"{number(mean_of(arm, info.name))} {SIGNS[direction(arm, info)] or ' '}") for info in measures
            ]
            table.add_row(Text(split if place == 0 else ""), Text(arm.name), *cells, style="bold" if place == 0 else "")
        table.add_section()
    return table


def print_summary(folder: Path, console: Console, language: Language | None = None) -> Result:
    """Reads ``result.json`` of a run folder, prints what matters of it, in ``language`` (None: as configured), and returns it."""
    result = RunFolder(folder).read_as("result.json", Result)
    with in_language(language or language_of(result)):
        console.print()
        console.print(summary_table(result))
        console.print(Text(signs_in_words(result, split_names(result)), style="dim"))
        console.print()
        lines = headlines(result)
        console.print(Text(gettext("Does a language model make these users more satisfied?"), style="bold"))
        console.print(Text(answer_in_words(lines)))
        for one in split_answers(result, lines):
            console.print(Text(f"{one.split}: {one.text}"))
        if result.kind_accuracy:
            console.print(Text(exploratory(result)))
        for kind in result.kind_accuracy:
            console.print(Text(f"{kind.split}, {kind_in_words(result, kind)}"))
        if missing := missing_in_words(result):
            console.print(Text(missing))
        if result.plan is not None:
            console.print(Text(plan_in_words(result.plan)))
        for split_log in result.counterfactuals:
            console.print(Text(f"{split_log.split}: {counterfactual_in_words(result, split_log)}"))
        for log in result.policy_logs:
            console.print(Text(f"{log.name}: {policy_log_in_words(log)}"))
        if result.experiment is not None:
            console.print(Text(experiment_with_notes(result.experiment)))
        for alert in result.alerts:
            style = "bold red" if alert.raised else ""
            console.print(
                Text(f"{alert_in_words(alert)} {in_catalogue(alert.lack)}".rstrip(), style=style), soft_wrap=True
            )
        if result.data.simulated:
            source = in_catalogue(result.data.source)
            console.print(
                Text(gettext("Simulated data, which say nothing about people: %(source)s", source=source)),
                soft_wrap=True,
            )
        console.print(Text(gettext("Report: %(path)s", path=short_path(folder / "report.html"))), soft_wrap=True)
    return result


def _heading(info: MeasureInfo) -> str:
    label = in_catalogue(info.label)
    return f"{label} ({in_catalogue(info.unit)})" if info.unit else label
