"""``recsat experiment`` and ``recsat plan-experiment``: what an experiment says, and how many users one takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import cell, output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import AsJson
from recsat.cli.run_folders import run_folder

if TYPE_CHECKING:
    from rich.table import Table

    from recsat.config.settings import ExperimentSettings
    from recsat.result.model import Experiment

Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="COLUMN[/COLUMN]",
        help="What decides: the sum of a column for each user, or a ratio such as click/exposures; may be repeated.",
        show_default="click/exposures",
    ),
]


def experiment(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|RUN", help="A log with user_id, policy and outcomes, or a run's folder.")
    ] = Path("runs/latest"),
    control: Annotated[
        str | None, typer.Option("--control", metavar="POLICY", help="The policy that the others are compared with.")
    ] = None,
    metric: Metrics = None,
    guardrail: Annotated[
        list[str] | None,
        typer.Option(
            "--guardrail",
            metavar="COLUMN[/COLUMN][=MARGIN]",
            help="What must not be worse, by a share of the control's mean (0.05); may be repeated.",
        ),
    ] = None,
    lower: Annotated[
        list[str] | None,
        typer.Option("--lower", metavar="METRIC", help="A metric of which less is better; may be repeated."),
    ] = None,
    before: Annotated[
        list[str] | None,
        typer.Option("--before", metavar="METRIC=COLUMN", help="The user's value before (CUPED); may be repeated."),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--share",
            metavar="POLICY=NUMBER",
            help="Which share a policy was to have; may be repeated. None: as many each.",
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", metavar="COLUMN", help="The column that names the policy.")
    ] = "policy",
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            min=1,
            help="Count so many days of each user, from the first exposure on.",
            show_default="the whole log",
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", min=0.5, max=0.999, help="Level of the intervals.")
    ] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Compare policies that were shown to users at random, and say what that decides."""
    from recsat.errors import ConfigError
    from recsat.experiment import analyse, read_log

    if source.is_file():
        if control is None:
            raise ConfigError(f"{source}: which policy is the control? Say it: --control NAME.")
        settings = settings_of(
            control, metric or [], guardrail or [], lower or [], before or [], share or [], policy, days
        )
        result = analyse(read_log(source, settings), settings, source=source.name, confidence=confidence)
    else:
        result = _of_run(source)
    if as_json:
        output().print_json(data=result.model_dump(mode="json"))
    else:
        _print(result)
    if result.stop is not None:
        raise typer.Exit(ExitCode.FAULTY)


def settings_of(
    control: str,
    metrics: list[str],
    guardrails: list[str],
    lower: list[str],
    before: list[str],
    shares: list[str],
    policy: str,
    days: int | None,
) -> ExperimentSettings:
    """Settings of the options; metrics are called as they are written."""
    from pydantic import ValidationError

    from recsat.config.settings import ExperimentSettings
    from recsat.errors import ConfigError, did_you_mean

    sections: dict[str, dict[str, object]] = {}
    for text in metrics or ([] if guardrails else ["click/exposures"]):
        sections[text] = _columns(text)
    for text in guardrails:
        name, margin = _pair("--guardrail", text) if "=" in text else (text, "0.05")
        sections[name] = {**_columns(name), "role": "guardrail", "margin": _number("--guardrail", margin)}
    for option, names in (
        ("--lower", dict.fromkeys(lower, "")),
        ("--before", dict(_pair("--before", text) for text in before)),
    ):
        for name, column in names.items():
            if name not in sections:
                raise ConfigError(f"{option}: {name!r} is no metric of this command.{did_you_mean(name, sections)}")
            sections[name] |= {"before": column} if option == "--before" else {"better": "lower"}
    try:
        return ExperimentSettings.model_validate(
            {
                "control": control,
                "metrics": sections,
                "policy": policy,
                "days": days,
                "shares": {
                    name: _number("--share", part) for name, part in (_pair("--share", text) for text in shares)
                },
            }
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise ConfigError(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}."
        ) from error


