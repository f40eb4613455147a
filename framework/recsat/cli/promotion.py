"""``recsat promote``, ``rollback`` and ``promoted``: which model is served, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsat.cli.consoles import cell, output
from recsat.cli.exit_codes import ExitCode
from recsat.cli.options import AsJson
from recsat.cli.run_folders import home_config, run_folder
from recsat.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from recsat.config.settings import PromoteSettings
    from recsat.stages.promotion.record import Decision, Evidence

Domain = Annotated[str | None, typer.Option(metavar="NAME", help="Of this domain.", show_default="as set")]


def promote(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run: its name or folder.")],
    policy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="always, within-margin, not-worse or better.", show_default="as in the run"),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="How much worse is as good, 0.05 is 5 %.", show_default="as in the run"),
    ] = None,
    measure: Annotated[
        str | None, typer.Option(metavar="NAME", help="A measure of accuracy.", show_default="as in the run")
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help="A measure that must not be worse either; may be repeated.",
            show_default="as in the run",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a run's model in the place of what is served, if it is not worse; model and index move together.

    Exit code 3: refused by the evidence.
    """
    from recsat.plugins import load_plugins
    from recsat.run import open_run
    from recsat.stages.promotion.promote import promote as decide

    folder = open_run(run_folder(run))
    choices = {"policy": policy, "margin": margin, "measure": measure, "guards": _guards(guard)}
    rule = _rule(folder.config().promote, {name: value for name, value in choices.items() if value is not None})
    outcome = decide(folder, load_plugins(), rule)
    refused = outcome.decision.action == "refused"
    if as_json:
        output().print_json(data={"changed": outcome.changed, **outcome.decision.model_dump(mode="json")})
    elif not outcome.changed and not refused:
        output().print(cell(f"The model of run {folder.run_id} is served already; nothing is done."), soft_wrap=True)
    else:
        _print(outcome.decision)
    if refused:
        raise typer.Exit(ExitCode.WORSE)


def rollback(
    domain: Domain = None,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Serve the model that was served before, with its index."""
    from recsat.plugins import load_plugins
    from recsat.stages.promotion.promote import rollback as go_back

    outcome = go_back(home_config(domain), load_plugins(), why)
    if as_json:
        output().print_json(data=outcome.decision.model_dump(mode="json"))
    else:
        _print(outcome.decision)


def promoted(domain: Domain = None, as_json: AsJson = False) -> None:
    """What is served, since when and why, and every decision before."""
    from recsat.stages.promotion.record import PromotionPlace

    config = home_config(domain)
    place = PromotionPlace.of(Path(config.home or "."), config.domain, config.store.tenant)
    served, history = place.promoted(), place.history()
    if as_json:
        data: dict[str, Any] = {
            "served": None if served is None else served.decision.model_dump(mode="json"),
            "path": None if served is None else str(served.path),
            "history": [one.model_dump(mode="json") for one in history],
        }
        output().print_json(data=data)
        return
    if served is None:
        output().print(
            cell(f"No model of domain {config.domain} is served in {config.home}. recsat promote RUN serves one."),
            soft_wrap=True,
        )
    else:
        _print(served.decision)
        output().print(cell(f"folder {served.path}"), soft_wrap=True)
    if history:
        output().print(_history_table(history))


def _rule(rule: PromoteSettings, choices: dict[str, Any]) -> PromoteSettings:
    from pydantic import ValidationError

    try:
        return type(rule).model_validate({**rule.model_dump(), **choices})
    except ValidationError as error:
        first = error.errors()[0]
        option = " ".join(map(str, first["loc"])).replace("guards", "guard") or "guard"
        raise ConfigError(f"--{option}: {first['msg']}") from error


def _guards(guards: list[str] | None) -> dict[str, str] | None:
    if guards is None:
        return None
    pairs = [guard.partition("=") for guard in guards]
    bare = [name for name, sign, _ in pairs if not sign]
    if bare:
        raise ConfigError(f"--guard {bare[0]}: name a measure and its margin, such as --guard recall=0.05.")
    return {name: share for name, _, share in pairs}


def _print(decision: Decision) -> None:
    console = output()
    console.print(
        cell(f"{decision.action}: {decision.arm} of run {decision.run_id}, model {decision.fingerprint[:12]}"),
        soft_wrap=True,
    )
    console.print(cell(f"{decision.time:%Y-%m-%d %H:%M} UTC, policy {decision.policy}: {decision.why}"), soft_wrap=True)
    if decision.evidence:
        console.print(_evidence_table(decision.evidence))
    for check in decision.checks:
        console.print(cell(f"✓ {check}"), soft_wrap=True)


def _evidence_table(evidence: Sequence[Evidence]) -> Table:
    from rich.table import Table

    from recsat.result.numerals import decimals_for, interval, number, signed

    table = Table("against", "measure", box=None, pad_edge=False, header_style="bold")
    for heading in ("before", "now", "difference", "interval", "margin", "within it by", "users", ""):
        table.add_column(heading, justify="right")
    for one in evidence:
        if one.mean_before is None or one.mean_now is None or one.difference is None or one.reserve is None:
            table.add_row(one.against, one.measure, *[""] * 7, "✗")
            continue
        places = decimals_for([one.mean_before, one.mean_now])
        cells = (
            one.against,
            one.measure,
            number(one.mean_before, places),
            number(one.mean_now, places),
            signed(one.difference, places),
            interval(one.low, one.high, places, with_sign=True),
            f"{one.margin:.0%}",
            interval(one.reserve_low, one.reserve_high, places, with_sign=True),
            str(one.n_users),
            "✓" if one.holds else "✗",
        )
        table.add_row(*map(cell, cells))
    return table


def _history_table(history: Sequence[Decision]) -> Table:
    from rich.table import Table

    table = Table(
        "time (UTC)", "decision", "run", "arm", "model", "policy", "why", box=None, pad_edge=False, header_style="bold"
    )
    for one in reversed(history):
        cells = f"{one.time:%Y-%m-%d %H:%M}", one.action, one.run_id, one.arm, one.fingerprint[:12], one.policy, one.why
        table.add_row(*map(cell, cells))
    return table
