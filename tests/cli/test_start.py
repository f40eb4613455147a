"""What the command imports: a help text must not wait for torch, and no path of it needs Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from recsat.cli.app import COMMANDS, Command, app

HEAVY = {"torch", "transformers", "qdrant_client", "qdrant_edge", "prefect", "implicit", "sklearn", "pandas"}
CODE = """
import sys
from recsat.cli import main
sys.argv = ["recsat", *{arguments}]
try:
    main()
except SystemExit as end:
    print("exit", end.code or 0, file=sys.stderr)
print("modules", *sorted(set(sys.modules) & {heavy}), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"]])
def test_light_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = CODE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "modules"
    assert "recsat" in done.stdout


def test_a_help_text_waits_for_no_table_and_no_model_of_settings(tmp_path: Path) -> None:
    code = CODE.format(arguments=["--help"], heavy={"numpy", "polars", "pydantic"})
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "modules"


def test_a_start_makes_the_options_of_no_command_that_is_not_called() -> None:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    late = {name: command for name, command in root.commands.items() if isinstance(command, Command)}
    assert list(late) == list(COMMANDS)
    root.get_help(root.make_context("recsat", [], resilient_parsing=True))
    with root.make_context("recsat", ["config", "--json"]) as context:
        name, command, rest = root.resolve_command(context, ["config", "--json"])
        assert name == "config"
        assert command is not None
        assert command.make_context(name, rest, parent=context).params["as_json"] is True
    assert [name for name, command in late.items() if "with_options" in vars(command)] == ["config"]


@pytest.mark.parametrize("arguments", [["recommend", "42"], ["recommend"], ["why", "42", "7", "--run", "gone"]])
def test_a_refused_list_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = CODE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "modules"
    assert "exit 2" in done.stderr


def test_the_installed_script_prints_a_refusal_and_no_traceback(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("recsat")
    done = subprocess.run([script, "config", "-s", "rank.kk=5"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: --set rank.kk=5: rank.kk is no setting. Did you mean 'rank.k'?")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("words", "completed"), [("recsat promo", "promote"), ("recsat run --res", "--resume")])
def test_the_shell_completes_commands_and_their_options(words: str, completed: str, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("recsat")
    environment = {"_RECSAT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([script], cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True)
    assert completed in done.stdout.splitlines()


def test_the_stages_of_a_run_load_no_statistics_that_take_a_second(tmp_path: Path) -> None:
    """Every process that runs a stage would wait for them."""
    stages = ", ".join(f"recsat.stages.{name}" for name in ("prepare", "recommend", "evaluate", "report"))
    code = f"import sys, {stages}; print(*sorted(sys.modules.keys() & {{'scipy.stats', 'pandas', 'sklearn'}}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True).stdout == b"\n"
