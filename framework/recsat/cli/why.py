"""``recsat why``: why an item is in a user's list, or is not."""

from __future__ import annotations

from typing import Annotated

import typer

from recsat.cli.consoles import cell, output
from recsat.cli.options import AsJson, Excluded, Included, Length, OfKinds, ServedRun
from recsat.cli.run_folders import require_model_or_run, run_folder, served_folder


def why(
    user: Annotated[str, typer.Argument(metavar="USER", help="User id.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Item id.")],
    run: ServedRun = None,
    k: Length = None,
    include: Included = None,
    exclude: Excluded = None,
    kind: OfKinds = None,
    as_json: AsJson = False,
) -> None:
    """Say at which step an item came into a user's list or fell out of it, and what would have to change."""
    path = require_model_or_run(served_folder() if run is None else run_folder(run))
    from recsat.stages.model.live import following
    from recsat.stages.model.loaded import Model

    model = Model.load(path)
    with following(model) as live:
        explanation = (live or model).why(user, item, k, include or [], exclude or [], kind or [])
    console = output()
    if as_json:
        console.print_json(data=explanation.model_dump(mode="json"))
        return
    title = "" if explanation.title is None else f" · {explanation.title}"
    console.print(cell(f"{user} · {item}{title}"), style="bold", soft_wrap=True)
    for sentence in explanation.sentences:
        console.print(cell(sentence), soft_wrap=True)
