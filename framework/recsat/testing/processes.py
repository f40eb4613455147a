"""What a plugin is in a fresh interpreter: how light, and whether the same."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import polars as pl

from recsat.contract.domain import Domain, DomainConfig
from recsat.data.faults import without_origins
from recsat.data.fingerprint import fingerprint
from recsat.testing.edge_cases import edge_cases

HEAVY = ("torch", "transformers", "qdrant_client", "qdrant_edge", "prefect")
TIMEOUT_S = 300


def entry_point(plugin: str) -> EntryPoint:
    """The installed entry point; AssertionError that says what to write where there is none."""
    entries = list(entry_points(group="recsat", name=plugin))
    assert entries, (
        f"no installed distribution has a recsat entry point {plugin!r}. Write it in pyproject.toml under "
        f'[project.entry-points.recsat], such as {plugin} = "recsat_{plugin}.domain", and install the plugin again.'
    )
    return entries[0]


def loaded_by_importing(module: str) -> list[str]:
    """Which of :data:`HEAVY` a fresh interpreter has loaded after importing ``module``."""
    modules: list[str] = _python(
        "import importlib, json, sys; request = json.load(sys.stdin); importlib.import_module(request['module']); "
        "print(json.dumps([name for name in request['heavy'] if name in sys.modules]))",
        {"module": module, "heavy": HEAVY},
    )
    return modules


def in_another_process(plugin: str, domain: str, config: DomainConfig) -> dict[str, Any]:
    """:func:`summary` computed in a fresh interpreter from names and settings alone."""
    entry_point(plugin)
    request = {"plugin": plugin, "domain": domain, "config": config.model_dump(mode="json")}
    remote_summary: dict[str, Any] = _python("from recsat.testing.processes import answer; answer()", request)
    return remote_summary


def answer() -> None:
    """The other side of :func:`in_another_process`: request on stdin, summary on stdout."""
    from recsat.plugins import load_plugins

    request = json.load(sys.stdin)
    domain = load_plugins([request["plugin"]]).domain(request["domain"])
    json.dump(summary(domain, domain.config.model_validate(request["config"])), sys.stdout)


def summary(domain: Domain, config: DomainConfig) -> dict[str, Any]:
    """Names and digests of all that a domain gives under a config."""
    data = without_origins(domain.load(config))
    usual = edge_cases(data)["usual lists"]
    history = usual.history.join(data.items, on="item_id", how="left", maintain_order="left")
    users = usual.users.to_frame("user_id").join(data.users, on="user_id", how="left", maintain_order="left")
    metrics = [m for m in domain.metrics if not _lacking(m.needs, data.exposures is None, data.ties is None)]
    values = {m.name: m.compute(usual).sort("user_id")["value"].cast(pl.Float64).round(9).to_list() for m in metrics}
    return {
        "data": fingerprint(data),
        "item texts": _digest(domain.describe_item(data.items)),
        "user texts": _digest(domain.describe_user(users, history.sort("timestamp", maintain_order=True))),
        "filters": [rule.name for rule in domain.filters],
        "metrics": values,
    }


def _lacking(needs: frozenset[str], no_exposures: bool, no_ties: bool) -> bool:
    return ("exposures" in needs and no_exposures) or ("ties" in needs and no_ties)


def _digest(texts: pl.Series) -> str:
    return hashlib.sha256("\0".join(texts.fill_null("")).encode()).hexdigest()


def _python(code: str, request: dict[str, Any]) -> Any:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=environment,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"a fresh interpreter failed:\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.splitlines()[-1])
