"""Loads every installed plugin, or those that a run names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from recsat.errors import PluginError
from recsat.plugins._catalogue import Plugins
from recsat.plugins._discover import discover, selected_plugins
from recsat.plugins._observers import observed
from recsat.plugins._record import Owner, PluginRecord
from recsat.plugins._register import import_plugin, manager, register
from recsat.plugins._registrations import (
    KINDS,
    Registration,
    additions_of,
    clashes,
    domains_of,
    encoders_of,
    members_of,
)

logger = logging.getLogger("recsat.plugins")
T = TypeVar("T")


def load_plugins(names: Sequence[str] | None = None) -> Plugins:
    """Import, check and register the plugins that are installed.

    ``names`` are entry point names. With names, those plugins alone are loaded (beside recsat's registrations), and
    each of them must be right: :class:`PluginError` otherwise, with the import's own error as its cause. Without, all
    are loaded, and one that cannot be imported or breaks the contract is a warning and a failed record, until its
    domain or anything of its is asked for.

    Hooks that take a domain are asked once for every loaded domain; without one they are first asked when a domain is.
    """
    selected = selected_plugins(discover(), names)
    owners = [owner for owner, _ in selected]
    faults = _Faults(builtin=owners[0], strict=names is not None)
    plugins = manager()

    faults.add_all(clashes((Registration(owner.name, owner, None) for owner in owners), "plugin name"))
    for owner, point in selected:
        faults.guard(owner, lambda o, p=point: register(plugins, o, import_plugin(o, p)))  # type: ignore[misc]
    domains = faults.gather(owners, lambda owner: domains_of(plugins, owner))
    encoders = faults.gather(owners, lambda owner: encoders_of(plugins, owner))
    # Asked here for every domain, so that a fault shows in `recsat plugins` and not first in the night's run.
    for_domains: list[tuple[str, list[Registration[Any]]]] = []
    for domain in domains:
        for what, kind in KINDS.items():
            additions = faults.gather(owners, lambda owner, d=domain, k=kind: additions_of(plugins, owner, d.spec, k))  # type: ignore[misc]
            for_domains.append((what, [*members_of(domain, kind), *additions]))

    # Last, so that a plugin that gives nothing any more takes no name from another.
    faults.add_all(clashes(faults.sound(domains), "domain"))
    faults.add_all(clashes(faults.sound(encoders), "encoder"))
    for what, registrations in for_domains:
        faults.add_all(clashes(faults.sound(registrations), what.removesuffix("s")))

    sound = [owner for owner in owners if owner not in faults]
    for name, _ in plugins.list_name_plugin():
        if name not in {owner.name for owner in sound}:
            plugins.unregister(name=name)
    gives = {owner: {"observers": observed(plugins, owner)} for owner in sound}
    all_registrations: list[tuple[str, list[Registration[Any]]]] = [("domains", domains), ("encoders", encoders)]
    all_registrations += for_domains
    for what, registrations in all_registrations:
        for registration in faults.sound(registrations):
            names_of_kind = gives[registration.owner].setdefault(what, [])
            names_of_kind += [registration.name] if registration.name not in names_of_kind else []
    return Plugins(
        manager=plugins,
        records=[_record(owner, faults.get(owner), gives.get(owner, {})) for owner in owners],
        owners=sound,
        domains={domain.name: domain for domain in faults.sound(domains)},
        encoders={encoder.name: encoder.spec for encoder in faults.sound(encoders)},
        faults={owner.name: error for owner, error in faults.items()},
        lost_domains={domain.name: faults[domain.owner] for domain in domains if domain.owner in faults},
    )


def _record(owner: Owner, error: PluginError | None, gives: dict[str, list[str]]) -> PluginRecord:
    return PluginRecord(
        name=owner.name,
        distribution=owner.distribution,
        version=owner.version,
        module=owner.module,
        status="ok" if error is None else "failed",
        error="" if error is None else str(error),
        gives={what: names for what, names in gives.items() if names},
    )


class _Faults(dict[Owner, PluginError]):
    """The first fault of each plugin. A fault of recsat itself, or any where the run names its plugins, is raised at once."""

    def __init__(self, builtin: Owner, *, strict: bool) -> None:
        super().__init__()
        self.builtin = builtin
        self.strict = strict

    def add(self, owner: Owner, error: PluginError) -> None:
        if self.strict or owner == self.builtin:
            raise error
        if owner not in self:
            self[owner] = error
            logger.warning("%s Until then recsat goes on without it.", error)

    def add_all(self, clashes: Iterable[tuple[list[Owner], PluginError]]) -> None:
        for owners, error in clashes:
            for owner in owners:
                if owner != self.builtin:  # recsat has its names first
                    self.add(owner, error)

    def guard(self, owner: Owner, step: Callable[[Owner], T]) -> T | None:
        """Take a step with a plugin that has no fault yet; None where it has, or has one now."""
        if owner in self:
            return None
        try:
            return step(owner)
        except PluginError as error:
            self.add(owner, error)
            return None

    def gather(self, owners: Iterable[Owner], step: Callable[[Owner], list[T]]) -> list[T]:
        return [registration for owner in owners for registration in self.guard(owner, step) or ()]

    def sound(self, registrations: Iterable[Registration[T]]) -> list[Registration[T]]:
        return [registration for registration in registrations if registration.owner not in self]
