"""The plan of an evaluation: what changes its hash, what does not, and that a run says whether it was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recsat import ConfigError, RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, new_run, run_stage
from recsat.stages import PREPARE
from recsat.stages.plan import PLAN_FILE, Plan, WrittenPlan, kept_plan, read_plan

PLUGINS = load_plugins(["content"])


def plan_of(**changes: object) -> Plan:
    return Plan.of(RunConfig.model_validate({"domain": "content", **changes}), PLUGINS)


def test_it_names_what_decides_in_each_dimension() -> None:
    primaries = plan_of(rank={"k": 5}).primaries
    assert primaries["accuracy"] == ["ndcg@5"]
    assert primaries["diversity"] == ["topic-ild@5", "ild@5", "novelty@5"]
    assert primaries["behaviour"][:1] == ["content.watch_time"]


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": {"worth_having": {"ndcg@10": 0.01}}},
        {"measure": {"winsorise": 0.01}},
        {"splits": [{"name": "cold", "protocol": "cold-items", "repeats": 4}]},
        {"arms": ["popularity", "ease"]},
        {"parameters": {"ease": {"l2": 3.0}}},
        {"rank": {"k": 20}},
        {"seed": 7},
    ],
)
def test_what_decides_changes_the_hash(changes: dict[str, object]) -> None:
    assert plan_of(**changes).sha256 != plan_of().sha256
    assert plan_of().differences(plan_of(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"runs_dir": "elsewhere"},
        {"measure": {"n_sample_users": 0}},
        {"encoder": {"device": "cpu"}},
        {"cache_dir": "x"},
        {"threads": 3},
        {"home": "there"},
        {"report": {"language": "zh"}},
    ],
)
def test_places_and_devices_do_not(changes: dict[str, object]) -> None:
    assert plan_of(**changes).sha256 == plan_of().sha256


def test_differences_are_told_in_a_line_each() -> None:
    before, now = plan_of(), plan_of(seed=7, parameters={"ease": {"l2": 3.0}})
    assert before.differences(now) == [
        "settings.seed was 42 and is 7",
        "settings.parameters.ease.l2 was not there and is 3.0",
    ]
    assert before.differences(before) == []


@pytest.fixture
def registered(tmp_path: Path, small_run_config: RunConfig) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(WrittenPlan.now(Plan.of(small_run_config, PLUGINS)).model_dump_json())
    return path


def prepared(config: RunConfig, place: Path, **measure: object) -> RunFolder:
    changed = config.measure.model_copy(update=measure)
    folder = new_run(config.model_copy(update={"runs_dir": str(place), "measure": changed}))
    run_stage(folder, PREPARE, PLUGINS)
    return folder


def test_a_run_keeps_its_own_plan(small_run_config: RunConfig, tmp_path: Path) -> None:
    folder = prepared(small_run_config, tmp_path)
    record = kept_plan(folder, folder.config(), PLUGINS)
    assert (record.registered, record.differences) == (False, [])
    assert record.sha256 == Plan.of(small_run_config, PLUGINS).sha256


def test_a_run_that_departs_from_a_registered_plan_says_in_what(
    small_run_config: RunConfig, registered: Path, tmp_path: Path
) -> None:
    same = prepared(small_run_config, tmp_path, plan=str(registered))
    record = kept_plan(same, same.config(), PLUGINS)
    assert (record.registered, record.differences) == (True, [])
    assert record.written == read_plan(registered).written
    other = prepared(small_run_config, tmp_path, plan=str(registered), confidence=0.9)
    assert kept_plan(other, other.config(), PLUGINS).differences == ["settings.measure.confidence was 0.95 and is 0.9"]


def test_a_plan_that_was_changed_afterwards_is_refused(
    small_run_config: RunConfig, registered: Path, tmp_path: Path
) -> None:
    content = json.loads(registered.read_text())
    content["plan"]["settings"]["seed"] = 7
    registered.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="was changed after it was written"):
        prepared(small_run_config, tmp_path, plan=str(registered))


def test_a_plan_of_the_run_that_was_changed_afterwards_is_not_kept(small_run_config: RunConfig, tmp_path: Path) -> None:
    folder = prepared(small_run_config, tmp_path)
    content = folder.read_json(PLAN_FILE)
    content["plan"]["settings"]["measure"]["worth_having"] = {"ndcg@10": 0.1}
    folder.write_json(PLAN_FILE, content)
    assert kept_plan(folder, folder.config(), PLUGINS).differences == [
        "plan.json of the run was changed after it was written",
        "settings.measure.worth_having.ndcg@10 was 0.1 and is not there",
    ]


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(ConfigError, match=r"is no plan .* Write one with recsat plan"):
        read_plan(tmp_path / "plan.json")


def test_the_report_says_that_the_plan_was_kept(finished_run: Path) -> None:
    result = json.loads((finished_run / "result.json").read_text())
    assert result["plan"]["differences"] == []
    assert result["plan"]["sha256"] == json.loads((finished_run / PLAN_FILE).read_text())["sha256"]
