"""``recsat doctor``: would a run work here?"""

from __future__ import annotations

import os

import typer
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import output
from recsat.cli.options import ConfigFile, Overrides

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(file: ConfigFile = None, overrides: Overrides = None) -> None:
    """Check Python, torch and its device, plugins, settings, encoder, store, folders, Prefect. Exit code 1 on a failure."""
    from recsat.config_sources import load_config
    from recsat.doctor import diagnose
    from recsat.plugins import load_plugins

    loaded = load_config(file, os.environ, overrides or ())
    console = output()
    failed = False
    for check in diagnose(loaded.config, load_plugins(), os.environ, loaded.sources):
        line = Table.grid(padding=(0, 2))
        line.add_column(width=4)
        line.add_column(width=8)
        line.add_column()
        line.add_row(Text(check.status, style=STYLES[check.status]), check.name, Text(check.found))
        if check.advice:
            line.add_row("", "", Text(check.advice, style="italic"))
        console.print(line)
        failed = failed or check.status == "fail"
    if failed:
        raise typer.Exit(1)
