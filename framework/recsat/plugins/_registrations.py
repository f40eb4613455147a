"""Calls registration hooks, one implementation at a time, and checks what they return against the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pluggy

from recsat.contract.domain import (
    CandidateFilter,
    Domain,
    EncoderSpec,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
)
from recsat.errors import PluginError
from recsat.plugins._checks import faults, is_exactly
from recsat.plugins._record import Owner
from recsat.plugins._register import place

T = TypeVar("T")

KINDS: dict[str, type] = {
    "filters": CandidateFilter,
    "metrics": SatisfactionMetric,
    "recommenders": RecommenderSpec,
    "rerankers": RerankerSpec,
}
"""What plugins add to any domain, each kind through the hook ``recsat_<kind>``."""
HOOK_OF = {kind: f"recsat_{what}" for what, kind in KINDS.items()}


@dataclass(frozen=True)
class Registration(Generic[T]):
    """A domain, encoder, filter, metric, arm or reranker under the name that a run uses, and the plugin that registers it."""

    name: str
    owner: Owner
    spec: T


def domains_of(plugins: pluggy.PluginManager, owner: Owner) -> list[Registration[Domain]]:
    """What a plugin gives through ``recsat_domain``: one domain, or none."""
    registrations: list[Registration[Domain]] = []
    for implementation in _implementations(plugins, owner, "recsat_domain"):
        domain = _result(owner, "recsat_domain", implementation, {})
        _check_value(owner, "recsat_domain", implementation, domain, Domain, "returned")
        registrations.append(Registration(domain.name, owner, domain))
    return registrations


def encoders_of(plugins: pluggy.PluginManager, owner: Owner) -> list[Registration[EncoderSpec]]:
    """The encoders of a plugin."""
    return _many(plugins, owner, "recsat_encoders", EncoderSpec, {})


def additions_of(plugins: pluggy.PluginManager, owner: Owner, domain: Domain, kind: type[T]) -> list[Registration[T]]:
    """What a plugin adds to ``domain`` through the hook of one type."""
    return _many(plugins, owner, HOOK_OF[kind], kind, {"domain": domain})


def members_of(domain: Registration[Domain], kind: type[T]) -> list[Registration[T]]:
    """The filters or metrics that the domain itself has, as ``<domain>.<name>``."""
    specs_by_kind: dict[type, Iterable[Any]] = {
        CandidateFilter: domain.spec.filters,
        SatisfactionMetric: domain.spec.metrics,
    }
    return [Registration(f"{domain.name}.{spec.name}", domain.owner, spec) for spec in specs_by_kind.get(kind, ())]


def clashes(registrations: Iterable[Registration[Any]], what: str) -> list[tuple[list[Owner], PluginError]]:
    """The owners of each name that is given more than once, with an error that names them."""
    owners_by_name: dict[str, list[Owner]] = {}
    for registration in registrations:
        owners_by_name.setdefault(registration.name, []).append(registration.owner)
    return [(owners, _clash(what, name, owners)) for name, owners in owners_by_name.items() if len(owners) > 1]


def _clash(what: str, name: str, owners: list[Owner]) -> PluginError:
    if len(set(owners)) == 1:
        return PluginError(f"{owners[0]} gives the {what} {name!r} twice. Rename one.")
    return PluginError(
        f"The {what} {name!r} is given by {' and by '.join(map(str, owners))}. "
        f"Uninstall one of {', '.join(owner.distribution for owner in owners)}, or rename what one of them gives."
    )


def _many(
    plugins: pluggy.PluginManager, owner: Owner, hook: str, kind: type[T], arguments: Mapping[str, Any]
) -> list[Registration[T]]:
    registrations: list[Registration[T]] = []
    for implementation in _implementations(plugins, owner, hook):
        result: list[Any] = _result(owner, hook, implementation, arguments, many=kind)
        for i, value in enumerate(result):
            _check_value(owner, hook, implementation, value, kind, f"returned an iterable whose item {i} is")
            registrations.append(Registration(owner.qualified(value.name), owner, value))
    return registrations


def _implementations(plugins: pluggy.PluginManager, owner: Owner, hook: str) -> list[pluggy.HookImpl]:
    caller: pluggy.HookCaller = getattr(plugins.hook, hook)
    return [implementation for implementation in caller.get_hookimpls() if implementation.plugin_name == owner.name]


def _result(
    owner: Owner, hook: str, implementation: pluggy.HookImpl, arguments: Mapping[str, Any], many: type | None = None
) -> Any:
    function = implementation.function
    try:
        result: Any = function(*[arguments[name] for name in implementation.argnames])
        if many is None or (isinstance(result, Iterable) and not isinstance(result, str | Mapping)):
            return result if many is None else list(result)  # a generator raises only when it is walked
    except (Exception, SystemExit) as error:
        about = f" for domain {arguments['domain'].name!r}" if "domain" in arguments else ""
        raise PluginError(
            f"{owner}: {hook} at {place(function)} raised {type(error).__name__}{about}: {error}. "
            f"Repair or uninstall {owner.distribution}."
        ) from error
    hint = (
        "(is a return missing?)"
        if result is None
        else "(put it in a list)"
        if type(result) is many
        else "(a list will do)"
    )
    raise PluginError(
        f"{owner}: {hook} at {place(function)} returned {preview(result)}; "
        f"expected an iterable of recsat.{many.__name__} {hint}."
    )


def _check_value(owner: Owner, hook: str, implementation: pluggy.HookImpl, value: Any, kind: type, verb: str) -> None:
    where = f"{owner}: {hook} at {place(implementation.function)}"
    if not is_exactly(value, kind):
        hint = " (is a return missing?)" if value is None and verb == "returned" else ""
        raise PluginError(f"{where} {verb} {preview(value)}{hint}; expected recsat.{kind.__name__}.")
    if value_faults := faults(value):
        raise PluginError(f"{where} {verb} {kind.__name__} {value.name!r} with faults: {'; '.join(value_faults)}.")


def preview(value: object) -> str:
    """Type and value, cut to a line."""
    kind, text = type(value).__name__, " ".join(repr(value).split())
    whole = text if value is None or text.startswith(kind) else f"{kind} {text}"
    return whole if len(whole) <= 80 else f"{whole[:79]}…"
