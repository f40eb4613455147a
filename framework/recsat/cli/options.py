"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="YAML or TOML file with settings.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="One setting, such as rank.k=20 or arms='\\[ease, text]'; may be repeated. Wins over file and environment.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
ServedRun = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="FOLDER",
        help="A finished run, or a model folder.",
        show_default="the promoted model, else runs/latest",
    ),
]
Length = Annotated[
    int | None, typer.Option("--k", "-k", min=1, max=1000, help="Length of a list.", show_default="as in the run")
]
Included = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="ITEM", help="Only these items; may be repeated.", show_default=False),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="ITEM", help="Not these items; may be repeated.", show_default=False),
]
OfKinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only these kinds; may be repeated.", show_default=False),
]
