"""Looks at one plugin as its author does: is it found, does it fit, and does what it gives work on its own data?

Every check is a rule that :class:`recsat.testing.DomainContract` holds a domain to, or what a run would do first.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from recsat.config.settings import EncoderSettings, RunConfig
from recsat.config.sources import LoadedConfig
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain, DomainConfig, FilterContext
from recsat.doctor.machine import Check, check_encoder
from recsat.doctor.missing import why_not_found
from recsat.errors import RecsatError
from recsat.plugins import PluginRecord, Plugins
from recsat.run.check import check_config

T = TypeVar("T")
SettingsOf = Callable[[str | None], LoadedConfig]
"""The settings with which a domain's parts are tried: its demo's, the environment's and ``--set``; None: a run's domain."""
Step = tuple[str, Callable[[], str | Check]]


def diagnose_plugin(name: str, plugins: Plugins, settings_of: SettingsOf) -> Iterator[Check]:
    """Every check in turn; the first that fails is the last, since the later ones build on it."""
    records = [record for record in plugins.records if record.name == name]
    if not records:
        yield Check("found", "fail", *why_not_found(name, [record.name for record in plugins.records], Path.cwd()))
        return
    for record in records:
        yield Check("found", "ok", f"{record.distribution} {record.version}, module {record.module}")
    broken = [record for record in records if record.status == "failed"]
    # Two plugins of one name have one fault between them.
    yield from (Check("hooks", "fail", error) for error in dict.fromkeys(record.error for record in broken))
    if broken:
        return
    record = records[0]
    registrations = [f"{what}: {', '.join(names)}" for what, names in record.gives.items()]
    yield Check("hooks", "ok", "; ".join(registrations) or "it gives nothing to the domains that are installed")
    for step, work in _steps(record, plugins, settings_of):
        check = _check_of_step(step, work, record.module)
        yield check
        if check.status == "fail":
            return


def _check_of_step(step: str, work: Callable[[], str | Check], module: str) -> Check:
    try:
        message_or_check = work()
        return message_or_check if isinstance(message_or_check, Check) else Check(step, "ok", message_or_check)
    except (RecsatError, AssertionError) as error:
        raised = error.__cause__
        return Check(
            step, "fail", str(error), f"Mend {_place(raised, module)}." if isinstance(raised, Exception) else ""
        )
    except Exception as error:  # a plugin's own code may raise anything, and that is what is looked for
        return Check(step, "fail", f"{type(error).__name__}: {error}", f"Mend {_place(error, module)}.")


def _place(error: BaseException, module: str) -> str:
    """``file:line`` of the plugin's own code that the error came through, the innermost such line."""
    source = Path(importlib.import_module(module).__file__ or module)
    in_package = "." in module
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file == source or (in_package and file.parent == source.parent):
            return f"{file}:{frame.lineno}"
    return str(source)


def _steps(record: PluginRecord, plugins: Plugins, settings_of: SettingsOf) -> Iterator[Step]:
    for name in record.gives.get("encoders", ()):
        yield "encoder", partial(_encoder, name, plugins)
    for name in record.gives.get("domains", ()):
        trial = _Trial(plugins.domain(name), record, plugins, settings_of(name))
        yield "settings", trial.settings
        yield "tables", trial.tables
        yield "texts", trial.texts
        yield "liked", trial.liked
        yield from trial.additions()
    if "domains" not in record.gives and {"filters", "metrics"} & set(record.gives):
        loaded = settings_of(None)
        trial = _Trial(plugins.domain(loaded.config.domain), record, plugins, loaded)
        yield "settings", trial.settings
        yield from trial.additions()


def _encoder(name: str, plugins: Plugins) -> Check:
    return check_encoder(RunConfig(encoder=EncoderSettings(name=name)), plugins)


class _Trial:
    """A domain with what one plugin gives to it, tried on the domain's data."""

    def __init__(self, domain: Domain, record: PluginRecord, plugins: Plugins, loaded: LoadedConfig) -> None:
        self._domain = domain
        self._record = record
        self._plugins = plugins
        self._loaded = loaded

    @cached_property
    def _config(self) -> DomainConfig:
        return check_config(self._loaded.config, self._plugins, self._loaded.sources)

    @cached_property
    def _data(self) -> Dataset:
        from recsat.testing.tables import check_tables

        return check_tables(self._domain, self._domain.load(self._config))

    def settings(self) -> str:
        values = ", ".join(f"{key} {value}" for key, value in _plain(self._config) if value is not None)
        return f"domain {self._domain.name}{': ' if values else ''}{values}; arms {', '.join(self._loaded.config.arms)}"

    def tables(self) -> str:
        data = self._data
        more = [
            f"{table.height:,} {name}" for name in ("exposures", "ties") if (table := getattr(data, name)) is not None
        ]
        return ", ".join([f"{data.items.height:,} items", f"{data.events.height:,} events", *more])

    def texts(self) -> str:
        from recsat.testing.check_texts import check_item_texts, check_user_texts

        check_item_texts(self._domain.describe_item, self._data.items)
        check_user_texts(self._domain.describe_user, self._data)
        return f"an item reads {self._domain.describe_item(self._data.items.head(1))[0]!r}"

    def liked(self) -> str:
        from recsat.testing.tables import check_positive

        n = check_positive(self._domain, self._data.events)
        return f"{n:,} of {self._data.events.height:,} events"

    def additions(self) -> Iterator[Step]:
        if self._record.gives.get("filters"):
            yield "filters", self._filters
        if self._record.gives.get("metrics"):
            yield "metrics", self._metrics

    def _filters(self) -> str:
        from datetime import UTC, datetime

        from recsat.testing.check_filters import check_filter

        context = FilterContext(
            known=self._data, config=self._config, now=datetime.now(UTC), rejections=self._domain.rejections
        )
        rules = self._of_plugin("filters", self._plugins.filters(self._domain))
        biting = [name for name, rule in rules.items() if check_filter(rule, [context])]
        return f"{', '.join(rules)}; removing something under these settings: {', '.join(biting) or 'none'}"

    def _metrics(self) -> str:
        from recsat.testing.check_metric import check_metric
        from recsat.testing.edge_cases import edge_cases

        metrics = self._of_plugin("metrics", self._plugins.metrics(self._domain))
        for case, judged in edge_cases(self._data).items():
            for metric in metrics.values():
                check_metric(metric, judged, case)
        return f"{', '.join(metrics)}; sound on usual lists, no events, no lists, one user, ties"

    def _of_plugin(self, what: str, available: Mapping[str, T]) -> dict[str, T]:
        return {name: available[name] for name in self._record.gives[what] if name in available}


def _plain(settings: BaseModel) -> Iterator[tuple[str, object]]:
    """Every setting by its name; of those in sections what is not as it is by itself, by ``section.name``."""
    for key, value in settings:
        if isinstance(value, BaseModel):
            changed = value.model_dump(exclude_defaults=True)
            yield from ((f"{key}.{name}", one) for name, one in _plain(value) if name.partition(".")[0] in changed)
        else:
            yield key, value
