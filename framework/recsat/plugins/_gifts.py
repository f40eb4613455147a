"""Calls registration hooks, one implementation at a time, and holds what comes back against the contract."""

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
class Gift(Generic[T]):
    """A thing under the name by which a run asks for it, and whose it is."""

    name: str
    owner: Owner
    thing: T


def domains_of(plugins: pluggy.PluginManager, owner: Owner) -> list[Gift[Domain]]:
    """What a plugin gives through ``recsat_domain``: one domain, or none."""
    found: list[Gift[Domain]] = []
    for implementation in _implementations(plugins, owner, "recsat_domain"):
        domain = _result(owner, "recsat_domain", implementation, {})
        _check(owner, "recsat_domain", implementation, domain, Domain, "returned")
        found.append(Gift(domain.name, owner, domain))
    return found


def encoders_of(plugins: pluggy.PluginManager, owner: Owner) -> list[Gift[EncoderSpec]]:
    """The encoders of a plugin."""
    return _many(plugins, owner, "recsat_encoders", EncoderSpec, {})


def offers_of(plugins: pluggy.PluginManager, owner: Owner, domain: Domain, kind: type[T]) -> list[Gift[T]]:
    """The things of one type that a plugin adds to ``domain`` through its hooks."""
    return _many(plugins, owner, HOOK_OF[kind], kind, {"domain": domain})


def own(domain: Gift[Domain], kind: type[T]) -> list[Gift[T]]:
    """The things of one type that the domain itself holds, as ``<domain>.<name>``."""
    held: dict[type, Iterable[Any]] = {CandidateFilter: domain.thing.filters, SatisfactionMetric: domain.thing.metrics}
    return [Gift(f"{domain.name}.{thing.name}", domain.owner, thing) for thing in held.get(kind, ())]


def clashes(gifts: Iterable[Gift[Any]], what: str) -> list[tuple[list[Owner], PluginError]]:
    """The owners of each name that is given more than once, with an error that names them."""
    owners: dict[str, list[Owner]] = {}
    for gift in gifts:
        owners.setdefault(gift.name, []).append(gift.owner)
    return [(givers, _clash(what, name, givers)) for name, givers in owners.items() if len(givers) > 1]


def _clash(what: str, name: str, givers: list[Owner]) -> PluginError:
    if len(set(givers)) == 1:
        return PluginError(f"{givers[0]} gives the {what} {name!r} twice. Rename one.")
    return PluginError(
        f"The {what} {name!r} is given by {' and by '.join(map(str, givers))}. "
        f"Uninstall one of {', '.join(giver.distribution for giver in givers)}, or rename what one of them gives."
    )


def _many(
    plugins: pluggy.PluginManager, owner: Owner, hook: str, kind: type[T], arguments: Mapping[str, Any]
) -> list[Gift[T]]:
    gifts: list[Gift[T]] = []
    for implementation in _implementations(plugins, owner, hook):
        result: list[Any] = _result(owner, hook, implementation, arguments, many=kind)
        for i, thing in enumerate(result):
            _check(owner, hook, implementation, thing, kind, f"returned an iterable whose item {i} is")
            gifts.append(Gift(owner.qualified(thing.name), owner, thing))
    return gifts


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
        f"{owner}: {hook} at {place(function)} returned {shown(result)}; "
        f"expected an iterable of recsat.{many.__name__} {hint}."
    )


def _check(owner: Owner, hook: str, implementation: pluggy.HookImpl, thing: Any, kind: type, verb: str) -> None:
    where = f"{owner}: {hook} at {place(implementation.function)}"
    if not is_exactly(thing, kind):
        hint = " (is a return missing?)" if thing is None and verb == "returned" else ""
        raise PluginError(f"{where} {verb} {shown(thing)}{hint}; expected recsat.{kind.__name__}.")
    if found := faults(thing):
        raise PluginError(f"{where} {verb} {kind.__name__} {thing.name!r} with faults: {'; '.join(found)}.")


def shown(thing: object) -> str:
    """Type and value, cut to a line."""
    kind, text = type(thing).__name__, " ".join(repr(thing).split())
    whole = text if thing is None or text.startswith(kind) else f"{kind} {text}"
    return whole if len(whole) <= 80 else f"{whole[:79]}…"
