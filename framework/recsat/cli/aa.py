"""``recsat aa``: how often the report of a run would say something where nothing is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import AsJson
from recsat.cli.run_folders import run_folder

if TYPE_CHECKING:
    from rich.table import Table

    from recsat.measure.aa import Alarms


def aa(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")] = Path("runs/latest"),
    n: Annotated[int, typer.Option("--n", min=20, max=100_000, help="Random worlds of each kind.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of coins and divisions.")] = 0,
    as_json: AsJson = False,
) -> None:
    """A/A: exchange arms and divide users at random, and count how often the run's report would say something."""
    from rich.progress import Progress
    from rich.text import Text

    from recsat.measure.aa import beyond_chance
    from recsat.run import open_run
    from recsat.stages.aa import run_aa

    with Progress(console=messages(), transient=True, disable=not messages().is_terminal) as progress:
        task = progress.add_task("A/A", total=None)
        alarms, lacks = run_aa(
            open_run(run_folder(run)),
            n=n,
            seed=seed,
            expect=lambda total: progress.update(task, total=total),
            advance=lambda size: progress.advance(task, size),
        )
    too_many = beyond_chance(alarms)
    if as_json:
        output().print_json(data=[{**as_dict(one), "beyond_chance": one in too_many} for one in alarms])
    else:
        output().print(alarm_table(alarms))
        for sentence in lacks:
            output().print(Text(f"Arms are not exchanged: {sentence}"), soft_wrap=True)
        output().print(Text(in_words(alarms, too_many)), soft_wrap=True)
    if too_many:
        raise typer.Exit(ExitCode.FAULTY)


def alarm_table(alarms: list[Alarms]) -> Table:
    """A row for each kind of A/A: how often each measure was different by itself, and how often the report would have said anything."""
    from rich.table import Table
    from rich.text import Text

    labels = list(dict.fromkeys(measure.label for one in alarms for measure in one.measures))
    table = Table("split", "A/A", "arms", box=None, pad_edge=False, header_style="bold")
    for heading in (*(f"{label} alone" for label in labels), "any in the report", "95 % interval"):
        table.add_column(Text(heading), justify="right")
    previous = None
    for one in alarms:
        if previous not in (None, one.split):
            table.add_section()
        shares = {measure.label: f"{measure.alone / one.n:.1%}" for measure in one.measures}
        low, high = one.interval
        head = ("" if one.split == previous else one.split, one.way, " | ".join(one.arms))
        cells = *head, *(shares.get(label, "–") for label in labels), f"{one.n_alarms / one.n:.1%}"
        table.add_row(*map(Text, cells), Text(f"{low:.1%}–{high:.1%}"))
        previous = one.split
    return table


def in_words(alarms: list[Alarms], too_many: list[Alarms]) -> str:
    """Whether the report keeps its word."""
    if not alarms:
        return "Nothing was measured, so nothing could be said of it."
    n, level = alarms[0].n, alarms[0].level
    if not too_many:
        return f"In each of {len(alarms)} kinds of A/A the report would be silent in at least {1 - level:.0%} of {n:,} worlds, but for chance."
    kinds = "; ".join(f"{one.split}, {one.way}: {' | '.join(one.arms)}, {one.n_alarms / one.n:.1%}" for one in too_many)
    return f"More than {level:.0%} of {n:,} worlds, and beyond chance, in {len(too_many)} of {len(alarms)} kinds of A/A: {kinds}."


def as_dict(one: Alarms) -> dict[str, object]:
    """For JSON: counts as they are, and the share with its interval."""
    from dataclasses import asdict

    low, high = one.interval
    return {**asdict(one), "share": one.n_alarms / one.n, "low": low, "high": high}
