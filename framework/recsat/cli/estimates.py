"""``recsat estimate``: what a run will take, before it is started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import cell, messages, output
from recsat.cli.options import AsJson, ConfigFile, Overrides

if TYPE_CHECKING:
    from rich.table import Table

    from recsat.stages.estimate.estimate import Estimate


def estimate(
    file: ConfigFile = None,
    overrides: Overrides = None,
    domain: Annotated[
        str | None,
        typer.Option("--demo", metavar="NAME", help="Of the demo of this domain.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run will take, seconds, memory and disk: its data are read and split, and nothing is embedded or fitted."""
    from recsat.cli.progress import TerminalProgress
    from recsat.config.sources import load_config
    from recsat.plugins import load_plugins
    from recsat.run.check import check_config
    from recsat.stages.estimate.before import estimate_before

    plugins = load_plugins()
    base = None if domain is None else {"domain": domain, **plugins.domain(domain).demo}
    loaded = load_config(file, os.environ, overrides or (), base=base)
    check_config(loaded.config, plugins, loaded.sources)
    with TerminalProgress(messages()) as progress:
        of_run = estimate_before(loaded.config, plugins, progress)
    if as_json:
        output().print_json(data=of_run.model_dump(mode="json"))
        return
    output().print(stage_table(of_run))
    output().print()
    output().print(arm_table(of_run))
    for note in (*of_run.not_counted, *of_run.too_small):
        output().print(cell(note), soft_wrap=True)


def stage_table(of_run: Estimate) -> Table:
    """A row for each stage, and one of them all."""
    from rich.table import Table

    from recsat.result.numerals import duration, memory

    table = Table("Stage", box=None, pad_edge=False, header_style="bold")
    for heading in ("Time", "Memory", "Disk"):
        table.add_column(heading, justify="right")
    for stage in of_run.stages:
        table.add_row(stage.name, duration(stage.seconds), memory(stage.peak_mib), memory(stage.disk_mib))
    table.add_row("in all", duration(of_run.seconds), memory(of_run.peak_mib), memory(of_run.disk_mib), style="bold")
    table.add_row("free here", "", memory(of_run.free_mib), memory(of_run.free_disk_mib), style="dim")
    return table


def arm_table(of_run: Estimate) -> Table:
    """Seconds of ``recommend`` by arm, the costliest first."""
    from rich.table import Table

    from recsat.result.numerals import duration

    table = Table("Arm, on all splits", box=None, pad_edge=False, header_style="bold")
    table.add_column("Time", justify="right")
    for name, seconds in of_run.arms.items():
        table.add_row(cell(name), duration(seconds))
    return table
