"""Every help text can be read and pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.core import TyperGroup
from typer.testing import Result

from recsat.cli import app
from recsat.cli.examples import EXAMPLES
from recsat.cli.exit_codes import ExitCode

Command = tuple[str, ...]
COMMANDS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def commands(group: TyperGroup, path: Command = ()) -> Iterator[tuple[Command, Any]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), getattr(command, "with_options", command)


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, TyperGroup)
ALL = dict(commands(ROOT))


def examples(path: Command) -> tuple[str, ...]:
    return EXAMPLES.get(" ".join(path)) or EXAMPLES.get(path[-1], ())


def squeezed(text: str) -> str:
    """Without boxes and line breaks."""
    return re.sub(r"[\s│]+", " ", text)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_nothing_of_a_help_text_is_taken_for_markup(path: Command, recsat: Callable[..., Result]) -> None:
    done = recsat(*path, "--help")
    assert done.exit_code == 0
    text, command = squeezed(done.stdout), ALL[path]
    for parameter in command.params:
        help_text = getattr(parameter, "help", None) or ""
        literal = help_text.replace("\\[", "[")
        assert Text.from_markup(help_text).plain == literal, f"{parameter.name}: write \\[ for a bracket"
        assert squeezed(literal) in text
    for example in examples(path):
        assert squeezed(example) in text


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_example_can_be_pasted(path: Command) -> None:
    assert examples(path), "write what people paste into recsat/cli/examples.py"
    for example in examples(path):
        program, *words = shlex.split(example)
        assert program == "recsat"
        if path == ("runs", "compare"):
            words = ["runs", *words]
        assert tuple(words[: len(path)]) == path
        ALL[path].make_context(path[-1], words[len(path) :])  # raises UsageError where an option is not there


def test_exit_codes_stand_on_the_page_of_commands() -> None:
    section = COMMANDS_PAGE.read_text(encoding="utf-8").partition("## Exit codes")[2]
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", section, flags=re.MULTILINE)]
    assert listed == sorted(ExitCode)
