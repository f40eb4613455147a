"""Flows over what is served: promote with a human gate, lists that follow feedback, lists on request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import polars as pl
from prefect import get_run_logger, pause_flow_run, task
from prefect.artifacts import create_table_artifact
from prefect.exceptions import FlowPauseTimeout
from prefect.input import RunInput
from pydantic import Field

from recsat import Model, RunConfig
from recsat.config.home import at_home, state_folder
from recsat.errors import ConfigError, RunError
from recsat.feedback.log import FeedbackLog, log_folder
from recsat.plugins import load_plugins
from recsat.report.markdown import whole
from recsat.run import RunFolder, open_run
from recsat.stages.model.all_lists import write_all_lists
from recsat.stages.model.live import following
from recsat.stages.model.refresh import refresh_lists
from recsat.stages.promotion.promote import keep, promote
from recsat.stages.promotion.record import Decision, PromotedModel, promoted_model
from recsat_flows.limited import run_within
from recsat_flows.settings import flow_settings
from recsat_flows.showing import be_heard, best_effort, emit, result_of
from recsat_flows.steps import retried
from recsat_flows.turns import Turn, limit_name, turn_of, turns

PREVIEW_ROWS = 200


class Answer(RunInput):
    """What a person decides where the evidence does not."""

    publish: Literal["keep what is served", "publish"] = Field(
        "keep what is served", description="publish: serve the new model in spite of the evidence."
    )
    why: str = Field(
        min_length=3, max_length=500, description="One sentence; it stands in the history and in the next report."
    )


def home_of(domain: str) -> RunConfig:
    """Settings with every place absolute: home, store and tenant as the environment sets them."""
    from recsat.config.sources import load_config

    return at_home(load_config(None, os.environ, [f"domain={domain}"]).config)


def run_of(domain: str, name: str) -> RunFolder:
    """A run of the domain by its name or folder; ``latest`` is the last that finished. ConfigError for one of another domain."""
    config = home_of(domain)
    runs = Path(config.runs_dir)
    if name == "latest":
        finished: dict[str, list[Path]] = {}
        for path in runs.glob("*/result.json"):
            if not path.parent.is_symlink():
                finished.setdefault(open_run(path.parent).config().domain, []).append(path.parent)
        of_domain = finished.get(domain)
        if not of_domain:
            raise RunError(f"{runs} has no finished run of domain {domain!r}. Run its pipeline first.")
        return open_run(max(of_domain, key=lambda path: (path / "result.json").stat().st_mtime_ns))
    folder = open_run(
        next((place for place in (Path(name), runs / name) if (place / "config.json").exists()), Path(name))
    )
    if {folder.config().domain} - {domain}:
        raise ConfigError(
            f"run {folder.run_id} is of domain {folder.config().domain!r}, not {domain!r}. Name one of this domain."
        )
    return folder


@task(name="promote", **retried())
def decide(folder: str, policy: str | None, why: str | None) -> tuple[Decision, bool]:
    """The decision about a run's model, and whether another model is served than before."""
    return run_within(_limit(), "promote", _decide, folder, policy, why)


def _decide(folder: str, policy: str | None, why: str | None) -> tuple[Decision, bool]:
    run = RunFolder(Path(folder))
    rule = run.config().promote
    outcome = promote(run, load_plugins(), rule if policy is None else rule.model_copy(update={"policy": policy}), why)
    return outcome.decision, outcome.changed


def promote_or_ask(folder: RunFolder, policy: str | None, *, ask: bool, hours: float = 24.0) -> Decision:
    """Promotes, or where the evidence refuses and ``ask`` is true pauses the flow run for a person's answer."""
    with turns([limit_name(folder.config())]) as turn:
        decision, changed = decide(str(folder.path), policy, None)
        if decision.action == "refused" and ask:
            decision, changed = _asking(folder, turn, decision, hours)
    get_run_logger().info("%s: %s", decision.action, decision.why)
    be_heard()
    event = "recsat.model.promoted" if changed else "recsat.model.refused" if decision.action == "refused" else None
    if event:
        emit(event, folder, result_of(folder), decision=decision.action, why=decision.why, model=decision.fingerprint)
    return decision


def _asking(folder: RunFolder, turn: Turn, refused: Decision, hours: float) -> tuple[Decision, bool]:
    question = Answer.with_initial_data(description=_question(folder, refused))
    with turn.released():  # a person may take a day
        answer = _answer(question, hours)
    if answer is None:
        return keep(folder.config(), refused, f"nobody answered within {hours:g} hours; {refused.why}"), False
    if answer.publish == "publish":
        return decide(str(folder.path), "always", f"published by hand: {answer.why}")
    return keep(folder.config(), refused, f"kept by hand: {answer.why}"), False


