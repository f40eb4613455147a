"""``recsat doctor``: would a run work here? Would this plugin?"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import output
from recsat.cli.options import ConfigFile, Overrides

if TYPE_CHECKING:
    from recsat.doctor.machine import Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    file: ConfigFile = None,
    overrides: Overrides = None,
    plugin: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Check this plugin alone, with what it gives.", show_default=False),
    ] = None,
) -> None:
    """Check Python, torch and its device, plugins, settings, encoder, store, folders, Prefect. Exit code 1 on a failure."""
    from recsat.config.sources import load_config
    from recsat.doctor.machine import diagnose
    from recsat.plugins import load_plugins

    if plugin is not None:
        _show(_checks_of(plugin, file, overrides or ()))
        return
    loaded = load_config(file, os.environ, overrides or ())
    _show(diagnose(loaded.config, load_plugins(), os.environ, loaded.sources))


def _checks_of(plugin: str, file: Path | None, overrides: Sequence[str]) -> Iterator[Check]:
    from recsat.config.sources import LoadedConfig, load_config
    from recsat.doctor.plugin import diagnose_plugin
    from recsat.plugins import load_plugins

    logging.getLogger("recsat.plugins").setLevel(logging.ERROR)  # the checks say what the warnings say
    plugins = load_plugins()

    def settings_of(domain: str | None) -> LoadedConfig:
        if domain is None:
            return load_config(file, os.environ, overrides)
        return load_config(file, os.environ, [*overrides, f"domain={domain}"], base=plugins.domain(domain).demo)

    return diagnose_plugin(plugin, plugins, settings_of)


def _show(checks: Iterable[Check]) -> None:
    console = output()
    failed = False
    for check in checks:
        line = Table.grid(padding=(0, 2))
        line.add_column(width=4)
        line.add_column(width=8)
        line.add_column(overflow="fold")  # a path that is cut says nothing
        line.add_row(Text(check.status, style=STYLES[check.status]), check.name, Text(check.message))
        if check.advice:
            line.add_row("", "", Text(check.advice, style="italic"))
        console.print(line)
        failed = failed or check.status == "fail"
    if failed:
        raise typer.Exit(1)
