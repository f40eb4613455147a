"""The service keeps to its own OpenAPI description, whatever is sent: requests that schemathesis makes of it, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.schemas import BaseSchema
from served_models import listening, wait_until

from recsat.plugins import load_plugins
from recsat.serving.app import create_app
from recsat.serving.settings import ServingSettings
from recsat.serving.source import FolderSource

load_all_checks()
CHECKED = [
    check
    for check in CHECKS.get_all()
    # An item that no catalogue has is refused, and no description can name those that one has.
    if check.__name__ != "positive_data_acceptance"
]
KEY = {"X-API-Key": "secret"}
OPERATIONS = [
    ("POST", "/v1/recommend"),
    ("POST", "/v1/events"),
    ("GET", "/v1/why"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]

WITHOUT_INPUT = {"/healthz", "/readyz", "/metrics"}
"""Nothing can be wrong with a request for these."""


@pytest.fixture(scope="module")
def described(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    settings = ServingSettings(max_k=20, max_events=20)
    log, plugins = tmp_path_factory.mktemp("log"), load_plugins(["content"])
    with listening(create_app(FolderSource(finished_run), log, settings, key="secret", plugins=plugins)) as address:
        wait_until(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        yield schemathesis.openapi.from_url(f"{address}/openapi.json", headers=KEY)


def test_every_operation_is_tried(described: BaseSchema) -> None:
    operations = [result.ok() for result in described.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in operations} == set(OPERATIONS)


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (method, path, mode)
        for method, path in OPERATIONS
        for mode in GenerationMode
        if mode.is_positive or path not in WITHOUT_INPUT
    ],
)
def test_answers_are_those_of_the_description_and_never_a_fault_of_the_service(
    described: BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = described[path][method]
    statuses = set()

    @settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        response = case.call(headers=KEY)
        statuses.add(response.status_code)
        assert response.status_code < 500
        case.validate_response(response, checks=CHECKED)

    ask()
    assert mode.is_negative or 200 in statuses
