"""``recsat serve``: lists over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from recsat.cli.run_folders import home_config, run_folder
from recsat.errors import ConfigError

NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def serve(
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A finished run, or a model folder; followed where it changes.",
            show_default="what is promoted, else runs/latest",
        ),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Serve what is promoted of this domain.", show_default="as set")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's need a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes; each loads the model.")] = 1,
    feedback: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where events are kept.", show_default="below the model's home"),
    ] = None,
    max_users: Annotated[int, typer.Option(min=1, help="Users of one request.")] = 100,
    max_k: Annotated[int, typer.Option(min=1, max=1000, help="Length of a list.")] = 100,
    max_events: Annotated[int, typer.Option(min=1, help="Events of one request.")] = 1_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Size of a request's body.")] = 1_048_576,
    index_from: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="ITEMS",
            help="Catalogues of so many items and more take candidates from the index, where that is on a server.",
        ),
    ] = 100_000,
    refresh: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="How often another model and what everybody did are looked for."),
    ] = 5.0,
) -> None:
    """Serve lists over HTTP, and take events that change the next list at once.

    RECSAT_API_KEY is the key that callers must send, in X-API-Key or as a bearer token. Ends with SIGTERM or Ctrl-C, after the requests in progress.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"recsat serve needs {', '.join(missing)}. Install it: pip install 'recsat[serve]'")
    from recsat.serving.server import serve as serve_model
    from recsat.serving.settings import ServingSettings

    settings = ServingSettings(
        max_users=max_users,
        max_k=max_k,
        max_events=max_events,
        max_bytes=max_bytes,
        refresh_s=refresh,
        index_from=index_from,
    )
    from recsat.serving.source import FolderSource, HomeSource

    if run is not None and domain is not None:
        raise ConfigError("--run and --domain name two models. Name one.")
    config = home_config(domain)
    fallback = run_folder(Path("runs/latest")).absolute()
    source: FolderSource | HomeSource = HomeSource(
        Path(config.home or "."), config.domain, config.store.tenant, fallback
    )
    if run is not None:
        source = FolderSource(run_folder(run).absolute())
    serve_model(source, feedback, settings, host, port, workers)
