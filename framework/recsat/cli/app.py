"""The commands under one name, and what becomes of their errors."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import entry_points
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_command_name
from typer.models import CommandInfo

from recsat.cli.aa import aa
from recsat.cli.compare import compare
from recsat.cli.consoles import cell, messages, output
from recsat.cli.diagnosis import doctor
from recsat.cli.estimates import estimate
from recsat.cli.examples import epilog
from recsat.cli.exit_codes import ExitCode
from recsat.cli.experiments import experiment, plan_experiment
from recsat.cli.federated import federated
from recsat.cli.feedback import feedback
from recsat.cli.finetune import finetune
from recsat.cli.language_models import judge, profiles
from recsat.cli.lists import recommend
from recsat.cli.maps import maps
from recsat.cli.own_data import init
from recsat.cli.plans import plan
from recsat.cli.plugin_list import plugins
from recsat.cli.promotion import promote, promoted, rollback
from recsat.cli.reports import report
from recsat.cli.run_list import runs
from recsat.cli.runs import demo, run
from recsat.cli.scaffolding import new_plugin
from recsat.cli.scoring import score
from recsat.cli.serving import serve
from recsat.cli.settings import config
from recsat.cli.why import why
from recsat.errors import RecsatError


class Command(TyperCommand):
    """A command whose options are made when it is called: a tenth of what ``recsat --help`` takes went into options that it does not show."""

    def __init__(self, name: str, callback: Callable[..., None]) -> None:
        self._info = CommandInfo(name=name, callback=callback, epilog=epilog(name))
        super().__init__(name, help=inspect.getdoc(callback), rich_markup_mode=app.rich_markup_mode)

    @cached_property
    def with_options(self) -> Any:
        """As typer makes it."""
        return get_command_from_info(
            self._info, pretty_exceptions_short=app.pretty_exceptions_short, rich_markup_mode=app.rich_markup_mode
        )

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        return self.with_options.make_context(*arguments, **options)


class Commands(TyperGroup):
    """Prints recsat's own errors as messages; everything else is a bug and keeps its traceback."""

    def __init__(self, *, commands: dict[str, Any], **options: Any) -> None:
        of_recsat = {name: Command(name, callback) for name, callback in COMMANDS.items()}
        super().__init__(commands={**of_recsat, **commands}, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # People add it at the end of the line that failed.
        if "--debug" in args:
            args = ["--debug", *(arg for arg in args if arg != "--debug")]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RecsatError as error:
            if ctx.params.get("debug"):
                raise
            messages().print("[bold red]Error:[/]", end=" ")
            _print_lines(str(error), *notes_of(error))
            raise typer.Exit(ExitCode.REFUSED) from error
        except KeyboardInterrupt as stop:
            _print_lines("Stopped.", *notes_of(stop))
            raise typer.Exit(ExitCode.INTERRUPTED) from stop


def notes_of(error: BaseException) -> list[str]:
    """What whoever it passed through added to it."""
    return list(getattr(error, "__notes__", ()))


def _print_lines(*texts: str) -> None:
    lines = [line for text in texts for line in text.split("\n")]
    messages().print(Text("\n").join(map(cell, lines)), soft_wrap=True)


app = typer.Typer(
    name="recsat",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(is_set: bool) -> None:
    if is_set:
        from recsat import __version__

        output().print(f"recsat {__version__}")
        raise typer.Exit


@app.callback()
def recsat(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and every log record.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Does a language model make a recommender's users more satisfied? recsat answers with evidence.

    Settings come from defaults, a file (-c), RECSAT_* variables (RECSAT_RANK__K=20) and --set, in that order.
    """
    from rich.logging import RichHandler

    handler = RichHandler(console=messages(), show_time=False, show_path=debug)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("recsat").setLevel(logging.DEBUG if debug else logging.WARNING)


COMMANDS = {
    **{
        get_command_name(command.__name__): command
        for command in (
            init, demo, run, estimate, plan, report, recommend, why, promote, rollback, promoted, feedback, serve, score, aa, experiment, plan_experiment, judge, profiles, compare, config, finetune, plugins, doctor, new_plugin
        )
    },
    **{entry.name: entry.load() for entry in entry_points(group="recsat.commands")},  # those of the flows, which the library does not know
}  # fmt: skip
"""The function of each command, groups aside."""

for group in (runs, federated, maps):
    app.add_typer(group)
    for command_info in group.registered_commands:
        assert command_info.callback is not None
        name = command_info.name or get_command_name(command_info.callback.__name__)
        command_info.epilog = epilog(f"{group.info.name} {name}") or epilog(name)


def main() -> None:
    """Entry point of the script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without some sign shows another one, and goes on
    app()
