"""What a flow run is in recsat's words: its name, its series, and the keys of its run folder and its report."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

from prefect import runtime
from prefect.context import FlowRunContext

from recsat import RunConfig
from recsat.config.settings import AlertSettings

BY_HAND = "by hand"
"""In the place of a deployment's name."""
DEFAULT_ARM, WORSE_BY = "hybrid", 0.05
"""The alert of scheduled runs whose settings name none."""


def named_after(domain: str) -> Callable[[], str]:
    """``flow_run_name`` of a flow of one domain, see :func:`run_name`."""
    return lambda: run_name(domain)


def run_name(domain: str | None = None) -> str:
    """``content · nightly · 2026-11-26``: domain, deployment and day; of a deployment that is called as the domain, the flow.

    The domain is that of the run's configuration where none is given. May be called before the run starts.
    """
    domain = domain or _domain_of(runtime.flow_run.parameters) or "recsat"
    day = runtime.flow_run.scheduled_start_time.astimezone(UTC).strftime("%Y-%m-%d")
    deployment = runtime.deployment.name or BY_HAND
    what = deployment.removeprefix(domain).strip("-") or runtime.flow_run.flow_name
    return f"{domain} · {what} · {day}"


def _domain_of(parameters: dict[str, object]) -> str | None:
    """That of a run's configuration, or of the run inside a training's."""
    config: Any = parameters.get("config")
    for _ in range(2):
        domain = config.get("domain") if isinstance(config, dict) else getattr(config, "domain", None)
        if isinstance(domain, str):
            return domain
        config = config.get("run") if isinstance(config, dict) else getattr(config, "run", None)
    return None


def run_key(domain: str) -> str:
    """The key of this flow run's folder.

    Prefect keeps a flow run's id over retries, so that its Retry goes on where the run stopped. Of a run that a schedule started the key is the
    deployment and the scheduled time, so that one that is started twice is one run.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow is None:
        raise RuntimeError("a run has a key inside a flow run alone")
    run, deployment = context.flow_run, runtime.deployment.name
    if run.auto_scheduled and deployment and run.expected_start_time:
        moment = run.expected_start_time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        return _plain(f"{domain}-{context.flow.name}-{deployment}")[:80] + f"-{moment}"
    return f"{_plain(domain)}-{run.id}"


def in_series(config: RunConfig) -> RunConfig:
    """``config`` of a deployment's run: its series, where it names none, is the deployment.

    A run that a schedule started and whose settings name no alert has one: of the default arm, on every split, raised where it is worse than in the run
    before by :data:`WORSE_BY` and beyond chance.
    """
    deployment = runtime.deployment.name
    if not deployment:
        return config
    changed: dict[str, Any] = {}
    if not config.series:
        changed["series"] = _plain(f"{runtime.flow_run.flow_name}-{deployment}")[:100]
    context = FlowRunContext.get()
    is_scheduled = context is not None and context.flow_run is not None and context.flow_run.auto_scheduled
    if is_scheduled and not config.alerts and DEFAULT_ARM in config.arms:
        changed["alerts"] = [AlertSettings(arm=DEFAULT_ARM, worse_by=WORSE_BY)]
    return config.model_copy(update=changed)


def report_key(domain: str) -> str:
    """The key of the report artifact: of a domain and a deployment, so that its history is of one thing."""
    return re.sub(r"[^a-z0-9]+", "-", f"recsat-{domain}-{runtime.deployment.name or BY_HAND}".lower()).strip("-")


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "run"
