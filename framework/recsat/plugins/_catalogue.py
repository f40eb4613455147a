"""What the loaded plugins give, by the names that a run uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import pluggy

from recsat.contract.domain import (
    CandidateFilter,
    Domain,
    EncoderSpec,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
)
from recsat.errors import ConfigError, PluginError, did_you_mean
from recsat.plugins._observers import Observers
from recsat.plugins._record import BUILTIN, Owner, PluginRecord, listed
from recsat.plugins._registrations import KINDS, Registration, additions_of, clashes, members_of

T = TypeVar("T")


class Plugins:
    """Made by :func:`recsat.plugins.load_plugins`.

    Names: recsat's registrations have bare names (``seen``, ``ease``), the members of a domain are ``<domain>.<name>``,
    and what a plugin adds through its hooks is ``<plugin>.<name>``.
    """

    def __init__(
        self,
        *,
        manager: pluggy.PluginManager,
        records: list[PluginRecord],
        owners: Sequence[Owner],
        domains: Mapping[str, Registration[Domain]],
        encoders: Mapping[str, EncoderSpec],
        faults: Mapping[str, PluginError],
        lost_domains: Mapping[str, PluginError],
    ) -> None:
        self.records = records
        """Every plugin that was found, recsat first, then by name; failed ones too."""
        self.observers = Observers(manager, {owner.name: owner for owner in owners})
        """Tells plugins of the moments of a run; never raises what an observer raises."""
        self._manager = manager
        self._owners = owners
        self._domains = domains
        self._encoders = encoders
        self._faults = faults
        self._lost_domains = lost_domains

    @property
    def names(self) -> list[str]:
        """What a worker hands to :func:`load_plugins` to have the same plugins."""
        return [owner.name for owner in self._owners if owner.name != BUILTIN]

    def domains(self) -> dict[str, Domain]:
        """Every domain by its name."""
        return {name: registration.spec for name, registration in self._domains.items()}

    def domain(self, name: str) -> Domain:
        """The domain of that name.

        Raises :class:`PluginError` with its cause where the plugin that gives it failed, and :class:`ConfigError` where
        no plugin gives it.
        """
        if name in self._domains:
            return self._domains[name].spec
        self._raise_fault(name, self._lost_domains)
        self._raise_fault(name, self._faults)
        raise ConfigError(
            f"domain: no plugin gives a domain {name!r}.{did_you_mean(name, self._domains, 2)} "
            f"Domains: {listed(self._domains)}.{self._failed_note()} "
            f"Set domain to one of them, or install the plugin that gives {name!r}."
        )

    def encoders(self) -> dict[str, EncoderSpec]:
        """Every encoder by the name for ``encoder.name``."""
        return dict(self._encoders)

    def encoder(self, name: str) -> EncoderSpec:
        """The encoder of that name; raises :class:`ConfigError` or :class:`PluginError` as :meth:`select` does."""
        return self.select("encoder", self._encoders, [name])[name]

    def filters(self, domain: Domain) -> dict[str, CandidateFilter]:
        """The candidate filters for ``domain``: recsat's, the domain's, and those of other plugins."""
        return self._specs("filters", domain, CandidateFilter)

    def filters_of_run(self, domain: Domain, names: Sequence[str]) -> dict[str, CandidateFilter]:
        """The filters of these ``names`` as :meth:`select` gives them, after those that always run and are not among them, by name."""
        available = self.filters(domain)
        always = sorted(name for name, rule in available.items() if rule.always and name not in names)
        return self.select("filter", available, [*always, *names])

    def metrics(self, domain: Domain) -> dict[str, SatisfactionMetric]:
        """The satisfaction metrics for ``domain``."""
        return self._specs("metrics", domain, SatisfactionMetric)

    def recommenders(self, domain: Domain) -> dict[str, RecommenderSpec]:
        """The arms for ``domain``."""
        return self._specs("recommenders", domain, RecommenderSpec)

    def rerankers(self, domain: Domain) -> dict[str, RerankerSpec]:
        """The rerankers for ``domain``."""
        return self._specs("rerankers", domain, RerankerSpec)

    def select(self, what: str, available: Mapping[str, T], names: Sequence[str]) -> dict[str, T]:
        """Those of ``available`` that ``names`` names, in its order: the order of the config, never of registration.

        ``what`` is the word for one of them in messages ("filter"). Raises :class:`ConfigError` for an unknown name or
        one that comes twice, and :class:`PluginError` with the cause where its plugin failed.
        """
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ConfigError(f"The {what} {name!r} is listed twice. List it once.")
            if name not in available:
                owner = name.partition(".")[0]
                self._raise_fault(owner, self._lost_domains)
                self._raise_fault(owner, self._faults)
                raise ConfigError(
                    f"No {what} is called {name!r}.{did_you_mean(name, available, 2)} "
                    f"Available: {listed(available)}.{self._failed_note()}"
                )
        return {name: available[name] for name in names}

    def _specs(self, what: str, domain: Domain, kind: type[T]) -> dict[str, T]:
        assert KINDS[what] is kind
        known = self._domains.get(domain.name)
        # A domain that no plugin registered, as in a test of one, stands for itself.
        owner = known.owner if known else Owner(domain.name, "unregistered domain", "?", "?")
        registrations = members_of(Registration(domain.name, owner, domain), kind)
        for giver in self._owners:
            registrations += additions_of(self._manager, giver, domain, kind)
        for _, error in clashes(registrations, what.removesuffix("s")):
            raise error
        return {registration.name: registration.spec for registration in registrations}

    def _raise_fault(self, name: str, faults: Mapping[str, PluginError]) -> None:
        if name in faults:
            # A new one each time: an exception that is raised twice grows its traceback.
            raise PluginError(str(faults[name])) from faults[name].__cause__

    def _failed_note(self) -> str:
        if not self._faults:
            return ""
        return f" Failed plugins, which `recsat plugins` explains: {listed(self._faults)}."
