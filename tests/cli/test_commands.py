"""What the commands print and how they end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import Result

from recsat import ConfigError
from recsat.cli import app
from recsat.cli.app import COMMANDS
from recsat.cli.exit_codes import ExitCode
from recsat.run.stage import Stage

Recsat = Callable[..., Result]


def test_config_shows_each_value_with_its_source(recsat: Recsat) -> None:
    Path("runs.yaml").write_text("rank: {k: 3}\ndomain_config: {languages: [no]}\nfinetune: {epochs: 3}\n")
    done = recsat("config", "-c", "runs.yaml", "--set", "seed=7", RECSAT_RUNS_DIR="elsewhere")
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    cells = {key: [cell.strip() for cell in row.split("  ") if cell.strip()] for key, row in rows.items()}
    assert cells["rank.k"] == ["3", "file runs.yaml"]
    assert cells["seed"] == ["7", "--set"]
    assert cells["runs_dir"] == ["elsewhere", "environment RECSAT_RUNS_DIR"]
    assert cells["domain_config.languages"] == ['["no"]', "file runs.yaml"]
    assert cells["domain_config.layout"] == ["movielens", "default"]
    assert cells["finetune.epochs"] == ["3", "file runs.yaml"]
    assert cells["rank.n_candidates"] == ["500", "default"]
    assert done.exit_code == 0


def test_config_as_json_can_be_used_as_a_file_again(recsat: Recsat) -> None:
    first = json.loads(recsat("config", "--json", "--set", "rank.k=3", "--set", "arms=[ease]").stdout)
    assert first["config"]["rank"]["k"] == 3
    assert first["sources"]["rank.k"] == "--set"
    assert first["sources"]["seed"] == "default"
    Path("again.yaml").write_text(json.dumps(first["config"]))
    again = json.loads(recsat("config", "--json", "-c", "again.yaml").stdout)
    assert again["config"] == first["config"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--set", "rank.kk=5"], "Error: --set rank.kk=5: rank.kk is no setting. Did you mean 'rank.k'?"),
        (["config", "-c", "absent.yaml"], "Error: Configuration file absent.yaml does not exist"),
        (["config", "-s", "domain=conten"], "Error: --set: domain: no plugin gives a domain 'conten'. Did you mean 'content'?"),
        (["run", "-s", "arms=[eas]"], "Error: --set: arms: No arm is called 'eas'. Did you mean 'ease'?"),
        (["run", "-s", "measure.baseline=pop"], "Error: --set: measure.baseline: No arm is called 'pop'."),
        (["run", "-s", "rank.filters=[sean]"], "Error: --set: rank.filters: No filter is called 'sean'. Did you mean 'seen'?"),
        (["run", "-s", "encoder.name=minilmm"], "Error: --set: encoder.name: No encoder is called 'minilmm'. Did you mean 'minilm'?"),
        (["run", "-s", "parameters.eas.l2=1"], "Error: --set: parameters.eas: No arm is called 'eas'. Did you mean 'ease'?"),
        (["run", "-s", "parameters.ease.lamda=1"], "Error: --set: parameters.ease: the arm cannot be made with {'lamda': 1}"),
        (["run", "-s", "parameters.ease.l2=-1"], "l2 must be above 0, not -1"),
        (["run", "-s", "domain_config.regoin=x"], "Error: --set: domain_config.regoin is no setting. Did you mean 'domain_config.region'?"),
        (["run", "--resume", "."], "is not a run folder"),
        (["run", "--resume", ".", "-s", "seed=1"], "Error: --resume goes on by the settings in the run's folder."),
        (["demo", "--domain", "shop"], "no plugin gives a domain 'shop'"),
        (["demo", "--domain", "ecommerce", "--sample", "shp"], "Error: --sample: domain 'ecommerce' has no sample 'shp'; it has shop."),
        (["demo", "--domain", "game", "--sample", "shop"], "Error: --sample: domain 'game' has no sample 'shop'; it has one sample."),
    ],
)  # fmt: skip
def test_what_is_refused_is_a_message_and_exit_code_2(recsat: Recsat, arguments: list[str], message: str) -> None:
    done = recsat(*arguments)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.exit_code, done.stdout) == (2, "")
    assert list(Path().iterdir()) == []  # refused before anything was written


@pytest.mark.parametrize(
    "arguments", [[], ["-s", "rank.k=5"], ["-s", "domain=game"], ["-s", "domain_config.languages=[en]"]]
)
def test_a_run_without_data_is_refused_and_says_what_to_give(recsat: Recsat, arguments: list[str]) -> None:
    done = recsat("run", *arguments)
    assert "no data are named" in done.stderr
    assert "--set domain_config.folder=FOLDER" in done.stderr
    assert "recsat demo --domain" in done.stderr
    assert (done.exit_code, done.stdout) == (ExitCode.REFUSED, "")
    assert list(Path().iterdir()) == []


def test_data_that_are_refused_leave_no_run(recsat: Recsat) -> None:
    Path("mine").mkdir()
    Path("mine/items.csv").write_text("item_id,title\na,A\n")
    Path("mine/events.csv").write_text("user_id,item_id,event,timestamp\nu,b,play,2024-01-01\n")
    done = recsat("run", "-s", "domain_config.folder=mine", "-s", "domain_config.layout=tables", RECSAT_HOME=".")
    assert "events.csv, row 2: item_id 'b' is not among the items" in done.stderr
    assert "Go on with" not in done.stderr
    assert done.exit_code == ExitCode.REFUSED
    assert list(Path("runs").iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/runs", "x" * 300])
def test_a_folder_of_runs_that_cannot_be_is_refused(recsat: Recsat, place: str) -> None:
    Path("file").write_text("mine")
    done = recsat("demo", "-s", f"runs_dir={place}", RECSAT_HOME=".")
    assert "runs_dir: no run folder can be made in" in done.stderr
    assert done.exit_code == ExitCode.REFUSED
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_what_is_stopped_names_the_command_by_which_it_goes_on(recsat: Recsat, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(context: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recsat.stages.PIPELINE", (Stage("prepare", stopped),))  # type: ignore[arg-type]
    done = recsat("demo", RECSAT_HOME=".")
    folder = next(path for path in Path("runs").iterdir() if path.name != "latest").absolute()
    assert done.stderr.splitlines()[-2:] == ["Stopped.", f"Go on with: recsat run --resume {folder}"]
    assert done.exit_code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("arguments", [["--debug", "config", "-s", "k=5"], ["config", "-s", "k=5", "--debug"]])
def test_debug_lets_the_error_through(recsat: Recsat, arguments: list[str]) -> None:
    done = recsat(*arguments)
    assert isinstance(done.exception, ConfigError)
    assert done.exit_code == 1


def test_square_brackets_of_a_message_are_no_markup(recsat: Recsat) -> None:
    assert "splits[0].name must match ^[a-z]" in recsat("config", "-s", "splits=[{name: A}]").stderr


def test_plugins_lists_what_each_gives(recsat: Recsat) -> None:
    table, listing = recsat("plugins"), recsat("plugins", "--json")
    records = {record["name"]: record for record in json.loads(listing.stdout)}
    assert records["recsat"]["status"] == records["content"]["status"] == "ok"
    assert "ease" in records["recsat"]["gives"]["recommenders"]
    assert "recsat-content " in table.stdout
    assert "domains: content" in table.stdout
    any_broken = any(record["status"] == "failed" for record in records.values())
    assert table.exit_code == listing.exit_code == int(any_broken)


def test_a_broken_plugin_is_listed_with_its_error_and_exit_code_1(
    recsat: Recsat, distribution: Callable[[str, str], None]
) -> None:
    distribution("shop", "import a_module_that_nobody_has\n")
    done = recsat("plugins")
    assert done.exit_code == 1
    assert "recsat-shop 1.2" in done.stdout
    assert "a_module_that_nobody_has" in done.stdout
    assert done.stderr == ""  # once is enough
    # It is in nobody's way until it is asked for.
    assert recsat("config").exit_code == 0
    config = recsat("config", "-s", "domain=shop")
    assert config.exit_code == 2
    assert "a_module_that_nobody_has" in config.stderr


def test_doctor_tells_what_to_do_and_ends_with_1(recsat: Recsat) -> None:
    done = recsat("doctor", "-s", "encoder.name=transformer", PREFECT_API_URL="127.0.0.1:4200")
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith(("ok", "warn", "fail"))}
    assert lines["encoder"].startswith("fail")
    assert "set encoder.model" in lines["encoder"]
    assert lines["prefect"].startswith("fail")
    assert lines["store"].startswith("ok")
    assert "Give an address such as" in done.stdout
    assert done.exit_code == 1
    assert list(Path().iterdir()) == []  # nothing is left behind


def named(commands: typer.Typer) -> list[str]:
    return [
        command.name or command.callback.__name__.replace("_", "-")
        for command in commands.registered_commands
        if command.callback
    ]


def test_the_page_of_commands_has_every_command() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    groups = {
        group.typer_instance.info.name: group.typer_instance for group in app.registered_groups if group.typer_instance
    }
    known = set(COMMANDS) | {f"{group} {name}" for group, of_group in groups.items() for name in named(of_group)}
    listed = [words.split() for words in re.findall(r"`recsat ([^`]+)`", page) if not words.startswith(("<", "-"))]
    assert {f"{first} {rest[0]}" if first in groups else first for first, *rest in listed} == known


@pytest.mark.slow
def test_a_further_sample_of_a_domain_runs_and_answers_with_behaviour_and_business_value(recsat: Recsat) -> None:
    sizes = ("domain_config.simulated_users=80", "domain_config.simulated_items=60", "domain_config.simulated_seed=1")
    quick = (
        "arms=[popularity, ease]",
        "parameters={ease: {l2: 10.0}}",
        "splits=[{name: timeline, protocol: timeline}]",
    )
    few = ("measure.n_bootstrap=100", "measure.curves=false", "rank.k=5")
    settings = [part for setting in (*sizes, *quick, *few) for part in ("-s", setting)]
    done = recsat("demo", "--domain", "ecommerce", "--sample", "shop", *settings, RECSAT_HOME=".")
    assert done.exit_code == 0, done.stderr
    assert "Simulated data, which say nothing about people" in done.stdout
    assert "Click through rate" in done.stdout
    assert "Revenue per user" in done.stdout
