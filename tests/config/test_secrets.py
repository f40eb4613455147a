"""Settings hold no secret, and no message repeats one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import BaseModel, ValidationError

from recsat import ConfigError, DomainConfig, RunConfig
from recsat.config.secrets import masked, secrets_in
from recsat.config.settings import StoreSettings
from recsat.config.sources import load_config

SECRET = "s3same"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"store.url=http://ann:{SECRET}@host:6333"], "store.url is an address with a user or a password in it.* set QDRANT_API_KEY"),
        ([f"store.url=https://{SECRET}@host"], "store.url is an address"),
        ([f"domain_config.folder=s3://ann:{SECRET}@bucket/films"], r"domain_config\.folder is an address"),
        ([f"domain_config.sources=[a, ftp://ann:{SECRET}@host]"], r"domain_config\.sources is an address"),
        ([f"store.url=https://host:6333/?api_key={SECRET}"], "store.url is an address with a key in it.* set QDRANT_API_KEY"),
        ([f"domain_config.feed=https://host/a?day=1&sig={SECRET}"], r"domain_config\.feed is an address with a key in it"),
        ([f"domain_config.feed=https://host/a?key={SECRET}"], r"domain_config\.feed is an address with a key"),
        ([f"domain_config.feed=https://host/a?X-Amz-Signature={SECRET}"], r"domain_config\.feed is an address with a key"),
        ([f"rank.reranker_parameters.url=https://host/v1?token={SECRET}"], r"rank\.reranker_parameters\.url is an address"),
        ([f"store.url=http://ann:{SECRET}/{SECRET}@host:6333"], "store.url is an address with a user or a password"),
        ([f"store.url=http://ann:x@{SECRET}@host:6333"], "store.url is an address with a user or a password"),
        ([f"store.url=http://ann:12/{SECRET}@host"], "store.url is an address with a user or a password"),
        ([f"store.url=http://ann:12#{SECRET}@host:6333/x"], "store.url is an address with a user or a password"),
        ([f"domain_config.dbs=[{{password: {SECRET}}}]"], r"domain_config\.dbs\[0\]\.password looks like a secret"),
        ([f'domain_config.dbs=[[{{"password":"{SECRET}"}}]]'], r"domain_config\.dbs\[0\]\[0\]\.password looks like a secret"),
        ([f"domain_config.headers.x-api-key={SECRET}"], r"x-api-key looks like a secret"),
        ([f"domain_config.pwd={SECRET}"], r"domain_config\.pwd looks like a secret"),
        ([f"domain_config.auth={SECRET}"], r"domain_config\.auth looks like a secret"),
        ([f"domain_config.headers.Authorization={SECRET}"], r"Authorization looks like a secret"),
        ([f"store=http://ann:{SECRET}@host"], "store must be a section"),
        ([f"rank.k=http://ann:{SECRET}@host"], r"rank\.k must be"),
        ([f"domain_config.db.password={SECRET}"], r"domain_config\.db\.password looks like a secret"),
        ([f"domain_config.api_key={SECRET}"], r"domain_config\.api_key looks like a secret"),
        ([f"store.api_key={SECRET}"], r"--set store\.api_key=\*\*\*: store\.api_key is no setting"),
        ([f"store.token={SECRET}"], "store.token is no setting"),
        ([f"http://ann:{SECRET}@host"], r"--set http://\*\*\*@host: write key=value"),
        ([f"store.url=http://ann:{SECRET}@host", "rank.k=x"], "2 settings are wrong|rank.k must be"),
    ],
)  # fmt: skip
def test_a_secret_is_refused_and_not_repeated(overrides: Sequence[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        load_config(None, {}, overrides)
    assert SECRET not in str(refusal.value)


def test_a_number_can_be_a_secret() -> None:
    with pytest.raises(ConfigError, match=r"domain_config\.password looks like a secret") as refusal:
        load_config(None, {}, ["domain_config.password=12345"])
    assert "12345" not in str(refusal.value)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (RunConfig, {"store": {"url": f"http://ann:{SECRET}@host"}}),
        (RunConfig, {"store": {"api_key": SECRET}}),
        (RunConfig, {"domain_config": {"token": SECRET}}),
        (StoreSettings, {"api_key": SECRET}),
        (DomainConfig, {"token": SECRET}),
    ],
)
def test_python_does_not_repeat_a_secret_either(model: type[BaseModel], settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(settings)
    assert SECRET not in str(refusal.value)
    assert SECRET not in repr(refusal.value)


def test_a_secret_of_the_environment_or_a_file_is_not_repeated(tmp_path: object) -> None:
    for variable in ("RECSAT_STORE__API_KEY", "RECSAT_DOMAIN_CONFIG__TOKEN"):
        with pytest.raises(ConfigError) as refusal:
            load_config(None, {variable: SECRET})
        assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"store": {"url": "https://host:6333/path?x=a@b"}},
        {"encoder": {"max_tokens": 64, "token_budget": 128, "model": "me@home/model"}},
        {
            "domain_config": {
                "author": "ann",
                "key": "user",
                "auth": False,
                "tokens": 12,
                "password": None,
                "keys": ["a"],
            }
        },
        {
            "domain_config": {
                "feeds": [
                    "http://[::1]:6333/a@b",
                    "http://host:80/@ann",
                    "http://host:80/a?to=b@c",
                    "http://host:80/a/@b",
                    "https://host/a?sort_key=day&monkey=1",
                ]
            }
        },
        {"domain_config": {"folder": "/data/a@b:c", "note": "write to ann@host"}},
    ],
)
def test_what_is_no_secret_stays(settings: dict[str, object]) -> None:
    assert list(secrets_in(RunConfig.model_validate(settings).model_dump(mode="json"))) == []


def test_a_mask_leaves_the_rest_of_an_address() -> None:
    assert masked("x", "see http://a:b@c/d and http://e/f@g") == "see http://***@c/d and http://e/f@g"
    assert masked("x", "http://ann:12/34@host:6333/a") == "http://***@host:6333/a"
