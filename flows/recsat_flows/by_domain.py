"""The flows of each installed domain, with its own form, made when they are asked for: ``recsat_flows.by_domain:pipeline_content``.

The UI draws a form from the schema that a deployment had when it was made: deploy again after a plugin was installed or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, get_args

from prefect import Flow, flow
from pydantic import BaseModel

from recsat.plugins import Plugins, load_plugins
from recsat.stages import EMBED, INDEX, REPORT
from recsat_flows.forms import (
    expert_form,
    feedback_form,
    finetune_form,
    lists_form,
    promote_form,
    run_config,
    short_form,
)
from recsat_flows.pipeline import folder_of, run_stages, through
from recsat_flows.runs import named_after

Promote = Literal["if not refused", "ask", "no"]
"""What a pipeline does with the model of its run."""


@cache
def domain_flow(kind: str, domain: str) -> Flow[..., str]:
    """The flow of that kind of one domain."""
    plugins = load_plugins()
    work = KINDS[kind](plugins, domain)
    return flow(
        name=kind.replace("_", "-"),
        description=plugins.domain(domain).description,
        flow_run_name=named_after(domain),
        persist_result=False,
        result_serializer="json",
        validate_parameters=True,
    )(work)


def _pipeline(form_of: Callable[[Plugins, str], type[BaseModel]]) -> Callable[[Plugins, str], Callable[..., str]]:
    def of_domain(plugins: Plugins, domain: str) -> Callable[..., str]:
        form = form_of(plugins, domain)

        def run(config: Any = form(), promote: Promote = get_args(Promote)[0], key: str | None = None) -> str:  # noqa: B008
            """From files to report, and the model of the run to those who are served.

            Args:
                config: What to run. Every field has a default: that of recsat demo.
                promote: Serve the run's model where the evidence does not refuse it; or ask a person where it does; or leave what is served.
                key: Name of the run's folder. A run of this key that was cut short goes on where it stopped. Empty: the flow run's own.
            """
            folder = folder_of(run_config(config, load_plugins(), domain), key=key)
            if promote == "no":
                return run_stages(folder, through(REPORT))
            from recsat_flows.served import promote_or_ask
            from recsat_flows.turns import turn_of

            with turn_of(folder.config()):  # what decides about the run's model is a part of its turn
                run_stages(folder, through(REPORT))
                promote_or_ask(folder, None, ask=promote == "ask")
            return str(folder.path)

        return _typed(run, config=form, promote=Promote, key=str | None)

    return of_domain


def _stages(last: str) -> Callable[[Plugins, str], Callable[..., str]]:
    stages = through({"embed": EMBED, "index": INDEX, "report": REPORT}[last])

    def of_domain(plugins: Plugins, domain: str) -> Callable[..., str]:
        form = expert_form(plugins, domain)

        def run(config: Any = form(), key: str | None = None) -> str:  # noqa: B008
            """A run of one domain, up to what the flow is named after.

            Args:
                config: What to run. Every field has a default: that of recsat demo.
                key: Name of the run's folder. A run of this key that was cut short goes on where it stopped. Empty: the flow run's own.
            """
            return run_stages(folder_of(run_config(config, load_plugins(), domain), key=key), stages)

        return _typed(run, config=form, key=str | None)

    return of_domain


def _promote(plugins: Plugins, domain: str) -> Callable[..., str]:
    form = promote_form(plugins, domain)

    def run(config: Any = form()) -> str:  # noqa: B008
        """Serve the model of a run, if the evidence does not refuse it or a person decides so.

        Args:
            config: Which run, by which policy, and whether to ask.
        """
        from recsat_flows.served import promote_or_ask, run_of

        policy = None if config.policy == "as in the run" else config.policy
        return promote_or_ask(run_of(domain, config.run), policy, ask=config.ask, hours=config.hours).action

    return _typed(run, config=form)


def _feedback(plugins: Plugins, domain: str) -> Callable[..., str]:
    form = feedback_form(plugins, domain)

    def run(config: Any = form()) -> str:  # noqa: B008
        """New lists for whoever did something since the last time, from the model that is served.

        Args:
            config: How long lists are.
        """
        from recsat_flows.served import follow_feedback

        return follow_feedback(domain, config.k)

    return _typed(run, config=form)


def _recommend(plugins: Plugins, domain: str) -> Callable[..., str]:
    form = lists_form(plugins, domain)

    def run(config: Any = form()) -> str:  # noqa: B008
        """Lists with reasons for some users or everybody.

        Args:
            config: For whom, of what.
        """
        from recsat_flows.served import make_lists

        return f"{make_lists(domain, **config.model_dump())} rows in {config.target}"

    return _typed(run, config=form)


def _finetune(plugins: Plugins, domain: str) -> Callable[..., str]:
    form = finetune_form(plugins, domain)

    def run(config: Any = form(), resume: str | None = None) -> str:  # noqa: B008
        """Fit the text encoder to the domain's own interactions, and compare before and after.

        Args:
            config: What to train on and how.
            resume: Folder of a training that was cut short; it goes on from its checkpoint.
        """
        from recsat.finetune.settings import FinetuneConfig
        from recsat_flows.finetune import train

        settings = FinetuneConfig(run=run_config(config.run, load_plugins(), domain), finetune=config.finetune)
        return train(settings, resume)

    return _typed(run, config=form, resume=str | None)


def _typed(run: Callable[..., str], **annotations: Any) -> Callable[..., str]:
    """``run`` with the types that Prefect makes the form from."""
    run.__annotations__ = {**annotations, "return": str}
    return run


KINDS: Mapping[str, Callable[[Plugins, str], Callable[..., str]]] = {
    "pipeline": _pipeline(short_form),
    "pipeline_expert": _pipeline(expert_form),
    "evaluate": _stages("report"),
    "embed": _stages("embed"),
    "index": _stages("index"),
    "promote": _promote,
    "feedback": _feedback,
    "recommend": _recommend,
    "finetune": _finetune,
}
"""By kind, what makes a domain's function of it."""


def domains() -> list[str]:
    """The installed domains, by name."""
    return sorted(load_plugins().domains())


def flow_names() -> list[str]:
    """Everything that this module has, ``<kind>_<domain>``."""
    return [f"{kind}_{domain}" for domain in domains() for kind in KINDS]


def __getattr__(name: str) -> Flow[..., str]:
    for domain in domains():
        kind = name.removesuffix(f"_{domain}")
        if kind in KINDS and name == f"{kind}_{domain}":
            return domain_flow(kind, domain)
    raise AttributeError(f"module {__name__!r} has no flow {name!r}. It has: {', '.join(flow_names())}.")
