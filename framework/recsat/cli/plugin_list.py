"""``recsat plugins``: what is installed, what each gives, and what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import get_args

import typer
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import AsJson


def plugins(as_json: AsJson = False) -> None:
    """List plugins: name, version, what each gives, and errors. Exit code 1 where one is broken."""
    from recsat.plugins import load_plugins

    logging.getLogger("recsat.plugins").setLevel(logging.ERROR)  # the table says what the warnings say
    records = load_plugins().records
    console = output()
    if as_json:
        rows = [asdict(record) for record in records]
        console.print_json(data=rows)
    else:
        table = Table("plugin", "distribution", "status", "gives", box=None, pad_edge=False, header_style="bold")
        for record in records:
            gives = "\n".join(f"{what}: {', '.join(brief(names))}" for what, names in record.gives.items())
            good = record.status == "ok"
            table.add_row(
                Text(record.name),
                Text(f"{record.distribution} {record.version}"),
                Text(record.status, style="green" if good else "bold red"),
                Text(gives if good else record.error),
            )
        console.print(table)
    if any(record.status == "failed" for record in records):
        raise typer.Exit(ExitCode.FAULTY)


def brief(names: Sequence[str]) -> list[str]:
    """``names`` without the arms that are another one with a control in the model's place; these are said behind it.

    >>> brief(["ease", "text", "text-words", "text-permuted"])
    ['ease', 'text (-words, -permuted)']
    """
    from recsat.config.settings import Control

    controls = {
        name: [f"-{control}" for control in get_args(Control) if f"{name}-{control}" in names] for name in names
    }
    of_others = {f"{name}{control}" for name, endings in controls.items() for control in endings}
    return [
        f"{name} ({', '.join(controls[name])})" if controls[name] else name for name in names if name not in of_others
    ]
