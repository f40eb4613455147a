"""``recsat experiment`` and ``recsat plan-experiment``: a log to a decision, and how many users one takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import Result

from recsat.cli.experiments import settings_of

Recsat = Callable[..., Result]


@pytest.fixture
def log() -> pl.DataFrame:
    """200 users of each policy with five exposures each; the new one clicks twice as often and costs the same."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(400), 5)
    policy = np.where(user % 2, "new", "old")
    return pl.DataFrame(
        {
            "user_id": [f"u{i}" for i in user],
            "policy": policy,
            "click": (rng.random(len(user)) < np.where(policy == "new", 0.4, 0.2)).astype(int),
            "cost": rng.normal(10, 1, len(user)),
        }
    )


def test_the_table_and_what_it_decides(recsat: Recsat, log: pl.DataFrame) -> None:
    log.write_csv("log.csv")
    done = recsat(
        "experiment",
        "log.csv",
        "--control",
        "old",
        "--guardrail",
        "cost=0.1",
        "--lower",
        "cost",
        "--metric",
        "click/exposures",
    )
    assert done.exit_code == 0
    first, heading, click, cost, last = done.stdout.splitlines()
    assert first == "200 users with old and 200 users with new; sizes are as planned (p = 1.000)."
    assert heading.split() == [
        "metric",
        "old",
        "new",
        "difference",
        "interval",
        "relative",
        "p",
        "outcome",
    ]
    assert click.split()[0] == "click/exposures"
    assert click.split()[-1] == "better"
    assert cost.split()[0] == "cost"
    assert cost.split()[-2:] == ["guardrail", "holds"]
    assert last.startswith("Take new: click/exposures (+0.")
    assert last.endswith("is better than with old, and every guardrail holds.")


def test_several_treatments_stand_in_a_column(recsat: Recsat, log: pl.DataFrame) -> None:
    third = log.filter(policy="new").with_columns(policy=pl.lit("third"), user_id="v" + pl.col("user_id"))
    pl.concat([log, third]).write_csv("log.csv")
    lines = recsat("experiment", "log.csv", "--control", "old").stdout.splitlines()
    assert lines[1].split()[:5] == ["metric", "policy", "old", "treatment", "difference"]
    assert [line.split()[1] for line in lines[2:4]] == ["new", "third"]


def test_a_mismatch_shows_no_effect_and_ends_with_1(recsat: Recsat, log: pl.DataFrame) -> None:
    log.filter((pl.col("policy") == "old") | (pl.col("user_id").str.slice(1).cast(int) < 200)).write_csv("log.csv")
    done = recsat("experiment", "log.csv", "--control", "old")
    assert done.exit_code == 1
    assert done.stdout.startswith(
        "Sample-ratio mismatch: 200 users with old and 100 users with new, of 300, where 50.0 % and 50.0 % were planned"
    )
    assert len(done.stdout.splitlines()) == 1
    shares = recsat("experiment", "log.csv", "--control", "old", "--share", "old=2", "--share", "new=1", "--json")
    assert json.loads(shares.stdout)["stop"] is None


def test_json_is_the_result(recsat: Recsat, log: pl.DataFrame) -> None:
    log.write_csv("log.csv")
    result = json.loads(recsat("experiment", "log.csv", "--control", "old", "--json").stdout)
    assert result["source"] == "log.csv"
    (effect,) = result["effects"]
    assert (effect["metric"], effect["outcome"]) == ("click/exposures", "better")
    assert effect["difference"]["low"] > 0


def test_options_are_settings() -> None:
    settings = settings_of("a", ["x", "y/z"], ["w=0.2", "v"], ["v"], ["x=x0"], ["a=1", "b=3"], "arm", 7)
    assert settings.metrics["x"].before == "x0"
    assert (settings.metrics["y/z"].value, settings.metrics["y/z"].per) == ("y", "z")
    assert (settings.metrics["w"].role, settings.metrics["w"].margin) == ("guardrail", 0.2)
    assert (settings.metrics["v"].margin, settings.metrics["v"].better) == (0.05, "lower")
    assert (settings.shares, settings.policy, settings.days) == ({"a": 1, "b": 3}, "arm", 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Error: log.csv: which policy is the control? Say it: --control NAME."),
        (("--control", "odl"), "the control is 'odl'. Name one of at least two policies as the control. Did you mean 'old'?"),
        (("--control", "old", "--metric", "spent"), "Error: log.csv: no column 'spent'; there are user_id, policy."),
        (("--control", "old", "--guardrail", "cost=x"), "Error: --guardrail: 'x' is no number."),
        (("--control", "old", "--share", "old"), "Error: --share: 'old' has no NAME=VALUE. Write it so."),
        (("--control", "old", "--lower", "cost"), "Error: --lower: 'cost' is no metric of this command."),
        (("--control", "old", "--before", "click/exposures=cost"), "a ratio has neither before nor cap. Leave them out, or compare the sum of each user."),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_in_a_line(
    recsat: Recsat, log: pl.DataFrame, arguments: tuple[str, ...], message: str
) -> None:
    log.write_csv("log.csv")
    done = recsat("experiment", "log.csv", *arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert message in line


def test_a_run_without_an_experiment_says_so(recsat: Recsat) -> None:
    done = recsat("experiment", "nowhere")
    assert done.exit_code == 2
    assert "nowhere" in done.stderr


def test_text_of_a_log_steers_no_terminal(recsat: Recsat, log: pl.DataFrame) -> None:
    log.with_columns(policy=pl.col("policy") + "\x1b[31m [bold]").write_parquet("log.parquet")
    done = recsat("experiment", "log.parquet", "--control", "old\x1b[31m [bold]")
    assert "\x1b" not in done.stdout
    assert "[bold]" in done.stdout


def test_users_and_days(recsat: Recsat) -> None:
    done = recsat("plan-experiment", "--rate", "0.05", "--smallest", "0.005", "--per-day", "2000")
    assert done.stdout.splitlines() == [
        "62,464 users, 31,232 in the treatment and 31,232 in the control: a true difference of 0.00500 is shown in 80% of experiments.",
        "32 days at 2,000 new users a day; 5 whole weeks hold every weekday as often.",
    ]


def test_the_smallest_effect_of_so_many_users(recsat: Recsat) -> None:
    plain = json.loads(recsat("plan-experiment", "--deviation", "2", "--users", "1000", "--json").stdout)
    cuped = json.loads(
        recsat("plan-experiment", "--deviation", "2", "--users", "1000", "--correlation", "0.8", "--json").stdout
    )
    assert plain["smallest"] == pytest.approx(2 * 0.1774, rel=1e-3)
    assert cuped["smallest"] == pytest.approx(0.6 * plain["smallest"])
    assert (plain["users"], plain["treatment"], plain["days"]) == (1000, 500, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rate", "0.1"), "Give one of --smallest"),
        (("--users", "10", "--smallest", "1", "--rate", "0.1"), "Give one of --smallest"),
        (("--users", "10"), "Give one of --rate"),
        (("--smallest", "0.5", "--rate", "0.7"), "rate: 1.2 must lie between 0 and 1, also with the effect added."),
        (("--smallest", "0.5", "--deviation", "1", "--share", "1"), "share: 1 must lie between 0 and 1."),
    ],
)
def test_no_plan_is_said_in_a_line(recsat: Recsat, arguments: tuple[str, ...], message: str) -> None:
    done = recsat("plan-experiment", *arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert message in line


def test_the_log_is_the_default_run(recsat: Recsat) -> None:
    assert Path("runs/latest").exists() is False
    assert "runs/latest" in recsat("experiment").stderr
