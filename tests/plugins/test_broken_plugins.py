"""Every fault is told with who, where, what came back and what to do; none of them takes recsat down unasked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from recsat import ConfigError, PluginError
from recsat.plugins import PluginRecord, Plugins, load_plugins

Install = Callable[..., Path]


def record(plugins: Plugins, distribution: str) -> PluginRecord:
    [match] = [record for record in plugins.records if record.distribution == distribution]
    return match


FAULTS = {
    "fails_to_import": [
        "recsat-fails-to-import 1.2.3",
        "cannot be imported",
        "a_package_that_is_not_installed",
        "uninstall",
    ],
    "exits": ["recsat-exits 1.0.0", "cannot be imported", "SystemExit: no licence found"],
    "wrong_type": [
        "recsat-wrong-type 0.3.1",
        "recsat_metrics at ",
        "recsat_wrong_type.py:4",
        "returned an iterable whose item 0 is str 'watch_time'",
        "expected recsat.SatisfactionMetric",
    ],
    "no_return": [
        "recsat_filters at ",
        "returned None",
        "an iterable of recsat.CandidateFilter",
        "(is a return missing?)",
    ],
    "no_list": ["recsat_encoders at ", "returned EncoderSpec(name='alone'", "(put it in a list)"],
    "misspelt_hook": ["recsat-misspelt-hook 0.9.0", "recsat_metric at ", ".py:4", "Did you mean 'recsat_metrics'"],
    "unmarked_hook": ["recsat_metrics at ", ".py:4", "not marked", "@recsat.hookimpl"],
    "misspelt_argument": ["recsat_metrics at ", "'domian'", "recsat_metrics(domain)", "Did you mean 'domain'?"],
    "default_argument": ["recsat_metrics at ", "'domain' a default", "remove the default"],
    "no_hooks": ["'recsat_no_hooks' has no hooks", "@recsat.hookimpl"],
    "wrapper": ["recsat_metrics at ", "cannot be wrapped"],
    "hook_raises": ["recsat-hook-raises 3.0.0", "recsat_filters at ", ".py:6", "KeyError", "list_of_banned_items"],
    "missing_field": ["recsat_domain at ", ".py:4", "TypeError", "describe_item", "positive", "kinds"],
    "bad_fields": [
        "name is 'Bad Fields'; give one that matches ^[a-z][a-z0-9_]*$",
        "description is ''",
        "inherits from recsat.DomainConfig",
        "load is 'data.csv'; give a function (config)",
        "describe_item takes ()",
        "positive is True; give a polars expression",
        "kinds is 'page'; give a non-empty tuple",
        "worth['click'] is nan",
    ],
}


@pytest.mark.parametrize("plugin", FAULTS)
def test_fault_is_a_warning_and_a_failed_record_where_nobody_asked(
    plugin: str, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(plugin, "tiny")
    with caplog.at_level(logging.WARNING, logger="recsat.plugins"):
        plugins = load_plugins()
    failed = record(plugins, f"recsat-{plugin.replace('_', '-')}")
    assert failed.status == "failed"
    assert failed.gives == {}
    assert [piece for piece in FAULTS[plugin] if piece not in failed.error] == []
    assert [message for message in caplog.messages if failed.error in message] != []
    assert record(plugins, "recsat-tiny").status == "ok"
    assert plugin not in plugins.names
    assert list(plugins.metrics(plugins.domain("tiny"))) == ["tiny.clicks"]


@pytest.mark.parametrize("plugin", FAULTS)
def test_fault_is_an_error_where_the_run_names_the_plugin(plugin: str, install: Install) -> None:
    install(plugin, "tiny")
    with pytest.raises(PluginError) as caught:
        load_plugins(["tiny", plugin])
    assert [piece for piece in FAULTS[plugin] if piece not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("plugin", "cause"),
    [
        ("fails_to_import", ModuleNotFoundError),
        ("exits", SystemExit),
        ("hook_raises", KeyError),
        ("missing_field", TypeError),
    ],
)
def test_what_the_plugin_raised_is_chained_however_it_is_asked_for(
    plugin: str, cause: type[BaseException], install: Install
) -> None:
    install(plugin, "tiny")
    with pytest.raises(PluginError) as by_name:
        load_plugins(["tiny", plugin])
    assert isinstance(by_name.value.__cause__, cause)
    plugins = load_plugins()
    with pytest.raises(PluginError) as by_domain:
        plugins.domain(plugin)
    assert isinstance(by_domain.value.__cause__, cause)
    with pytest.raises(PluginError) as by_filter:
        plugins.select("filter", plugins.filters(plugins.domain("tiny")), ["seen", f"{plugin}.something"])
    assert isinstance(by_filter.value.__cause__, cause)


def test_two_domains_of_one_name_name_both_distributions_and_neither_serves(install: Install) -> None:
    install("domain_clash", "tiny")
    plugins = load_plugins()
    for distribution in ("recsat-content", "recsat-domain-clash"):
        assert record(plugins, distribution).status == "failed"
    with pytest.raises(PluginError, match=r"recsat-content.*recsat-domain-clash 7.0.0"):
        plugins.domain("content")
    assert "tiny" in plugins.domains()
    assert "content" not in plugins.domains()
    # The way out without uninstalling: a run that names the one that it means.
    assert load_plugins(["content"]).domain("content").description.startswith("Movies")
    with pytest.raises(PluginError, match=r"Uninstall one of recsat-content, recsat-domain-clash"):
        load_plugins(["content", "domain_clash"])


def test_two_metrics_of_one_name_name_both_distributions(install: Install) -> None:
    install("metric_clash", "compliance", "tiny")
    plugins = load_plugins()
    for distribution in ("recsat-compliance", "recsat-metric-clash"):
        assert record(plugins, distribution).status == "failed"
        assert "metric 'compliance.withdrawn_shown'" in record(plugins, distribution).error
    with pytest.raises(PluginError, match=r"recsat-metric-clash 0.5.0.*recsat-compliance 2.1.0"):
        plugins.domain("compliance")
    assert list(plugins.metrics(plugins.domain("tiny"))) == ["tiny.clicks"]


def test_two_plugins_of_one_name_name_both_distributions(install: Install) -> None:
    install("name_clash", "tiny")
    plugins = load_plugins()
    assert {record(plugins, d).status for d in ("recsat-tiny", "recsat-name-clash")} == {"failed"}
    with pytest.raises(PluginError, match=r"recsat-name-clash 0.2.0.*recsat-tiny 0.4.0"):
        plugins.domain("tiny")


def test_a_plugin_cannot_take_the_name_of_recsat(install: Install) -> None:
    install("named_recsat", "tiny")
    plugins = load_plugins()
    assert record(plugins, "recsat-named-recsat").status == "failed"
    assert record(plugins, "recsat").status == "ok"
    assert "seen" in plugins.filters(plugins.domain("tiny"))


def test_unknown_names_get_a_suggestion_and_the_failed_plugins(install: Install) -> None:
    install("tiny", "compliance", "fails_to_import")
    plugins = load_plugins()
    with pytest.raises(ConfigError, match=r"Did you mean 'tiny'.*fails_to_import"):
        plugins.domain("tinny")
    metrics = plugins.metrics(plugins.domain("tiny"))
    with pytest.raises(ConfigError, match=r"No metric is called 'clicks'. Did you mean 'tiny.clicks'"):
        plugins.select("metric", metrics, ["clicks"])
    with pytest.raises(ConfigError, match=r"listed twice"):
        plugins.select("metric", metrics, ["tiny.clicks", "tiny.clicks"])
    with pytest.raises(ConfigError, match=r"No encoder is called 'miniLM'. Did you mean 'minilm'"):
        plugins.encoder("miniLM")
    with pytest.raises(PluginError, match=r"No plugin 'compliant' is installed. Did you mean 'compliance'"):
        load_plugins(["compliant"])
