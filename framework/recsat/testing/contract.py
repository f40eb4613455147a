"""The tests that every domain inherits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain, DomainConfig, FilterContext
from recsat.data.faults import without_origins
from recsat.data.fingerprint import fingerprint
from recsat.plugins import faults, load_plugins
from recsat.report.catalogues import plugin_catalogue, texts_of_domain, untranslated
from recsat.report.language import LANGUAGES
from recsat.run.check import check_config
from recsat.testing.check_filters import check_filter
from recsat.testing.check_metric import check_metric
from recsat.testing.check_texts import check_item_texts, check_user_texts
from recsat.testing.edge_cases import edge_cases
from recsat.testing.processes import HEAVY, entry_point, in_another_process, loaded_by_importing, summary
from recsat.testing.tables import check_positive, check_tables


class DomainContract:
    """Inherit, name your domain, done.

    .. code-block:: python

        from recsat.testing import DomainContract
        from recsat_books.domain import BOOKS

        class TestBooks(DomainContract):
            domain = BOOKS
            filter_settings = ({"max_price": 10},)
    """

    domain: ClassVar[Domain]
    plugin: ClassVar[str | None] = None
    """The entry point's name, where it is not the domain's."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """What the domain's config is made of for loading; the defaults, where empty."""
    filter_settings: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Laid over ``settings``, one after the other: under each of them the filters are tried, and each filter must remove
    something under one of them. Without any, filters are tried with ``settings`` alone and need not remove anything."""
    now: ClassVar[datetime] = datetime(2024, 1, 1, tzinfo=UTC)
    """The moment that filters take for now."""
    _data: ClassVar[Dataset]

    def test_domain_has_what_the_contract_asks_for(self) -> None:
        messages = faults(self.domain)
        assert not messages, f"the domain has faults: {'; '.join(messages)}"

    def test_config_survives_json(self) -> None:
        for settings in ({}, self.settings, *self._laid_over()):
            config = self._config(settings)
            assert type(config).model_validate_json(config.model_dump_json()) == config, (
                f"config {config!r} comes back from JSON as another one. Give its fields types that JSON can carry."
            )
        form = self.domain.config.model_json_schema()["properties"] if self.domain.config.model_fields else {}
        undescribed = [name for name, field in form.items() if not field.get("description")]
        assert not undescribed, (
            f"config fields {undescribed} have no description, and operators see them in a form. Describe them."
        )

    def test_demo_is_a_run(self) -> None:
        for settings in (self.domain.demo, *self.domain.samples.values()):
            config = RunConfig.model_validate({"domain": self.domain.name, **settings})
            check_config(config, load_plugins())

    def test_tables_fit_their_schemas(self) -> None:
        check_tables(self.domain, self.domain.load(self._config(self.settings)))

    def test_loading_twice_gives_the_same(self) -> None:
        again = without_origins(self.domain.load(self._config(self.settings)))
        assert fingerprint(again) == fingerprint(self._loaded()), (
            "load gives other data the second time. Seed what is random."
        )

    def test_positive_says_what_is_liked(self) -> None:
        check_positive(self.domain, self._loaded().events)

    def test_item_texts(self) -> None:
        check_item_texts(self.domain.describe_item, self._loaded().items)

    def test_user_texts(self) -> None:
        check_user_texts(self.domain.describe_user, self._loaded())

    def test_filters(self) -> None:
        if not self.domain.filters:
            pytest.skip("the domain has no filters")
        data = self._loaded()
        contexts = [
            FilterContext(known=data, config=self._config(settings), now=self.now)
            for settings in (self.settings, *self._laid_over())
        ]
        idle = [rule.name for rule in self.domain.filters if not check_filter(rule, contexts)]
        assert not (self.filter_settings and idle), (
            f"filters {idle} removed nothing under any of filter_settings. Add settings and items that they bite on."
        )

    def test_metrics(self) -> None:
        if not self.domain.metrics:
            pytest.skip("the domain has no metrics")
        for name, judged in edge_cases(self._loaded()).items():
            for metric in self.domain.metrics:
                check_metric(metric, judged, name)

    def test_translations(self) -> None:
        module = entry_point(self._plugin()).module
        catalogues = {language: plugin_catalogue(module, language) for language in LANGUAGES}
        texts = texts_of_domain(self.domain)
        lacks = {language: untranslated(texts, language, one) for language, one in catalogues.items() if one}
        assert not any(lacks.values()), (
            f"texts without a translation that keeps their {{slots}}: {lacks}. Write them into locale/<language>.po."
        )

    def test_importing_the_plugin_is_light(self) -> None:
        loaded = loaded_by_importing(entry_point(self._plugin()).module)
        assert not loaded, (
            f"importing the plugin loads {', '.join(loaded)}, which takes seconds each time anything starts. "
            f"Import {' and '.join(HEAVY)} inside the functions that need them."
        )

    def test_another_process_finds_the_same_by_name(self) -> None:
        config = self._config(self.settings)
        there = in_another_process(self._plugin(), self.domain.name, config)
        here = summary(self.domain, config)
        different = [key for key in here if here[key] != there.get(key)]
        assert not different, (
            f"{', '.join(different)} differ in another process that loads the plugin by its name. "
            "Let nothing depend on the process: hash(), sets, the clock, what was set after import."
        )

    @classmethod
    def _plugin(cls) -> str:
        return cls.plugin or cls.domain.name

    @classmethod
    def _config(cls, settings: Mapping[str, Any]) -> DomainConfig:
        return cls.domain.config.model_validate(dict(settings))

    @classmethod
    def _laid_over(cls) -> Iterator[Mapping[str, Any]]:
        return ({**cls.settings, **settings} for settings in cls.filter_settings)

    @classmethod
    def _loaded(cls) -> Dataset:
        """Loaded once for a class, since pytest makes an instance for each test."""
        if "_data" not in cls.__dict__:
            loaded = cls.domain.load(cls._config(cls.settings))
            assert isinstance(loaded, Dataset), f"load returned a {type(loaded).__name__}; return a recsat.Dataset."
            cls._data = without_origins(loaded)
        return cls._data
