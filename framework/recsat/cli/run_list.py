"""``recsat runs``: the runs of a home, what they measured, and which may go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.compare import compare
from recsat.cli.consoles import cell, messages, output, short_path
from recsat.cli.options import AsJson
from recsat.cli.run_folders import run_folder

if TYPE_CHECKING:
    from recsat.config import RunConfig
    from recsat.run.retention import KnownRun

runs = typer.Typer(
    name="runs",
    help="The runs of this home: list, show, compare, pin and clean them, and see how they went.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
runs.command()(compare)
MIB = 2**20


@runs.command(name="list")
def list_runs(
    domain: Annotated[str | None, typer.Option(metavar="NAME", help="Of this domain.", show_default="all")] = None,
    series: Annotated[str | None, typer.Option(metavar="NAME", help="Of this series.", show_default="all")] = None,
    as_json: AsJson = False,
) -> None:
    """Every run of this home, the newest first."""
    from rich.table import Table

    from recsat.run.retention import runs_of, size

    home = _home()
    _name_unreadable(home)
    rows = [
        {
            "run": run.folder.run_id,
            "started": f"{run.started:%Y-%m-%d %H:%M}",
            "domain": run.domain,
            "series": run.series,
            "state": _state(run),
            "pinned": run.pinned,
            "mib": round(size(run.folder) / MIB, 1),
        }
        for run in runs_of(home)
        if all(name in (None, of_run) for name, of_run in ((domain, run.domain), (series, run.series)))
    ]
    if as_json:
        output().print_json(data=rows)
        return
    table = Table("run", "started (UTC)", "domain", "series", "state", "pinned", box=None, pad_edge=False, header_style="bold")  # fmt: skip
    table.add_column("MiB", justify="right")
    for row in rows:
        table.add_row(*(cell("" if value is None else str(value)) for value in row.values()))
    output().print(table if rows else f"No run in {home.runs_dir} yet.", markup=False)


@runs.command()
def show(run: Annotated[Path, typer.Argument(metavar="RUN", help="Its name or folder.")]) -> None:
    """What a run is, what its stages cost, and what it found."""
    from recsat.cli.summary import print_summary
    from recsat.report.write import JSON
    from recsat.run import open_run
    from recsat.run.retention import pin_reason
    from recsat.stages import REPORT

    folder = open_run(run_folder(run))
    config = folder.config()
    console = output()
    lines = [
        f"run {folder.run_id}, domain {config.domain}" + (f", series {config.series}" if config.series else ""),
        f"folder {short_path(folder.path)}",
        *(f"{cost.name}: {cost.seconds:.1f} s, {cost.peak_mib:.0f} MiB, {cost.n_new} new, {cost.n_cached} cached" for cost in folder.costs()),
    ]  # fmt: skip
    if (why := pin_reason(folder)) is not None:
        lines.append(f"pinned: {why}")
    for line in lines:
        console.print(cell(line), soft_wrap=True)
    if folder.has(JSON) or REPORT.name in {cost.name for cost in folder.costs()}:
        print_summary(folder.path, console)
    else:
        console.print(cell(f"It is not finished. Go on with: recsat run --resume {folder.path}"), soft_wrap=True)


@runs.command(name="pin")
def pin_run(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Its name or folder.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it must stay.")] = "by hand",
) -> None:
    """Keep a run, whatever is cleaned."""
    from recsat.run import open_run
    from recsat.run.retention import pin

    pin(open_run(run_folder(run)), why)


@runs.command(name="unpin")
def unpin_run(run: Annotated[Path, typer.Argument(metavar="RUN", help="Its name or folder.")]) -> None:
    """Let a pinned run be cleaned away as any other."""
    from recsat.run import open_run
    from recsat.run.retention import unpin

    unpin(open_run(run_folder(run)))


@runs.command()
def clean(
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="Newest finished runs of each domain and series that stay.")
    ] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only listed.")] = False,
) -> None:
    """Remove old run folders; their figures stay in the history.

    Pinned runs, fine-tuning runs, the latest run and runs that a process works on stay.
    """
    import shutil

    from recsat.run.retention import drafts, remove, runs_of, size, superseded

    home = _home()
    _name_unreadable(home)
    going = superseded(runs_of(home), keep)
    n_mib = sum(size(run.folder) for run in going) / MIB
    for run in going:
        if yes:
            remove(run)
        output().print(cell(run.folder.run_id), soft_wrap=True)
    if yes:
        for draft in drafts(home):
            shutil.rmtree(draft)
    verb = "removed" if yes else "would be removed; --yes removes them"
    messages().print(f"{len(going)} runs, {n_mib:.1f} MiB: {verb}.", markup=False)


@runs.command()
def trend(
    measure: Annotated[str, typer.Option(metavar="NAME", help="The measure, such as ndcg or ild.")] = "ndcg",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the page goes.", show_default="trend.html among the runs"),
    ] = None,
) -> None:
    """Write a page on how a measure went from run to run."""
    from recsat.atomic import write_text
    from recsat.errors import ConfigError, did_you_mean
    from recsat.report.trend import render_trend
    from recsat.run.history import read_history

    home = _home()
    history = read_history(home)
    names = sorted({name.partition("@")[0] for name in history["measure"].unique()})
    if names and measure not in names:
        raise ConfigError(f"--measure {measure}: no run has it.{did_you_mean(measure, names)} They have: {', '.join(names)}.")  # fmt: skip
    target = (Path(home.runs_dir) / "trend.html" if out is None else out).absolute()
    write_text(target, render_trend(history, target, measure))
    output().print(cell(str(short_path(target))), soft_wrap=True)


def _home() -> RunConfig:
    from recsat.config.home import places_of
    from recsat.config.sources import load_config

    return places_of(load_config(None, os.environ).config)


def _name_unreadable(home: RunConfig) -> None:
    """On stderr: a folder that is in no list, and never cleaned away, is not silently so."""
    from recsat.run.retention import unreadable_runs

    for path in unreadable_runs(home):
        text = f"left out: {short_path(path)}, whose config.json cannot be read. Bring it back, or remove the folder."
        messages().print(cell(text), soft_wrap=True)


def _state(run: KnownRun) -> str:
    from recsat.run.claim import is_claimed

    if is_claimed(run.folder):
        return "running"
    if run.trained:
        return "fine-tuning"
    return "finished" if run.finished else "cut short"
