"""``recsat new-plugin``: a domain plugin to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from recsat.cli.consoles import output


def new_plugin(
    name: Annotated[str, typer.Argument(help="Name of the plugin and of its domain, such as books.", metavar="NAME")],
    directory: Annotated[
        Path, typer.Option("--directory", metavar="FOLDER", help="Where to put the plugin's folder.")
    ] = Path("."),
) -> None:
    """Write a domain plugin that installs, passes its tests and runs: code, sample, tests, README."""
    from recsat.scaffold import write_plugin

    written = write_plugin(name, directory)
    lines = [f"Wrote {written.folder}", *(f"  {path.as_posix()}" for path in written.files), "Next:"]
    lines += [f"  pip install -e {_quoted(written.folder)}", f"  recsat demo --domain {name}"]
    output().print(Text("\n".join(lines)), soft_wrap=True)


def _quoted(folder: Path) -> str:
    """As a shell and pip take it: a bare word would be looked up on the package index."""
    from shlex import quote

    return quote(str(folder) if folder.is_absolute() else f"./{folder.as_posix()}")