def plan_experiment(
    smallest: Annotated[
        float | None,
        typer.Option(
            "--smallest",
            metavar="NUMBER",
            help="The smallest difference that would be worth having.",
            show_default=False,
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(
            "--users", min=4, help="Users of both groups: how small an effect would they show?", show_default=False
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Rate of the control, where each user has a value of 0 or 1.", show_default=False),
    ] = None,
    deviation: Annotated[
        float | None,
        typer.Option("--deviation", help="Standard deviation of the metric over users.", show_default=False),
    ] = None,
    per_day: Annotated[
        int | None,
        typer.Option("--per-day", min=1, help="New users a day, for the number of days.", show_default=False),
    ] = None,
    share: Annotated[float, typer.Option("--share", help="Of the users in the treatment.")] = 0.5,
    correlation: Annotated[
        float, typer.Option("--correlation", help="Of the metric with its value before (CUPED).")
    ] = 0.0,
    power: Annotated[float, typer.Option("--power", help="How often the effect is to be shown.")] = 0.8,
    confidence: Annotated[float, typer.Option("--confidence", help="Level of the test.")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Say how many users and days an experiment takes, or how small an effect so many users would show."""
    from recsat.errors import ConfigError
    from recsat.experiment import Design, smallest_effect, users_needed
    from recsat.experiment.planner import deviation_of_rates

    if (smallest is None) == (users is None):
        raise ConfigError(
            "Give one of --smallest, for how many users it takes, and --users, for how small an effect they show."
        )
    if (rate is None) == (deviation is None):
        raise ConfigError(
            "Give one of --rate, where each user has a value of 0 or 1, and --deviation, of the metric over users."
        )
    if deviation is None:
        assert rate is not None
        deviation = deviation_of_rates(rate, rate + (smallest or 0.0))
    design = Design(deviation=deviation, share=share, power=power, confidence=confidence, correlation=correlation)
    effect = smallest_effect(design, users) if smallest is None and users is not None else float(smallest or 0.0)
    n = users_needed(design, effect) if users is None else users
    n_days = None if per_day is None else -(-n // per_day)
    if as_json:
        output().print_json(
            data={
                "users": n,
                "treatment": round(n * share),
                "days": n_days,
                "smallest": effect,
                "deviation": deviation,
                "power": power,
                "confidence": confidence,
            }
        )
        return
    from recsat.result.numerals import number

    groups = f"{round(n * share):,} in the treatment and {n - round(n * share):,} in the control"
    output().print(
        f"{n:,} users, {groups}: a true difference of {number(abs(effect))} is shown in {power:.0%} of experiments.",
        soft_wrap=True,
    )
    if n_days is not None:
        weeks = -(-n_days // 7)
        output().print(
            f"{n_days:,} days at {per_day:,} new users a day; {weeks:,} whole week{'s' if weeks > 1 else ''} hold{'s' if weeks == 1 else ''} every weekday as often.",
            soft_wrap=True,
        )


def _of_run(source: Path) -> Experiment:
    from recsat.errors import RunError
    from recsat.result.model import Result
    from recsat.run import open_run

    folder = open_run(run_folder(source))
    result = folder.read_as("evaluated.json", Result)
    if result.experiment is None:
        raise RunError(
            f"run {folder.run_id}: it has no experiment. Say in measure.experiment which policy is the control, or name a file of exposures."
        )
    return result.experiment


def _print(result: Experiment) -> None:
    from recsat.report.experiment import decision_in_words, groups_in_words, notes_in_words

    output().print(cell(groups_in_words(result)), soft_wrap=True)
    if result.effects:
        output().print(effect_table(result))
    for sentence in notes_in_words(result):
        output().print(cell(sentence), soft_wrap=True, style="dim")
    if result.stop is None:
        for treatment in list(result.n_users)[1:]:
            output().print(cell(decision_in_words(result, treatment)), soft_wrap=True, style="bold")


def effect_table(result: Experiment) -> Table:
    """A row for each metric and treatment."""
    from rich.table import Table

    from recsat.report.experiment import effect_label, role_label
    from recsat.result.numerals import decimals_for, interval, number, p_value, signed

    treatments = list(result.n_users)[1:]
    several = len(treatments) > 1
    headings = ["metric", *(["policy"] if several else []), result.control, "treatment" if several else treatments[0]]
    headings += ["difference", "interval", "relative", "p", "every day", "outcome"]
    every_day = any(effect.every_day is not None for effect in result.effects)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        if heading != "every day" or every_day:
            table.add_column(cell(heading), justify="left" if heading in ("metric", "policy", "outcome") else "right")
    for effect in result.effects:
        places = decimals_for([effect.mean_control, effect.mean_treatment])
        difference, daily = effect.difference, effect.every_day
        cells = [
            effect.metric,
            *([effect.treatment] if several else []),
            number(effect.mean_control, places),
            number(effect.mean_treatment, places),
            signed(difference.value, places),
            interval(difference.low, difference.high, places, with_sign=True),
            "–" if effect.relative is None else f"{signed(100 * effect.relative.value, 1)} %",
            p_value(effect.p if effect.p_adjusted is None else effect.p_adjusted),
        ]
        if every_day:
            cells.append("–" if daily is None else interval(daily.low, daily.high, places, with_sign=True))
        role = "" if effect.role == "primary" else f"{role_label(effect.role)} "
        table.add_row(*map(cell, [*cells, role + effect_label(effect)]))
    return table


def _columns(text: str) -> dict[str, object]:
    value, _, per = text.partition("/")
    return {"value": value, "per": per or None}


def _pair(option: str, text: str) -> tuple[str, str]:
    from recsat.errors import ConfigError

    name, equals, value = text.rpartition("=")
    if not equals or not name or not value:
        raise ConfigError(f"{option}: {text!r} has no NAME=VALUE. Write it so.")
    return name, value


def _number(option: str, text: str) -> float:
    from recsat.errors import ConfigError

    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {text!r} is no number.") from error
