"""``recsat plan``: what a run would decide by, and its hash, before there is a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.options import ConfigFile, Overrides
from recsat.errors import ConfigError


def plan(
    file: ConfigFile = None,
    overrides: Overrides = None,
    domain: Annotated[
        str | None,
        typer.Option("--demo", metavar="NAME", help="Of the demo of this domain.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it here, for measure.plan.", show_default=False)
    ] = None,
) -> None:
    """Write down what decides, before a result is seen; a run with measure.plan says whether it was kept."""
    from recsat.atomic import write_text
    from recsat.config.sources import load_config
    from recsat.plugins import load_plugins
    from recsat.run.check import check_config
    from recsat.stages.plan import Plan, WrittenPlan

    plugins = load_plugins()
    base = None if domain is None else {"domain": domain, **plugins.domain(domain).demo}
    loaded = load_config(file, os.environ, overrides or (), base=base)
    check_config(loaded.config, plugins, loaded.sources)
    written = WrittenPlan.now(Plan.of(loaded.config, plugins))
    text = written.model_dump_json(indent=2)
    if out is None:
        output().print(text, markup=False, soft_wrap=True)
        return
    if out.exists():
        raise ConfigError(f"{out} exists, and a plan is not written over. Choose another --out.")
    write_text(out, f"{text}\n")
    messages().print(f"{out}: plan {written.sha256[:12]}. Run with measure.plan={out}.", markup=False, soft_wrap=True)
