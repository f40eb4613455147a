"""``recsat recommend``: lists from the model of a finished run."""

from __future__ import annotations

from typing import Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.options import AsJson


def recommend(
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="User ids.")],
    run: Annotated[str, typer.Option(metavar="FOLDER", help="A finished run, or a model folder.")] = "runs/latest",
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
    """Recommend to some users, with reasons, from the model of a finished run."""
    from recsat.stages.model.loaded import Model

    model = Model.load(run)
    lists = model.recommend(users, k, include or (), exclude or (), kind or ())
    for user in model.unknown(list(dict.fromkeys(users))):
        messages().print(f"{user}: nothing is known of this user; the list is the fallback's.", markup=False)
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
