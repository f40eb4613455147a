"""The flows of each domain: found by name, with forms that refuse what is wrong by name, and a real run of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError
from prefect.flows import load_flow_from_entrypoint

from recsat.run import open_run
from recsat_flows import by_domain


def test_a_process_that_runs_no_stage_loads_nothing_that_stages_need() -> None:
    """A worker starts one for each flow run, also for those that end at once."""
    heavy = {"torch", "transformers", "qdrant_client", "scipy.stats"}
    code = f"import sys, recsat_flows.by_domain; print(*sorted(sys.modules.keys() & {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.parametrize("name", by_domain.flow_names())
def test_prefect_finds_every_flow_by_its_entry_point(name: str) -> None:
    kind = next(
        kind
        for kind in by_domain.KINDS
        if name.startswith(f"{kind}_") and name.removeprefix(f"{kind}_") in by_domain.domains()
    )
    loaded = load_flow_from_entrypoint(f"recsat_flows.by_domain.{name}")
    assert loaded.name == kind.replace("_", "-")
    schema = loaded.parameters.model_dump()
    assert schema["required"] == []
    assert schema["properties"]["config"]["title"] == "config"


def test_a_flow_that_is_none_is_named_beside_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"no flow 'pipeline_contnet'\. It has: .*pipeline_content"):
        by_domain.pipeline_contnet  # noqa: B018


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"layout": "movielense"}, "layout"),
        ({"k": 0}, "k"),
        ({"reranker": "mmmr"}, "reranker"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_in_the_short_form_is_refused_by_name(config: dict[str, object], message: str) -> None:
    flow: Flow[..., str] = by_domain.domain_flow("pipeline", "content")
    with pytest.raises(ParameterTypeError, match=message):
        flow.validate_parameters({"config": config})


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_run_from_the_expert_form_has_its_name_its_folder_and_goes_on_under_its_key(tmp_path: Path) -> None:
    flow = by_domain.domain_flow("embed", "social")
    form = {
        "home": str(tmp_path),
        "domain_config": {"sample_users": 40},
    }
    state = flow(config=form, return_state=True)
    folder = open_run(Path(state.result()))
    assert folder.path.name == f"social-{state.state_details.flow_run_id}"
    assert [cost.name for cost in folder.costs()] == ["prepare", "embed"]
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.name.startswith("social · by hand · 20")
    index = by_domain.domain_flow("index", "social")
    assert index(config=form, key=folder.run_id) == str(folder.path)
    assert [cost.name for cost in folder.costs()] == ["prepare", "embed", "index"]


def test_importing_the_module_makes_no_flow_and_loads_no_torch() -> None:
    code = "import sys, recsat_flows.by_domain; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
