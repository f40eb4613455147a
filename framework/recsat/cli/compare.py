"""``recsat compare``: runs beside each other, on the users and held-out items that both judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import cell, output
from recsat.cli.options import AsJson
from recsat.cli.run_folders import run_folder

if TYPE_CHECKING:
    from rich.table import Table

    from recsat.stages.compare import ComparedRuns


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Names or folders; the first is the one before.")
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A measure with a value for each list; may be repeated.",
            show_default="the primary one of each dimension that the last run has",
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this arm; may be repeated.", show_default="all of both"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs arm by arm, on the same users and the same held-out items.

    A figure of one run is never put beside a figure of another: where the runs judge nothing in common, that is what is said.
    """
    from recsat.errors import ConfigError
    from recsat.result.model import Result
    from recsat.run import open_run
    from recsat.stages.compare import compare_folders, primaries

    if len(runs) < 2:
        raise ConfigError("Name two runs or more: recsat compare RUN RUN. recsat runs list shows them.")
    first, *others = (open_run(run_folder(run)) for run in runs)
    measures = list(dict.fromkeys(measure or primaries(others[-1].read_as("evaluated.json", Result))))
    comparisons = [compare_folders(first, other, measures=measures, arms=arm) for other in others]
    if as_json:
        output().print_json(data=[as_dict(one) for one in comparisons])
        return
    for one in comparisons:
        if one.comparisons:
            output().print(comparison_table(one))
        for split, lack in one.lacks.items():
            output().print(cell(f"{split}: no comparison of {one.now} with {one.before}: {lack}"), soft_wrap=True)
    if any(one.comparisons for one in comparisons):
        output().print(
            "“better” and “worse” are against the earlier run, corrected by Holm over this table; below what stands behind “not shown” a difference would be missed more than one time in five. Lists are cut to what both runs could have listed, so that figures differ from those of the reports.",
            style="dim",
        )


def comparison_table(compared: ComparedRuns) -> Table:
    """A row for each split, arm and measure."""
    from rich.table import Table

    from recsat.result.numerals import decimals_for, interval, number, p_value, signed

    table = Table("split", "arm", "measure", box=None, pad_edge=False, header_style="bold")
    table.title, table.title_justify = cell(f"{compared.now} beside {compared.before}"), "left"
    for heading in ("before", "now", "difference", "interval", "p", "outcome", "users", "held-out pairs"):
        table.add_column(heading, justify="right")
    for one in compared.comparisons:
        places = decimals_for([one.mean_before, one.mean_now])
        outcome = ("better" if (one.mean > 0) == (one.better == "higher") else "worse") if one.significant else None
        cells = (
            one.split,
            one.arm,
            one.measure,
            number(one.mean_before, places),
            number(one.mean_now, places),
            signed(one.mean, places),
            interval(one.low, one.high, places, with_sign=True),
            p_value(one.p_adjusted),
            outcome or ("not shown" if one.detectable is None else f"not shown ({number(one.detectable)})"),
            number(float(one.n_users)),
            number(float(one.n_pairs)),
        )
        table.add_row(*map(cell, cells))
    return table


def as_dict(compared: ComparedRuns) -> dict[str, object]:
    """For JSON."""
    return {
        "before": compared.before,
        "now": compared.now,
        "comparisons": [one.model_dump(mode="json") for one in compared.comparisons],
        "lacks": compared.lacks,
    }