def _answer(question: type[Answer], hours: float) -> Answer | None:
    """A person's; None where nobody gives one in time."""
    try:
        return pause_flow_run(wait_for_input=question, timeout=int(hours * 3600))
    except FlowPauseTimeout:
        return None


def _question(folder: RunFolder, refused: Decision) -> str:
    figures = "\n".join(
        f"- {whole(one.measure)} against the {one.against}: {one.mean_now:.4f} now, {one.mean_before:.4f} before, "
        f"difference {one.difference:+.4f} ({one.low:+.4f} to {one.high:+.4f}), {one.n_users} users"
        for one in refused.evidence
        if None not in (one.mean_now, one.mean_before, one.difference, one.low, one.high)
    )
    return f"**The evidence refuses the model of run {whole(folder.run_id)}:** {whole(refused.why)}.\n\n{figures}\n\nServe it all the same?"


def served_model(domain: str) -> PromotedModel:
    """What is served; RunError where nothing is."""
    config = home_of(domain)
    served = promoted_model(Path(config.home or "."), domain, config.store.tenant)
    if served is None:
        raise RunError(
            f"no model of domain {domain!r} is served in {config.home}. Promote a run first: promote/{domain}, or recsat promote RUN."
        )
    return served


@task(name="refresh-lists", **retried())
def refresh(domain: str, k: int | None) -> dict[str, int | str]:
    """New lists for whoever did something; counts and the folder."""
    return run_within(_limit(), "refresh-lists", _refresh, domain, k)


def _refresh(domain: str, k: int | None) -> dict[str, int | str]:
    config = home_of(domain)
    folder = state_folder(config, "deployments") / "lists" / f"{config.store.tenant}-{domain}"
    model = Model.load(served_model(domain).path)
    with FeedbackLog(log_folder(config)) as log:
        outcome = refresh_lists(model, log, folder, k=k)
    return {
        "n_events": outcome.n_events,
        "n_users": outcome.n_users,
        "sequence": outcome.sequence,
        "folder": str(folder),
    }


def follow_feedback(domain: str, k: int | None) -> str:
    """One round: lists of whoever did something since the last; the folder of the lists."""
    with turn_of(home_of(domain)):
        counts = refresh(domain, k)
    be_heard()
    get_run_logger().info("%(n_events)d events, new lists for %(n_users)d users in %(folder)s", counts)
    return str(counts["folder"])


@task(name="lists", **retried())
def make_lists(
    domain: str,
    run: str,
    users: list[str],
    k: int | None,
    include: list[str],
    exclude: list[str],
    kinds: list[str],
    target: str,
) -> int:
    """Makes the lists, writes them as parquet and shows the first of them; how many rows."""
    place, n_rows, preview = run_within(
        _limit(), "lists", _write_lists, domain, run, users, k, include, exclude, kinds, target
    )
    be_heard()
    if users:
        best_effort(
            "the preview of the lists",
            lambda: create_table_artifact(
                preview, key=f"recsat-{domain}-lists".replace("_", "-"), description=f"{n_rows} rows in {place}"
            ),
        )
    return n_rows


def _write_lists(
    domain: str,
    run: str,
    users: list[str],
    k: int | None,
    include: list[str],
    exclude: list[str],
    kinds: list[str],
    target: str,
) -> tuple[str, int, list[dict[str, Any]]]:
    """Where the lists are, how many rows, and the first of them where they are some users'."""
    config = home_of(domain)
    served = promoted_model(Path(config.home or "."), domain, config.store.tenant)
    path = served.path if not run and served is not None else run_of(domain, run or "latest").path
    model = Model.load(path)
    place = Path(config.home or ".") / "lists" / target
    with following(model, config) as live:
        if not users:
            n_rows = write_all_lists(
                live.model if live else model, place, k=k, include=include, exclude=exclude, kinds=kinds
            )
            return str(place), n_rows, []
        lists = (live or model).recommend(users, k, include, exclude, kinds)
    place.parent.mkdir(parents=True, exist_ok=True)
    lists.write_parquet(place)
    preview = lists.head(PREVIEW_ROWS).select("user_id", "rank", "item_id", "title", pl.col("score").round(4), "reason")
    return str(place), lists.height, preview.to_dicts()


def _limit() -> float | None:
    return flow_settings(os.environ).task_limit_s
