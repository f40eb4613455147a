"""``recsat report``: a finished run's report once more, in another language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsat.cli.consoles import output
from recsat.cli.run_folders import run_folder
from recsat.errors import RunError


def report(
    run: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="A finished run.")] = Path("runs/latest"),
    language: Annotated[
        str | None,
        typer.Option(metavar="en|zh", help="Language of page, Markdown and summary.", show_default="as in the run"),
    ] = None,
) -> None:
    """Write a finished run's report anew, such as in another language; its numbers stay as they are, and stand in the history."""
    from recsat.cli.summary import print_summary
    from recsat.report.language import LANGUAGES
    from recsat.report.write import JSON, write_report
    from recsat.result.model import Result
    from recsat.run.folder import open_run
    from recsat.run.history import write_history

    chosen_language = next((one for one in LANGUAGES if one == language), None)
    if language is not None and chosen_language is None:
        raise RunError(f"--language {language}: the report has {' and '.join(LANGUAGES)}.")
    folder = open_run(run_folder(run))
    if not folder.has(JSON):
        raise RunError(
            f"run folder {run}: {JSON} is missing, so the run is not finished. Go on with: recsat run --resume {run}"
        )
    result = folder.read_as(JSON, Result)
    write_report(result, folder.path, chosen_language)
    write_history(folder, result)
    print_summary(folder.path, output(), chosen_language)
