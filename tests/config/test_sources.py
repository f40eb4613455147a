"""Order of the sources, the source of every value, and messages that name it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, model_validator
from ruamel.yaml import YAML

from recsat import ConfigError, Dataset, Domain, DomainConfig, RunConfig
from recsat.config.settings import SplitSettings
from recsat.config.sources import check_domain_config, load_config

REPOSITORY = Path(__file__).parents[2]
READ = re.compile(r'environ(?:\.get\(|\[)"(RECSAT_\w+)"')
"""A variable that is read without being a setting."""


def written(folder: Path, text: str, name: str = "runs.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_without_sources_every_value_is_a_default() -> None:
    loaded = load_config()
    assert loaded.config == RunConfig()
    assert set(loaded.sources.values()) == {"default"}
    assert {"domain", "rank.k", "splits", "encoder.model", "seed"} <= loaded.sources.keys()


def test_later_sources_win_key_by_key(tmp_path: Path) -> None:
    file = written(tmp_path, "rank: {k: 3, n_candidates: 300, user_block: 30}\nseed: 3\n")
    loaded = load_config(
        file,
        {"RECSAT_RANK__N_CANDIDATES": "400", "RECSAT_RANK__USER_BLOCK": "40", "HOME": "/root"},
        ["rank.user_block=50"],
        base={"rank": {"k": 2, "filters": []}, "seed": 2, "runs_dir": "demo"},
    )
    rank = loaded.config.rank
    assert (rank.k, rank.n_candidates, rank.user_block, rank.filters) == (3, 400, 50, [])
    assert (loaded.config.seed, loaded.config.runs_dir) == (3, "demo")
    expected = {
        "rank.k": f"file {file}",
        "rank.n_candidates": "environment RECSAT_RANK__N_CANDIDATES",
        "rank.user_block": "--set",
        "rank.filters": "demo",
        "rank.device": "default",
        "seed": f"file {file}",
        "runs_dir": "demo",
        "cache_dir": "default",
    }
    assert {key: loaded.sources[key] for key in expected} == expected


def test_a_home_becomes_an_absolute_path_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {"RECSAT_HOME": "here"}).config.home == str(tmp_path / "here")
    assert load_config(None, {"HOME": "/root"}, ["home=~/there"]).config.home == str(Path("~/there").expanduser())
    with pytest.raises(ConfigError, match=r"home: 's3://bucket/recsat' is an address"):
        load_config(None, {}, ["home=s3://bucket/recsat"])


def test_lists_are_replaced_whole_and_free_sections_merged() -> None:
    base = {"arms": ["popularity", "ease"], "parameters": {"ease": {"l2": 1}, "ials": {"factors": 8}}}
    loaded = load_config(None, {}, ["arms=[ease]", "parameters.ease.l2=2.5"], base)
    assert loaded.config.arms == ["ease"]
    assert loaded.config.parameters == {"ease": {"l2": 2.5}, "ials": {"factors": 8}}
    assert loaded.sources["parameters.ease.l2"] == "--set"
    assert loaded.sources["parameters.ials.factors"] == "demo"
    assert "parameters" not in loaded.sources


def test_a_section_may_be_set_in_one_go_and_then_refined() -> None:
    env = {"RECSAT_RANK": "{k: 7, device: cpu}", "RECSAT_RANK__K": "8"}
    loaded = load_config(None, env)
    assert (loaded.config.rank.k, loaded.config.rank.device) == (8, "cpu")
    assert loaded.sources["rank.k"] == "environment RECSAT_RANK__K"
    assert loaded.sources["rank.device"] == "environment RECSAT_RANK"


def test_a_value_may_give_way_to_a_section_of_the_domain_and_back() -> None:
    loaded = load_config(None, {}, ["domain_config.window=3", "domain_config.window.days=4"])
    assert loaded.config.domain_config == {"window": {"days": 4}}
    loaded = load_config(None, {}, ["domain_config.window.days=4", "domain_config.window=3"])
    assert loaded.config.domain_config == {"window": 3}
    assert loaded.sources["domain_config.window"] == "--set"
    assert "domain_config.window.days" not in loaded.sources


def test_the_data_folder_is_no_setting_but_the_data_section_is() -> None:
    loaded = load_config(None, {"RECSAT_DATA": "/somewhere", "RECSAT_DATA__MIN_USER_EVENTS": "2"})
    assert loaded.config.data.min_user_events == 2


def test_an_empty_variable_and_an_empty_section_set_nothing(tmp_path: Path) -> None:
    loaded = load_config(written(tmp_path, "rank:\ndomain_config:\n"), {"RECSAT_SEED": ""})
    assert loaded.config == RunConfig()


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("encoder.model=1234", "model", "1234"),  # a text stays as it was written
        ("encoder.model=0x1F", "model", "0x1F"),
        ("encoder.model='1234'", "model", "1234"),
        ("encoder.model=@hub: x", "model", "@hub: x"),
        ("encoder.model=null", "model", None),
        ("encoder.model=a=b", "model", "a=b"),
        ("encoder.max_tokens=1e2", "max_tokens", 100),
        (" encoder . max_tokens = 64", "max_tokens", 64),
    ],
)
def test_set_values_are_yaml_unless_the_setting_is_a_text(override: str, key: str, value: Any) -> None:
    assert getattr(load_config(None, {}, [override]).config.encoder, key) == value


def test_dates_of_toml_reach_the_domain_as_text(tmp_path: Path) -> None:
    file = written(tmp_path, "[domain_config]\nfrom = 2024-06-01T00:00:00Z\non = [2024-06-01]\n", "runs.toml")
    assert load_config(file).config.domain_config == {"from": "2024-06-01T00:00:00+00:00", "on": ["2024-06-01"]}


@pytest.mark.parametrize(
    ("env", "overrides", "message"),
    [
        ({}, ["rank.kk=5"], "--set rank.kk=5: rank.kk is no setting. Did you mean 'rank.k'? rank has: k, n_candidates"),
        ({}, ["k=5"], "--set k=5: k is no setting. Did you mean 'rank.k'? Settings: domain, domain_config"),
        ({}, ["rnk.k=5"], "--set rnk.k=5: rnk is no setting. Did you mean 'rank'?"),
        ({"RECSAT_RANK__KK": "5"}, [], "environment RECSAT_RANK__KK: rank.kk is no setting. Did you mean RECSAT_RANK__K?"),
        ({"RECSAT_N_CANDIDATES": "5"}, [], "Did you mean RECSAT_RANK__N_CANDIDATES?"),
        ({"RECSAT_SEED": "abc"}, [], "environment RECSAT_SEED: seed must be a whole number, but is 'abc'."),
        ({"RECSAT_RANK": "5"}, [], "environment RECSAT_RANK: rank must be a section of key: value, but is 5."),
        ({"RECSAT_ARMS": "[a"}, [], "environment RECSAT_ARMS: the value is not valid YAML: "),
        ({}, ["rank.k=0"], "--set rank.k=0: rank.k must be at least 1, but is 0."),
        ({}, ["rank.k=2.5"], "rank.k must be a whole number, but is 2.5."),
        ({}, ["measure.confidence=1"], "measure.confidence must be below 1.0, but is 1."),
        ({}, ["arms=ease"], "arms must be a list, such as [a, b], but is 'ease'."),
        ({}, ["arms=[]"], "arms must have at least 1 entries, but is []."),
        ({}, ["arms=[1]"], "arms[0] must be text, but is 1. Put it in quotes."),
        ({}, ["data.on_bad_rows=quarantin"], "must be one of raise, quarantine, but is 'quarantin'. Did you mean 'quarantine'?"),
        ({}, ["splits=[{name: A}]"], "splits[0].name must match ^[a-z][a-z0-9-]*$, but is 'A'."),
        ({}, ["splits=[{nam: a}]"], "splits[0].nam is no setting. Did you mean 'splits[0].name'? splits[0] has: name, protocol"),
        ({}, ["splits=[{name: a}, {name: a}]"], "splits: two splits are called 'a': give each a name of its own."),
        ({}, ["seed=1e999"], "--set seed=1e999: seed must be a finite number, but is inf."),
        ({}, ["rank"], "--set rank: write key=value, such as --set rank.k=20."),
        ({}, ["rank..k=1"], "--set rank..k=1: write key=value"),
        ({}, ["=1"], "--set =1: write key=value"),
    ],
)  # fmt: skip
def test_a_faulty_setting_is_named_with_its_source(
    env: Mapping[str, str], overrides: Sequence[str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, env, overrides)
    assert message in str(caught.value)


def test_all_faults_are_told_at_once_each_with_its_own_source(tmp_path: Path) -> None:
    file = written(tmp_path, "rank: {k: 0}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file, {"RECSAT_SEED": "-1"}, ["encoder.dtype=bf16"], base={"colour": "red"})
    head, *lines = str(caught.value).splitlines()
    assert head == "4 settings are wrong:"
    assert sorted(line.partition(":")[0] for line in lines) == [
        "  - --set encoder.dtype=bf16",
        "  - demo settings",
        "  - environment RECSAT_SEED",
        f"  - file {file}",
    ]


def test_a_bad_value_that_a_later_source_replaces_does_no_harm(tmp_path: Path) -> None:
    file = written(tmp_path, "rank: {k: 0}\n")
    assert load_config(file, {}, ["rank.k=4"]).config.rank.k == 4


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(
    k=st.integers(1, 1000),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.01, 0.99),
    text=TEXTS.filter(bool),
    free=st.dictionaries(
        TEXTS.filter(bool),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    ),
)
def test_what_is_written_as_yaml_comes_back(
    tmp_path_factory: pytest.TempPathFactory, k: int, seed: int, share: float, text: str, free: dict[str, Any]
) -> None:
    config = RunConfig.model_validate(
        {
            "rank": {"k": k},
            "seed": seed,
            "splits": [{"name": "a", "test_share": share}],
            "runs_dir": text,
            "domain_config": free,
        }
    )
    file = tmp_path_factory.mktemp("runs") / "runs.yaml"
    with file.open("w", encoding="utf-8") as stream:
        writer = YAML(typ="safe", pure=True)
        writer.default_style = '"'  # its bare texts lose line breaks of other scripts
        writer.dump(config.model_dump(), stream)
    loaded = load_config(file)
    assert loaded.config == config
    assert set(loaded.sources.values()) <= {f"file {file}", "default"}


class Window(BaseModel):
    model_config = {"extra": "forbid"}
    days: int = 30


class ShopConfig(DomainConfig):
    currency: str = "EUR"
    window: Window = Window()
    since: datetime | None = None

    @model_validator(mode="after")
    def _known_currency(self) -> ShopConfig:
        if self.currency == "XXX":
            raise ValueError("currency XXX is no currency: give a code of ISO 4217")
        return self


SHOP = Domain(
    name="shop",
    description="A shop.",
    config=ShopConfig,
    load=lambda config: Dataset(items=pl.DataFrame(), events=pl.DataFrame()),
    describe_item=lambda items: items["title"],
    describe_user=lambda users, history: users["user_id"],
    positive=pl.lit(True),
    kinds=("product",),
)


def test_the_domain_gets_its_own_model() -> None:
    loaded = load_config(None, {}, ["domain_config.window.days=7", "domain_config.since=2024-06-01T00:00:00Z"])
    domain_config = check_domain_config(loaded.config, SHOP.config, loaded.sources)
    assert isinstance(domain_config, ShopConfig)
    assert domain_config.window.days == 7
    assert domain_config.since is not None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("domain_config.curency=USD", "--set: domain_config.curency is no setting. Did you mean 'domain_config.currency'? domain_config has: currency, window, since."),
        ("domain_config.window.day=1", "--set: domain_config.window.day is no setting. Did you mean 'domain_config.window.days'? domain_config.window has: days."),
        ("domain_config.window={days: x}", "--set: domain_config.window.days must be a whole number, but is 'x'."),
        ("domain_config.currency=5", "--set: domain_config.currency must be text, but is 5. Put it in quotes."),
        ("domain_config.since=soon", "--set: domain_config.since must be a date and time, such as 2024-06-01T00:00:00Z, but is 'soon'."),
        ("domain_config.currency=XXX", "domain_config: currency XXX is no currency: give a code of ISO 4217."),
    ],
)  # fmt: skip
def test_a_faulty_setting_of_the_domain_is_named_with_its_source(override: str, message: str) -> None:
    loaded = load_config(None, {}, [override])
    with pytest.raises(ConfigError) as caught:
        check_domain_config(loaded.config, SHOP.config, loaded.sources)
    assert message == str(caught.value)


def test_only_protocols_that_draw_are_repeated() -> None:
    protocols = ("timeline", "last-n", "random", "cold-items", "cold-users", "mixed")
    assert [SplitSettings(protocol=name).n_draws for name in protocols] == [1, 1, 1, 5, 1, 5]
    assert SplitSettings(protocol="random", repeats=3).n_draws == 3
    for name in ("timeline", "last-n"):
        with pytest.raises(ValueError, match=f"repeats 2, but {name} draws nothing"):
            SplitSettings(protocol=name, repeats=2)


def test_a_window_that_the_protocol_would_not_look_at_is_refused() -> None:
    assert SplitSettings(protocol="last-n", window_share=0.2).window_share == 0.2
    with pytest.raises(ValueError, match=r"window_share 0.2 is for last-n, and timeline would not look at it"):
        SplitSettings(protocol="timeline", window_share=0.2)


def test_a_variable_that_is_like_no_setting_is_somebody_elses(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        assert load_config(None, {"RECSAT_BUILD_HOST": "x", "RECSAT_TEAM__NAME": "y"}).config == RunConfig()
    assert "environment RECSAT_BUILD_HOST is no setting, and left alone." in caplog.text


def test_variables_that_tests_read_are_no_settings_and_no_word_is_said_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    files = [path for folder in ("tests", "plugins") for path in (REPOSITORY / folder).rglob("*.py")]
    names = {name for path in files for name in READ.findall(path.read_text(encoding="utf-8"))}
    assert names >= {"RECSAT_ATTACKS", "RECSAT_DATA", "RECSAT_REFERENCE", "RECSAT_REWRITE_DOCS"}
    load_config(None, dict.fromkeys(names, "1"))
    assert not caplog.text
