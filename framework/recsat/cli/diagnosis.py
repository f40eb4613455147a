"""``recsat doctor``: would a run work here? Would this plugin?"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import cell, output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import ConfigFile, Overrides

if TYPE_CHECKING:
    from recsat.doctor.machine import Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    file: ConfigFile = None,
    overrides: Overrides = None,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder with your own tables.", metavar="FOLDER", show_default=False)
    ] = None,
    plugin: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Check this plugin alone, with what it gives.", show_default=False),
    ] = None,
) -> None:
    """Check Python, torch and its device, plugins, settings, encoder, store, folders, Prefect, and your own data. Exit code 1 on a failure.

    Data are looked at where a folder is named, here or in the settings: what is read, what is faulty, what is left, and what each split can answer.
    """
    from recsat.config.sources import load_config
    from recsat.doctor.data import diagnose_data
    from recsat.doctor.machine import diagnose
    from recsat.plugins import load_plugins

    if plugin is not None:
        _show(_checks_of(plugin, file, overrides or ()))
        return
    plugins = load_plugins()
    loaded = load_config(file, os.environ, [*(_data_in(folder) if folder else ()), *(overrides or ())])
    checks = diagnose(loaded.config, plugins, os.environ, loaded.sources)
    _show(chain(checks, diagnose_data(loaded.config, plugins)) if loaded.config.domain_config else checks)


def _data_in(folder: Path) -> Iterator[str]:
    """Settings that name the folder, and its layout where it has tables."""
    from recsat.data.reading import find_table

    place = folder.expanduser().absolute()
    yield f"domain_config.folder={json.dumps(str(place))}"
    if find_table(place, "items") is not None:
        yield "domain_config.layout=tables"


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
        line.add_row(Text(check.status, style=STYLES[check.status]), check.name, cell(check.message))
        if check.advice:
            line.add_row("", "", Text(_lines(check.advice), style="italic"))
        console.print(line)
        failed = failed or check.status == "fail"
    if failed:
        raise typer.Exit(ExitCode.FAULTY)


def _lines(text: str) -> str:
    """``text`` with its lines, and nothing else that would steer a terminal."""
    return "\n".join(cell(line).plain for line in text.splitlines())
