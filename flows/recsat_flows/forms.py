"""The forms of the Prefect UI: for each domain a short one and one of everything, made from the installed plugins.

A form is a pydantic model whose JSON schema the UI draws. A run's own model says ``domain: str`` and ``domain_config: object``; here the domain is
locked, its settings are fields with description, bounds and default, and what can be chosen (arms, filters, kinds, rerankers, encoders) is a choice. Defaults
are those of ``recsat demo``: the run of the form that nobody touched is the run of the command.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, JsonValue, ValidationError, create_model
from pydantic.fields import FieldInfo

from recsat import Domain, DomainConfig, PluginError, RunConfig
from recsat.config.settings import RankSettings, Settings
from recsat.finetune.settings import FinetuneConfig
from recsat.plugins import Plugins

NONE: Literal["none"] = "none"
"""How a form says that there is none: a choice cannot be empty."""
QUICK_ARMS = ("popularity", "text", "ease", "hybrid")


class Form(Settings):
    """Base of the short forms."""


def demo_config(plugins: Plugins, domain: str) -> RunConfig:
    """The run of ``recsat demo --domain NAME`` without anything set."""
    return RunConfig.model_validate({"domain": domain, **plugins.domain(domain).demo})


def _demo_settings(domain: Domain, demo: RunConfig) -> DomainConfig:
    """The domain's settings in its demo, which its forms begin with; PluginError where there are none to begin with."""
    try:
        return domain.config.model_validate(demo.domain_config)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"]) or "its settings"
        raise PluginError(
            f"domain {domain.name!r} has no form: {place}: {fault['msg']}. Give the setting a default in {domain.config.__name__}, or a value in demo."
        ) from error


def expert_form(plugins: Plugins, name: str) -> type[RunConfig]:
    """Every setting of a run of one domain."""
    domain, demo = plugins.domain(name), demo_config(plugins, name)
    arms = _choice(arm for arm, spec in plugins.recommenders(domain).items() if spec.control is None)
    filters = _choice(plugins.filters(domain))
    settings = _demo_settings(domain, demo)
    sections: dict[str, Any] = {
        "domain": (Literal[name], Field(name, description=domain.description)),
        "domain_config": (domain.config, Field(settings, description="The domain's own settings.")),
        "arms": (list[arms], _as_in(RunConfig, "arms", demo.arms)),  # type: ignore[valid-type]
        "encoder": _section(demo, "encoder", {"name": _choice(plugins.encoders())}),
        "rank": _section(
            demo,
            "rank",
            {
                "filters": list[filters],  # type: ignore[valid-type]
                "kinds": list[_choice(domain.kinds)],  # type: ignore[misc]
                "reranker": _choice([NONE, *plugins.rerankers(domain)]),
            },
        ),
        "measure": _section(
            demo,
            "measure",
            {"baseline": _choice(["auto", *get_args(arms)]), "curve_arm": _choice([NONE, *get_args(arms)])},
        ),
    }
    fields: dict[str, Any] = {
        key: sections.get(key) or (field.annotation, _as_in(RunConfig, key, getattr(demo, key)))
        for key, field in RunConfig.model_fields.items()
    }
    return create_model(f"{_title(name)}Run", __base__=RunConfig, __doc__=f"A run of the domain {name}.", **fields)


def short_form(plugins: Plugins, name: str) -> type[Form]:
    """The few settings of a run that most runs differ by."""
    domain, demo = plugins.domain(name), demo_config(plugins, name)
    settings = _demo_settings(domain, demo)
    of_domain = {
        key: (field.annotation, _as_in(domain.config, key, getattr(settings, key)))
        for key in domain.short_form
        if (field := domain.config.model_fields.get(key))
    }
    fields: dict[str, Any] = {
        **of_domain,
        "effort": (
            Literal["quick", "full"],
            Field(
                "full",
                description=f"quick: the first split alone, drawn once, and the arms {', '.join(_quick_arms(demo))}. full: everything that recsat demo does.",
            ),
        ),
        "k": (int, _as_in(RankSettings, "k", demo.rank.k)),
        "reranker": (
            _choice([NONE, *plugins.rerankers(domain)]),
            Field(
                demo.rank.reranker or NONE,
                description="What reorders every arm's candidates. none: the arm's own order.",
            ),
        ),
    }
    return create_model(f"{_title(name)}ShortRun", __base__=Form, __doc__=f"A run of the domain {name}.", **fields)


def promote_form(plugins: Plugins, name: str) -> type[Form]:
    """Which run's model is to be served, and who decides."""
    fields: dict[str, Any] = {
        "run": (
            str,
            Field(
                "latest",
                min_length=1,
                description="A finished run of this domain, by its name or folder. latest: the last one.",
            ),
        ),
        "policy": (
            Literal["as in the run", "within-margin", "not-worse", "better", "always"],
            Field(
                "as in the run",
                description="within-margin: worse by no more than the margin, on average. not-worse: shown to be so. better: shown to be better. always: no comparison.",
            ),
        ),
        "ask": (bool, Field(True, description="Where the evidence refuses, pause and ask a person.")),
        "hours": (
            float,
            Field(
                24.0,
                gt=0,
                le=24 * 30,
                description="How long to wait for the answer; what is served stays where none comes.",
            ),
        ),
    }
    return create_model(f"{_title(name)}Promotion", __base__=Form, __doc__=f"A model of the domain {name}.", **fields)


