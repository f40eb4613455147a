"""``recsat plugins``: what is installed, what each gives, and what is wrong."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import output
from recsat.cli.options import AsJson


def plugins(as_json: AsJson = False) -> None:
    """List plugins: name, version, what each gives, and errors. Exit code 1 where one is broken."""
    from recsat.plugins import load_plugins

    logging.getLogger("recsat.plugins").setLevel(logging.ERROR)  # the table says what the warnings say
    records = load_plugins().records
    console = output()
    if as_json:
        rows = [asdict(record) for record in records]
        console.print(json.dumps(rows, indent=2, ensure_ascii=False), markup=False, soft_wrap=True)
    else:
        table = Table("plugin", "distribution", "status", "gives", box=None, pad_edge=False, header_style="bold")
        for record in records:
            gives = "\n".join(f"{what}: {', '.join(names)}" for what, names in record.gives.items())
            good = record.status == "ok"
            table.add_row(
                Text(record.name),
                Text(f"{record.distribution} {record.version}"),
                Text(record.status, style="green" if good else "bold red"),
                Text(gives if good else record.error),
            )
        console.print(table)
    if any(record.status == "failed" for record in records):
        raise typer.Exit(1)
