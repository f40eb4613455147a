"""``recsat recommend``: lists from the model of a finished run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import cell, messages, output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import AsJson, Excluded, Included, Length, OfKinds, ServedRun
from recsat.cli.run_folders import require_model_or_run, run_folder, served_folder
from recsat.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from recsat import Model


def recommend(
    users: Annotated[list[str] | None, typer.Argument(metavar="USER...", help="User ids.", show_default=False)] = None,
    run: ServedRun = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody whom the model knows, into the file --out.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Parquet file for the lists of --all.", show_default=False)
    ] = None,
    k: Length = None,
    include: Included = None,
    exclude: Excluded = None,
    kind: OfKinds = None,
    as_json: AsJson = False,
) -> None:
    """Recommend to some users, with reasons, from the model that is served or that of a run; or to everybody.

    What users did since is in their lists where the model's home has a feedback log. Exit code 4: nothing is known of one of the users.
    """
    if everybody == bool(users):
        raise ConfigError("Name users, or say --all for everybody.")
    if everybody == (out is None):
        raise ConfigError("--all and --out FILE go together: everybody's lists go into a file.")
    path = require_model_or_run(served_folder() if run is None else run_folder(run))
    with _without_collections():
        from recsat.stages.model.indexed import indexed_where_large
        from recsat.stages.model.live import following
        from recsat.stages.model.loaded import Model

        model = Model.load(path)
    users = list(dict.fromkeys(users or []))
    with following(model) as live:
        if live is not None:
            model = live.model if everybody else live.at(users)
    with indexed_where_large(model) as model:
        if model.retriever is not None:
            messages().print(f"Candidates come from the index ({model.source}).", markup=False, soft_wrap=True)
        if out is not None:
            _write_all(model, out, k, include or [], exclude or [], kind or [])
            return
        lists = model.recommend(users, k, include or [], exclude or [], kind or [])
    unknown = model.unknown(users)
    for user in unknown:
        messages().print(cell(f"{user}: nothing is known of this user; the list is the fallback's."), soft_wrap=True)
    if as_json:
        output().print_json(data=lists.to_dicts())
    else:
        _print_tables(lists)
    if unknown:
        raise typer.Exit(ExitCode.UNKNOWN_USER)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Nothing is garbage while PyTorch is imported and a model loaded, and to look for it was a sixth of the command's CPU time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _write_all(
    model: Model, out: Path, k: int | None, include: list[str], exclude: list[str], kinds: list[str]
) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from recsat.stages.model.all_lists import write_all_lists

    columns = TextColumn("lists"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn()
    console = messages()
    n_users = len(model.histories)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("lists", total=n_users)
        n_rows = write_all_lists(
            model, out, k=k, include=include, exclude=exclude, kinds=kinds, advance=lambda n: progress.advance(task, n)
        )
    output().print(f"{n_rows:,} rows for {n_users:,} users in {out}", markup=False, soft_wrap=True)


def _print_tables(lists: pl.DataFrame) -> None:
    from rich.table import Table

    for (user,), rows in lists.partition_by("user_id", as_dict=True, maintain_order=True).items():
        table = Table(title=cell(f"{user} · {rows['arm'][0]}"), title_justify="left", box=None, pad_edge=False)
        table.add_column("", justify="right")
        for heading in ("item", "title", "reason"):
            table.add_column(heading)
        for row in rows.iter_rows(named=True):
            table.add_row(str(row["rank"]), *(cell(str(row[name])) for name in ("item_id", "title", "reason")))
        output().print(table)
