"""``recsat feedback``: what users did, into the log of this home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import cell, output
from recsat.cli.options import AsJson
from recsat.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

N_SHOWN = 10


def feedback(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Events, as JSON lines (.jsonl) or CSV.", show_default=False),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="What the log has.")] = False,
    domain: Annotated[str | None, typer.Option(metavar="NAME", help="Of this domain.", show_default="as set")] = None,
    as_json: AsJson = False,
) -> None:
    """Append what users did to the feedback log; the next lists know it. The same file again changes nothing."""
    from recsat.config.home import at_home
    from recsat.config.sources import load_config
    from recsat.feedback.log import FeedbackLog, has_log, log_folder
    from recsat.feedback.reading import read_events

    if (file is None) != show:
        raise ConfigError("Name a file of events, or say --show.")
    config = at_home(load_config(None, os.environ, [] if domain is None else [f"domain={domain}"]).config)
    folder = log_folder(config)
    if file is not None:
        events = read_events(file)
        with FeedbackLog(folder) as log:
            appended = log.append(events)
        counts = {"new": appended.new, "repeated": appended.repeated, "sequence": appended.sequence}
        if as_json:
            output().print_json(data=counts)
        else:
            output().print(
                cell(
                    f"{appended.new} new, {appended.repeated} in the log already; {appended.sequence} events in {folder}"
                ),
                soft_wrap=True,
            )
        return
    if not has_log(folder):
        output().print(cell(f"There is no feedback of domain {config.domain} in {config.home} yet."), soft_wrap=True)
        return
    with FeedbackLog(folder) as log:
        _show(log.since(0), folder, as_json)


def _show(events: pl.DataFrame, folder: Path, as_json: bool) -> None:
    summary = {
        "log": str(folder),
        "events": events.height,
        "users": events["user_id"].n_unique(),
        "items": events["item_id"].n_unique(),
        "first": None if events.is_empty() else str(events["timestamp"].min()),
        "last": None if events.is_empty() else str(events["timestamp"].max()),
    }
    if as_json:
        output().print_json(data=summary)
        return
    from rich.table import Table

    for name, value in summary.items():
        output().print(cell(f"{name}: {value}"), soft_wrap=True)
    columns = ("sequence", "timestamp", "user_id", "item_id", "event", "value")
    table = Table(
        *columns, title=f"the last {min(N_SHOWN, events.height)}", title_justify="left", box=None, pad_edge=False
    )
    for row in events.tail(N_SHOWN).select(columns).iter_rows():
        table.add_row(*(cell("" if value is None else str(value)) for value in row))
    output().print(table)