def lists_form(plugins: Plugins, name: str) -> type[Form]:
    """Lists for some users, or everybody."""
    kinds = plugins.domain(name).kinds
    fields: dict[str, Any] = {
        "users": (list[str], Field([], description="User ids. Empty: everybody whom the model knows.")),
        "k": (int | None, Field(None, ge=1, le=1000, description="Length of a list. Empty: as in the run.")),
        "include": (list[str], Field([], description="Item ids that alone may be shown. Empty: all.")),
        "exclude": (list[str], Field([], description="Item ids that must not be shown.")),
        "kinds": (list[_choice(kinds)], Field([], description="Kinds of item that are asked for. Empty: all.")),  # type: ignore[misc]
        "run": (
            str,
            Field(
                "",
                description="A finished run, by its name or folder. Empty: the model that is served, else the last run.",
            ),
        ),
        "target": (
            str,
            Field(
                "lists.parquet",
                pattern=r"^[\w.-]+\.parquet$",
                description="File for the lists, in the folder lists of home.",
            ),
        ),
    }
    return create_model(f"{_title(name)}Lists", __base__=Form, __doc__=f"Lists of the domain {name}.", **fields)


def feedback_form(plugins: Plugins, name: str) -> type[Form]:
    """Lists that follow what users do."""
    fields: dict[str, Any] = {
        "k": (int | None, Field(None, ge=1, le=1000, description="Length of a list. Empty: as in the run.")),
    }
    return create_model(f"{_title(name)}Feedback", __base__=Form, __doc__=f"Feedback of the domain {name}.", **fields)


def finetune_form(plugins: Plugins, name: str) -> type[FinetuneConfig]:
    """A training of the encoder on one domain."""
    form = expert_form(plugins, name)
    fields: dict[str, Any] = {"run": (form, Field(form(), description="The run whose data are learnt from."))}
    return create_model(
        f"{_title(name)}Training", __base__=FinetuneConfig, __doc__=f"A training on the domain {name}.", **fields
    )


def run_config(form: BaseModel, plugins: Plugins, domain: str) -> RunConfig:
    """The run that a filled form of ``domain`` asks for; raises pydantic's ValidationError where its settings do not fit together."""
    settings = form.model_dump(mode="json", exclude_unset=False)
    if isinstance(form, RunConfig):
        settings["rank"]["reranker"] = _or_none(settings["rank"]["reranker"])
        settings["measure"]["curve_arm"] = _or_none(settings["measure"]["curve_arm"])
        return RunConfig.model_validate(settings)
    demo = demo_config(plugins, domain).model_dump(mode="json")
    of_domain = {key: settings[key] for key in plugins.domain(domain).short_form if key in settings}
    demo["domain_config"] = _checked(plugins.domain(domain).config, {**demo["domain_config"], **of_domain})
    demo["rank"] |= {"k": settings["k"], "reranker": _or_none(settings["reranker"])}
    if of_domain.get("folder"):
        demo["parameters"] = {}  # the demo's were tuned on its own sample
    if settings["effort"] == "quick":
        demo["arms"] = _quick_arms(demo_config(plugins, domain))
        demo["splits"] = [{**demo["splits"][0], "repeats": 1}]
        demo["measure"] |= {"curves": False, "curve_arm": None}
        demo["parameters"] = {arm: values for arm, values in demo["parameters"].items() if arm in demo["arms"]}
    return RunConfig.model_validate(demo)


def form_values(config: RunConfig) -> dict[str, Any]:
    """A run's configuration as the expert form of its domain takes it."""
    values = config.model_dump(mode="json")
    values["rank"]["reranker"] = config.rank.reranker or NONE
    values["measure"]["curve_arm"] = config.measure.curve_arm or NONE
    return values


def _checked(model: type[DomainConfig], settings: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return model.model_validate(settings).model_dump(mode="json")


def _quick_arms(demo: RunConfig) -> list[str]:
    return [arm for arm in demo.arms if arm in QUICK_ARMS or arm == demo.measure.baseline]


def _or_none(choice: str) -> str | None:
    return None if choice == NONE else choice


def _choice(names: Any) -> Any:
    return Literal[tuple(dict.fromkeys(names))]


def _section(demo: RunConfig, key: str, choices: dict[str, Any]) -> Any:
    """A section of the run with some of its fields narrowed to choices, and the demo's values as defaults."""
    values: Settings = getattr(demo, key)
    section = type(values)
    fields: dict[str, Any] = {
        name: (
            choices.get(name, field.annotation),
            _as_in(section, name, _or_choice(getattr(values, name), name in choices)),
        )
        for name, field in section.model_fields.items()
    }
    model = create_model(
        f"{_title(demo.domain)}{section.__name__}", __base__=section, __doc__=section.__doc__, **fields
    )
    return (model, Field(model(), description=RunConfig.model_fields[key].description))


def _or_choice(value: Any, is_choice: bool) -> Any:
    return NONE if is_choice and value is None else value


def _as_in(model: type[BaseModel], key: str, default: Any) -> FieldInfo:
    """The field ``key`` of ``model`` with its description and bounds, and another default."""
    field = model.model_fields[key]
    return FieldInfo.merge_field_infos(field, default=default, default_factory=None)


def _title(name: str) -> str:
    return "".join(part.title() for part in name.replace("-", "_").split("_"))
