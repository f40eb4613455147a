"""What a person sees at the end of a run: a short table, the answer in words, and where the report is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recsat.report.headline import (
    answer_in_words,
    arms_on,
    direction,
    diversity_measure,
    headlines,
    lead_measure,
    mean_of,
    split_names,
)
from recsat.result.model import MeasureInfo, Result
from recsat.result.numerals import number

MARKS = {"better": "▲", "worse": "▼", "different": "◆", None: " "}


def main_measures(result: Result) -> list[MeasureInfo]:
    """The few that stand for all: nDCG and recall, one of diversity, coverage, and the first of behaviour and of business.

    A measure that no arm has a value of is left out; the report says why it has none.
    """
    valued = {name for arm in result.arms for name in arm.measures if mean_of(arm, name) is not None}
    infos = {info.name: info for info in result.measures if info.name in valued}
    recall = next((info for name, info in infos.items() if name.startswith("recall")), None)
    coverage = next((info for name, info in infos.items() if "coverage" in name), None)
    behaviour = next((info for info in infos.values() if info.dimension == "behaviour"), None)
    business = next((info for info in infos.values() if info.dimension == "business"), None)
    main_infos = [lead_measure(result), recall, diversity_measure(result), coverage, behaviour, business]
    return list({info.name: info for info in main_infos if info is not None}.values())


def summary_table(result: Result) -> Table:
    """Arms × main measures, a section for each split; the best arm of each split in bold."""
    measures = main_measures(result)
    table = Table("split", "arm", box=None, pad_edge=False, header_style="bold")
    for info in measures:
        table.add_column(Text(f"{info.label} ({info.unit})" if info.unit else info.label), justify="right")
    for split in split_names(result):
        for place, arm in enumerate(arms_on(result, split)):
            cells = [Text(f"{number(mean_of(arm, info.name))} {MARKS[direction(arm, info)]}") for info in measures]
            table.add_row(Text(split if place == 0 else ""), Text(arm.name), *cells, style="bold" if place == 0 else "")
        table.add_section()
    return table


def print_summary(folder: Path, console: Console) -> None:
    """Reads ``result.json`` of a run folder and prints what matters of it."""
    result = Result.model_validate_json((folder / "result.json").read_bytes())
    console.print()
    console.print(summary_table(result))
    console.print(Text(f"▲ better, ▼ worse than {result.baseline} (significant, Holm)", style="dim"))
    console.print()
    console.print(Text(answer_in_words(headlines(result))))
    if result.data.simulated:
        console.print(Text(f"Simulated data, which say nothing about people: {result.data.source}"), soft_wrap=True)
    console.print(Text(f"Report: {folder / 'report.html'}"), soft_wrap=True)
