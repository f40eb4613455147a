"""The flows of each installed domain, with its own form, made when they are asked for: ``recsat_flows.by_domain:pipeline_content``.

The UI draws a form from the schema that a deployment had when it was made: deploy again after a plugin was installed or changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from prefect import Flow, flow
from pydantic import BaseModel

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.stages import EMBED, INDEX, REPORT
from recsat_flows.forms import expert_form, run_config, short_form
from recsat_flows.pipeline import run_stages, through
from recsat_flows.runs import named_after

LAST = {"pipeline": REPORT, "pipeline_expert": REPORT, "evaluate": REPORT, "embed": EMBED, "index": INDEX}
"""Up to which stage each kind of flow goes."""
SHORT = ("pipeline",)
"""Kinds whose form has the few settings alone."""


def domains() -> list[str]:
    """The installed domains, by name."""
    return sorted(load_plugins().domains())


def flow_names() -> list[str]:
    """Everything that this module has, ``<kind>_<domain>``."""
    return [f"{kind}_{domain}" for domain in domains() for kind in LAST]


def __getattr__(name: str) -> Flow[..., str]:
    for domain in domains():
        kind = name.removesuffix(f"_{domain}")
        if kind in LAST and name == f"{kind}_{domain}":
            return domain_flow(kind, domain)
    raise AttributeError(f"module {__name__!r} has no flow {name!r}. It has: {', '.join(flow_names())}.")


@cache
def domain_flow(kind: str, domain: str) -> Flow[..., str]:
    """The flow of that kind of one domain."""
    plugins = load_plugins()
    form = (short_form if kind in SHORT else expert_form)(plugins, domain)
    work = _work(form, lambda filled: run_config(filled, load_plugins(), domain), kind)
    return flow(
        name=kind.replace("_", "-"),
        description=plugins.domain(domain).description,
        flow_run_name=named_after(domain),
        persist_result=False,
        result_serializer="json",
        validate_parameters=True,
    )(work)


def _work(form: type[BaseModel], config_of: Callable[[Any], RunConfig], kind: str) -> Callable[..., str]:
    def run(config: Any = form(), key: str | None = None) -> str:  # noqa: B008
        """A run of one domain.

        Args:
            config: What to run. Every field has a default: that of recsat demo.
            key: Name of the run's folder. A run of this key that was cut short goes on where it stopped. Empty: the flow run's own.
        """
        return str(run_stages(config_of(config), through(LAST[kind]), key=key).path)

    run.__annotations__ = {"config": form, "key": str | None, "return": str}
    return run
