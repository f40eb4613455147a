"""A flow run's configuration: the series of its deployment, and the alert of a schedule."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from recsat import RunConfig
from recsat.config.settings import AlertSettings
from recsat_flows import runs
from recsat_flows.runs import in_series

NAMED_RULE = AlertSettings(arm="ease", worse_by=0.2)
DEFAULT_RULE = AlertSettings(arm="hybrid", worse_by=0.05)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    names = SimpleNamespace(deployment=SimpleNamespace(name="nightly"), flow_run=SimpleNamespace(flow_name="evaluate"))
    context = SimpleNamespace(flow_run=SimpleNamespace(auto_scheduled=request.param))
    monkeypatch.setattr(runs, "runtime", names)
    monkeypatch.setattr(runs, "FlowRunContext", SimpleNamespace(get=lambda: context))


@pytest.mark.parametrize(
    ("deployed", "settings", "alerts"),
    [
        (True, {}, [DEFAULT_RULE]),
        (True, {"alerts": [NAMED_RULE.model_dump()]}, [NAMED_RULE]),
        (True, {"arms": ["popularity", "ease"]}, []),
        (False, {}, []),
    ],
    indirect=["deployed"],
)
@pytest.mark.usefixtures("deployed")
def test_a_scheduled_run_without_alerts_is_held_against_the_one_before(
    settings: dict[str, object], alerts: list[AlertSettings]
) -> None:
    config = in_series(RunConfig.model_validate(settings))
    assert config.series == "evaluate-nightly"
    assert config.alerts == alerts


def test_outside_a_deployment_nothing_is_changed() -> None:
    assert in_series(RunConfig()) == RunConfig()
