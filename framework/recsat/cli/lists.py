"""``recsat recommend``: lists for some users from a finished run."""

from __future__ import annotations

from typing import Annotated

import typer

from recsat.cli.consoles import output
from recsat.cli.options import AsJson


def recommend(
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="User ids.")],
    run: Annotated[str, typer.Option(metavar="FOLDER", help="A finished run.")] = "runs/latest",
    arm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The arm.", show_default="the one that led on the first split")
    ] = None,
    k: Annotated[
        int | None, typer.Option("--k", "-k", min=1, max=1000, help="Length of a list.", show_default="as in the run")
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="Only these items; may be repeated.", show_default=False)
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="Not these items; may be repeated.", show_default=False)
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only these kinds; may be repeated.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend to some users, with reasons, from a finished run."""
    from recsat.plugins import load_plugins
    from recsat.stages.serve import ServeConfig, serve

    serve_config = ServeConfig(
        run=run, users=users, arm=arm, k=k, include=include or [], exclude=exclude or [], kinds=kind or []
    )
    lists = serve(serve_config, load_plugins())
    if as_json:
        output().print_json(data=lists.to_dicts())
        return
    from rich.table import Table
    from rich.text import Text

    for (user,), rows in lists.partition_by("user_id", as_dict=True, maintain_order=True).items():
        table = Table(title=Text(f"{user} · {rows['arm'][0]}"), title_justify="left", box=None, pad_edge=False)
        table.add_column("", justify="right")
        for heading in ("item", "title", "reason"):
            table.add_column(heading)
        for row in rows.iter_rows(named=True):
            table.add_row(str(row["rank"]), *(Text(str(row[name])) for name in ("item_id", "title", "reason")))
        output().print(table)
