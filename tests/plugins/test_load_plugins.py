from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import Encoder, PluginError, RunConfig
from recsat.plugins import describe, load_plugins

Install = Callable[..., Path]


def fresh_python(code: str, site: Path | None = None) -> str:
    """What a new interpreter prints; its error output where it fails."""
    environment = os.environ | ({"PYTHONPATH": str(site)} if site else {})
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_recsat_itself_is_registered_first_and_its_names_are_bare() -> None:
    plugins = load_plugins([])
    [builtin] = plugins.records
    assert (builtin.name, builtin.distribution, builtin.status) == ("recsat", "recsat", "ok")
    assert set(plugins.encoders()) >= {"minilm"}
    assert plugins.domains() == {}
    assert plugins.names == []


def test_the_installed_content_plugin_is_found_and_keeps_the_contract() -> None:
    plugins = load_plugins(["content"])
    content = plugins.domain("content")
    assert "seen" in plugins.filters(content)
    assert set(RunConfig().arms) <= set(plugins.recommenders(content))
    assert {name.partition(".")[0] for name in plugins.metrics(content)} == {"content"}


def test_a_plugin_adds_to_every_domain_under_its_own_name(install: Install) -> None:
    install("tiny", "compliance")
    plugins = load_plugins()
    tiny, content = plugins.domain("tiny"), plugins.domain("content")
    assert list(plugins.metrics(tiny)) == ["tiny.clicks", "compliance.withdrawn_shown"]
    assert set(plugins.filters(tiny)) == {"seen", "rejected", "tiny.new_only", "compliance.withdrawn"}
    assert {"compliance.withdrawn", "seen"} <= set(plugins.filters(content))
    assert "tiny.new_only" not in plugins.filters(content)
    # The hook was handed the domain that was asked for.
    assert plugins.filters(tiny)["compliance.withdrawn"].description == "Withdrawn pages."
    assert plugins.filters(content)["compliance.withdrawn"].description == "Withdrawn movies."


def test_selection_follows_the_order_of_the_config(install: Install) -> None:
    install("tiny", "compliance")
    plugins = load_plugins(["tiny", "compliance"])
    names = ["compliance.withdrawn", "seen", "tiny.new_only"]
    for order in (names, names[::-1]):
        assert list(plugins.select("filter", plugins.filters(plugins.domain("tiny")), order)) == order


def test_names_load_those_plugins_alone_and_reload_the_same_in_a_worker(install: Install) -> None:
    site = install("tiny", "compliance", "fails_to_import", "domain_clash")
    plugins = load_plugins(["tiny", "compliance"])
    assert plugins.names == ["compliance", "tiny"]
    worker = fresh_python(
        f"from recsat.plugins import load_plugins; print(*load_plugins({plugins.names}).domains())", site
    )
    assert worker == "tiny"


def test_an_encoder_of_a_plugin_is_made_by_its_qualified_name(install: Install) -> None:
    install("letters")
    encoder = load_plugins().encoder("letters.letters").make(RunConfig().encoder)
    assert isinstance(encoder, Encoder)
    np.testing.assert_allclose(
        encoder.encode(["ab", "zz"])[:, [0, 1, 25]], [[0.5**0.5, 0.5**0.5, 0], [0, 0, 1]], rtol=1e-6
    )


def test_records_say_what_each_plugin_gives(install: Install) -> None:
    install("tiny", "compliance", "letters", "watcher")
    gives = {record.name: record.gives for record in load_plugins().records}
    assert gives["tiny"] == {"domains": ["tiny"], "filters": ["tiny.new_only"], "metrics": ["tiny.clicks"]}
    assert gives["compliance"] == {"filters": ["compliance.withdrawn"], "metrics": ["compliance.withdrawn_shown"]}
    assert gives["letters"] == {"encoders": ["letters.letters"]}
    assert gives["watcher"] == {"observers": ["recsat_before_stage", "recsat_after_stage", "recsat_on_run_error"]}
    assert gives["content"]["domains"] == ["content"]


def test_describe_has_a_row_for_each_plugin_sound_or_failed(install: Install) -> None:
    install("tiny", "fails_to_import")
    table = describe(load_plugins())
    assert table.columns == ["name", "distribution", "version", "module", "status", "gives", "error"]
    names = table["name"].to_list()
    assert names[0] == "recsat"
    assert names[1:] == sorted(names[1:])
    assert {"content", "fails_to_import", "tiny"} < set(names)
    tiny = table.row(by_predicate=pl.col("name") == "tiny", named=True)
    assert tiny["gives"] == "domains: tiny; filters: tiny.new_only; metrics: tiny.clicks"
    assert (tiny["version"], tiny["status"], tiny["error"]) == ("0.4.0", "ok", "")
    broken = table.row(by_predicate=pl.col("name") == "fails_to_import", named=True)
    assert (broken["version"], broken["status"], broken["gives"]) == ("1.2.3", "failed", "")
    assert "a_package_that_is_not_installed" in broken["error"]


def test_a_domain_that_no_plugin_registers_can_be_asked_about_too(install: Install) -> None:
    install("tiny", "compliance")
    plugins = load_plugins(["tiny", "compliance"])
    draft = dataclasses.replace(plugins.domain("tiny"), name="draft", kinds=("draft",))
    assert list(plugins.metrics(draft)) == ["draft.clicks", "compliance.withdrawn_shown"]
    named_like_a_plugin = dataclasses.replace(
        draft, name="compliance", metrics=[dataclasses.replace(draft.metrics[0], name="withdrawn_shown")]
    )
    with pytest.raises(PluginError, match=r"'compliance.withdrawn_shown' is given by"):
        plugins.metrics(named_like_a_plugin)


def test_loading_leaves_nothing_behind_between_calls(install: Install) -> None:
    install("tiny")
    first, second = load_plugins(["tiny"]), load_plugins([])
    assert "tiny" in first.domains()
    assert second.domains() == {}


def test_pip_installs_such_a_plugin_and_a_fresh_interpreter_finds_it(
    build_wheel_of: Callable[[str], Path], site: Path
) -> None:
    wheels = [str(build_wheel_of(plugin)) for plugin in ("tiny", "wrong_type")]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, *wheels], check=True, capture_output=True, timeout=120)
    code = "from recsat.plugins import load_plugins; print(*[f'{r.name}={r.status}' for r in load_plugins().records])"
    statuses = set(fresh_python(code, site).split())
    assert {"recsat=ok", "content=ok", "tiny=ok", "wrong_type=failed"} <= statuses


HEAVY = ("torch", "transformers", "qdrant_client", "qdrant_edge", "prefect", "implicit", "sklearn")


@pytest.mark.parametrize("code", ["import recsat", "from recsat.plugins import load_plugins; load_plugins()"])
def test_neither_import_nor_loading_plugins_loads_a_heavy_library(code: str) -> None:
    assert fresh_python(f"{code}\nimport sys; print(*[m for m in {HEAVY} if m in sys.modules])") == ""
