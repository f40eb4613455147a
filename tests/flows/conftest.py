"""One Prefect server for the tests of flows, started by the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """A server of its own with a database of its own."""
    with prefect_test_harness(server_startup_timeout=240):
        yield


@pytest.fixture
def prefect(server: None) -> Iterator[None]:
    """The server, without heartbeats: their thread costs most of a second a run, and nothing here is killed."""
    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
