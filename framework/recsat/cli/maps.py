"""``recsat map``: what one run learnt of texts and taste, as the beginning of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsat.cli.consoles import output
from recsat.cli.run_folders import run_folder
from recsat.errors import ConfigError

maps = typer.Typer(
    name="map",
    help="A map from texts to taste, from one run to another.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.", show_default=False)]


@maps.command(name="export")
def export_map(
    run: Run,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the map goes.", show_default=False)],
    l2: Annotated[float, typer.Option(min=1e-6, help="Ridge of the arm aligned.")] = 5.0,
) -> None:
    """Fit aligned on everything that a run knows, and write its map, with the encoder that it belongs to."""
    from recsat.arms.aligned import AlignedText
    from recsat.arms.linear.transfer import save_mapping
    from recsat.plugins import load_plugins
    from recsat.run import open_run
    from recsat.run.stage import StageContext
    from recsat.stages.federated import training_data
    from recsat.stages.trial.inputs import encoder_of

    context = StageContext.open(open_run(run_folder(run)), load_plugins())
    fitted = AlignedText(l2=l2).fit(training_data(context, None))
    save_mapping(fitted.mapping, out, encoder=encoder_of(context))
    output().print(f"{out}: {' × '.join(map(str, fitted.mapping.shape))}", soft_wrap=True)


@maps.command(name="use")
def use_map(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A map of recsat map export.", show_default=False)],
    run: Run,
) -> None:
    """Say whether a map fits the encoder of a run, and by which setting aligned begins there."""
    from recsat.arms.linear.transfer import encoder_of_mapping
    from recsat.plugins import load_plugins
    from recsat.run import open_run
    from recsat.run.stage import StageContext
    from recsat.stages.trial.inputs import encoder_of

    context = StageContext.open(open_run(run_folder(run)), load_plugins())
    if encoder_of_mapping(file) != encoder_of(context):
        raise ConfigError(
            f"map {file}: it was learnt with another encoder than that of {run}. Export one with the same."
        )
    output().print(f"--set parameters.aligned.prior={file.resolve()}", soft_wrap=True)
