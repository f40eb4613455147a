"""``recsat demo`` and ``recsat run``: the whole job, from files to report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import ConfigFile, Overrides
from recsat.cli.run_folders import run_folder
from recsat.errors import ConfigError

if TYPE_CHECKING:
    from recsat.config.settings import RunConfig
    from recsat.config.sources import LoadedConfig
    from recsat.contract.domain import Domain
    from recsat.plugins import Plugins


def demo(
    domain: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A domain plugin; recsat plugins lists them.", show_default="as set"),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A further sample of the domain, such as shop of ecommerce.", show_default="the first"
        ),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Run the whole job on a domain's bundled sample: from files to report."""
    from recsat.config.sources import load_config
    from recsat.plugins import load_plugins

    sets = [*(overrides or ()), *([f"domain={domain}"] if domain else [])]
    plugins = load_plugins()
    name = load_config(None, os.environ, sets).config.domain
    _run(load_config(None, os.environ, sets, base=_demo_settings(plugins.domain(name), sample)), plugins, is_demo=True)


def _demo_settings(domain: Domain, sample: str | None) -> Mapping[str, Any]:
    if sample is None:
        return domain.demo
    if sample not in domain.samples:
        there = f"it has {', '.join(domain.samples)}" if domain.samples else "it has one sample"
        raise ConfigError(
            f"--sample: domain {domain.name!r} has no sample {sample!r}; {there}. Name one of these, or leave --sample out."
        )
    return domain.samples[sample]


def run(
    file: ConfigFile = None,
    overrides: Overrides = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Go on with a run that was cut short, by its own settings.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the run's folder; the same key and settings go on where that run stopped.",
            show_default="time, domain and settings",
        ),
    ] = None,
) -> None:
    """Run the whole job on your own data and settings: from files to report."""
    from recsat.config.sources import load_config
    from recsat.plugins import load_plugins

    if resume is not None and (file is not None or overrides or key is not None):
        raise ConfigError(
            "--resume goes on by the settings in the run's folder. Leave out -c, --set and --key, or start a new run."
        )
    loaded = load_config(file, os.environ if resume is None else {}, overrides or ())
    _run(loaded, load_plugins(), None if resume is None else run_folder(resume), key)


def _refuse_without_data(config: RunConfig, plugins: Plugins) -> None:
    """A domain that reads a folder where none is named, and reads its bundled sample without one, is not asked for its sample by ``recsat run``."""
    named = {"folder", "layout"} & config.domain_config.keys()
    if named or "folder" not in plugins.domain(config.domain).config.model_fields:
        return
    raise ConfigError(
        f"no data are named, and recsat run is for your own. Name their folder: --set domain_config.folder=FOLDER, or domain_config in a file "
        f"(-c run.yaml). recsat demo --domain {config.domain} runs the bundled sample."
    )


def _run(
    loaded: LoadedConfig, plugins: Plugins, resume: Path | None = None, key: str | None = None, *, is_demo: bool = False
) -> None:
    from recsat.cli.progress import TerminalProgress
    from recsat.cli.summary import print_summary
    from recsat.run import execute
    from recsat.run.check import check_config
    from recsat.stages import PIPELINE

    if resume is None:
        check_config(loaded.config, plugins, loaded.sources)
        if not is_demo:
            _refuse_without_data(loaded.config, plugins)
    with TerminalProgress(messages()) as progress:
        folder = execute(loaded.config, plugins, progress, stages=PIPELINE, resume=resume, key=key)
    if any(alert.raised for alert in print_summary(folder, output()).alerts):
        raise typer.Exit(ExitCode.WORSE)
