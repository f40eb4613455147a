"""``recsat federated``: arms fitted on the sums of several silos, none of which sends an event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.run_folders import run_folder
from recsat.errors import ConfigError

federated = typer.Typer(
    name="federated",
    help="Fit arms on the sums of several silos, none of which sends an event.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@federated.command(name="export")
def export_sums(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run of this silo.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the sums go.", show_default=False)],
    silo: Annotated[str, typer.Option(metavar="NAME", help="This silo's name.", show_default=False)],
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of its training part alone.", show_default="everything known")
    ] = None,
    pairs: Annotated[
        bool, typer.Option(help="With what ease-text needs: a number for each pair of items, so a large file.")
    ] = False,
    secrets: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON: by the other silos' names, what each shares with this one.",
            show_default="no masks",
        ),
    ] = None,
    round_name: Annotated[
        str,
        typer.Option("--round", metavar="NAME", help="Name of the masked round, new each time.", show_default=False),
    ] = "",
    epsilon: Annotated[
        float | None, typer.Option(help="Privacy of each user; smaller is more private.", show_default="none")
    ] = None,
    delta: Annotated[float, typer.Option(help="Chance that it does not hold.")] = 1e-5,
    clip: Annotated[float, typer.Option(help="Largest part of a user, with --epsilon.")] = 1.0,
) -> None:
    """Write the sums that this silo sends: of users, never a user's."""
    from secrets import randbits

    from recsat.arms.federated import masked, noise_scale, write_sums
    from recsat.plugins import load_plugins
    from recsat.run import open_run
    from recsat.run.stage import StageContext
    from recsat.stages.federated import silo_private_sums, silo_sums

    context = StageContext.open(open_run(run_folder(run)), load_plugins())
    if epsilon is None:
        sums = silo_sums(context, silo, split, pairs=pairs)
    elif pairs:
        raise ConfigError("--epsilon: item pairs are not made private. Leave out --pairs.")
    else:
        seed = randbits(128)  # of the noise, which whoever knew it could take away
        sums, price = silo_private_sums(context, silo, split, epsilon=epsilon, delta=delta, clip=clip, seed=seed)
        messages().print(
            f"Noise of standard deviation {noise_scale(epsilon, delta, clip):.3g} on each of {sums.arrays['text'].size:,} numbers; the sums of these "
            f"{price.n_users:,} users ({price.n_clipped:,} of them clipped) are {price.ratio:.2g} times as large, and {price.n_above} of {price.n_directions} "
            "directions of taste stand above it. Keep these figures to yourself: they are not private. What they cost is in docs/how-to/federated.md.",
            style="yellow",
            soft_wrap=True,
        )
    if secrets is not None:
        sums = masked(sums, _secrets(secrets), round_name)
    write_sums(sums, out)
    size = out.stat().st_size / 2**20
    output().print(f"{out}: sums of silo {silo}{', masked' if sums.is_masked else ''}, {size:.1f} MiB", soft_wrap=True)


@federated.command(name="merge")
def merge_sums(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="One file of each silo.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the total goes.", show_default=False)],
) -> None:
    """Add up the sums of all silos; the order of the files does not matter."""
    from recsat.arms.federated import merge, read_sums, write_sums

    total = merge([read_sums(file) for file in files])
    write_sums(total, out)
    output().print(f"{out}: sums of {', '.join(total.silos)}", soft_wrap=True)
    arms = ["aligned", *(["ease-text"] if "gram" in total.arrays else [])]
    for arm in arms:
        output().print(f"{arm} with them: --set parameters.{arm}.sums={out.resolve()}", soft_wrap=True)


def _secrets(path: Path) -> dict[str, str]:
    try:
        secrets = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--secrets {path}: cannot be read as JSON ({error}).") from error
    if not isinstance(secrets, dict) or not all(isinstance(secret, str) for secret in secrets.values()):
        raise ConfigError(f'--secrets {path}: it must be an object of texts, such as {{"north": "…"}}.')
    return secrets
