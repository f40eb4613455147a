"""``recsat finetune``: fit the text encoder to a domain's own interactions."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.options import ConfigFile, Overrides
from recsat.errors import ConfigError

if TYPE_CHECKING:
    from recsat.finetune.settings import FinetuneConfig
    from recsat.plugins import Plugins


def finetune(
    domain: Annotated[
        str | None, typer.Argument(metavar="DOMAIN", help="A domain plugin; not with --resume.", show_default=False)
    ] = None,
    file: ConfigFile = None,
    overrides: Overrides = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs at most.", show_default="5")] = None,
    pairs: Annotated[int | None, typer.Option(help="Pairs for each epoch.", show_default="4096")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pairs in a step.", show_default="64")] = None,
    freeze_layers: Annotated[
        int | None, typer.Option(help="Lower layers that stay as they are.", show_default="0")
    ] = None,
    lora: Annotated[
        int | None, typer.Option(metavar="RANK", help="Train low-rank adapters instead.", show_default="off")
    ] = None,
    classifier: Annotated[
        bool, typer.Option("--classifier", help="Train a head on (user text, item text) that predicts a like.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Go on with a training that was cut short.", show_default=False),
    ] = None,
) -> None:
    """Fine-tune the text encoder on what users liked together, and compare before and after.

    Without -c it starts from the domain's demo settings. What has no option of its own here is given as
    --set finetune.temperature=0.1 and the like, or in a file's section finetune; the run's own settings as everywhere.
    """
    from recsat.config.sources import load_config
    from recsat.finetune.settings import FinetuneConfig, FinetuneSources
    from recsat.plugins import load_plugins
    from recsat.run.check import check_config

    options = {
        "epochs": epochs,
        "pairs_per_epoch": pairs,
        "batch_size": batch_size,
        "freeze_layers": freeze_layers,
        "lora_rank": lora,
        "objective": "classification" if classifier else None,
    }
    option_settings = [f"finetune.{name}={value}" for name, value in options.items() if value is not None]
    if resume is not None:
        if domain or file or overrides or option_settings:
            raise ConfigError("--resume goes on by the settings in the run's folder. Leave out everything else.")
        _run(FinetuneConfig(), load_plugins(), resume)
        return
    if domain is None:
        raise ConfigError("Name a domain, such as recsat finetune content; recsat plugins lists them.")
    plugins = load_plugins()
    base = plugins.domain(domain).demo if file is None else None
    sets = [*(overrides or ()), f"domain={domain}", *option_settings]
    loaded = load_config(file, os.environ, sets, base, FinetuneSources)
    check_config(loaded.config, plugins, loaded.sources)
    _run(loaded.config.parts(), plugins)


def _run(config: FinetuneConfig, plugins: Plugins, resume: Path | None = None) -> None:
    from recsat.cli.progress import TerminalProgress
    from recsat.finetune.execute import finetune_run

    with TerminalProgress(messages()) as progress:
        folder = finetune_run(config, plugins, progress, resume=resume)
    report = folder / "finetune" / ("compare.md" if (folder / "finetune/compare.md").exists() else "classifier.md")
    _print(folder, report)


def _print(folder: Path, report: Path) -> None:
    from rich.markdown import Markdown
    from rich.text import Text

    from recsat.embed.provenance import CLASSIFIER

    console = output()
    console.print(Markdown(report.read_text(encoding="utf-8")))
    provenance = folder / "finetune" / "model" / "finetune.json"
    if provenance.exists():
        best = json.loads(provenance.read_text(encoding="utf-8"))["best_epoch"]
        epoch_note = (
            "no epoch was better than the start, so these are the weights it started from"
            if best == 0
            else f"epoch {best}"
        )
        console.print(
            Text(f"Model ({epoch_note}): encoder.name=transformer encoder.model={provenance.parent}"), soft_wrap=True
        )
    trained = folder / CLASSIFIER
    if trained.exists():
        line = f"Classifier: rank.reranker=classifier rank.reranker_parameters.model={trained}"
        console.print(Text(line), soft_wrap=True)
    console.print(Text(f"Report: {report}"), soft_wrap=True)
