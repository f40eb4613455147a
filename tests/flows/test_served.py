"""What is served, by flows: promotion with a human gate, lists that follow feedback, lists on request."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from findings import findings
from prefect import Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ParameterTypeError
from prefect_processes import newest_artifact

from recsat import Model, RunConfig
from recsat.errors import ConfigError, RunError
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run.folder import RunFolder, open_run
from recsat.run.stage import StageContext
from recsat.stages import REPORT
from recsat.stages.model.refresh import current_lists, refresh_lists
from recsat.stages.promotion.promote import Outcome
from recsat.stages.promotion.record import Decision, PromotionPlace, promoted_model
from recsat_flows import served
from recsat_flows.by_domain import domain_flow
from recsat_flows.limited import TaskTimeout
from recsat_flows.served import Answer, decide, make_lists, refresh, run_of
from recsat_flows.settings import flow_settings
from recsat_flows.shards import embed_shard
from recsat_flows.steps import TASKS
from recsat_flows.turns import Turn
from recsat_flows.up import Place


@pytest.fixture
def home(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one finished run of films."""
    monkeypatch.setenv("RECSAT_HOME", str(tmp_path))
    folder = tmp_path / "runs" / finished_run.name
    shutil.copytree(finished_run, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "home": str(tmp_path),
        "runs_dir": str(tmp_path / "runs"),
        "cache_dir": str(tmp_path / ".recsat" / "cache"),
    }
    config["store"]["directory"] = str(tmp_path / ".recsat" / "store")
    (folder / "config.json").write_text(json.dumps(config))
    return tmp_path


def history(home: Path) -> list[Decision]:
    return PromotionPlace.of(home, "content").history()


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_the_first_model_is_promoted_and_lists_follow_it_and_what_users_do(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunError, match=r"no model of domain 'content' is served .*promote/content"):
        domain_flow("feedback", "content")()
    monkeypatch.setenv("RECSAT_FLOWS__TASK_LIMIT_S", "300")  # in a process of its own
    assert domain_flow("promote", "content")() == "promoted"
    monkeypatch.delenv("RECSAT_FLOWS__TASK_LIMIT_S")
    model = promoted_model(home, "content")
    assert model is not None
    folder = Path(domain_flow("feedback", "content")(config={"k": 3}))
    first = current_lists(folder)
    with FeedbackLog(home / ".recsat" / "feedback" / "default-content") as log:
        item = first["item_id"][0]
        log.append([FeedbackEvent(user_id="newcomer", item_id=item, event="rating", value=5.0)])
    assert domain_flow("feedback", "content")(config={"k": 3}) == str(folder)
    second = current_lists(folder)
    assert set(second["user_id"]) - set(first["user_id"]) == {"newcomer"}
    monkeypatch.setenv("RECSAT_FLOWS__TASK_LIMIT_S", "300")
    assert domain_flow("recommend", "content")(config={"users": ["1", "newcomer"], "k": 3}) == "6 rows in lists.parquet"
    lists = pl.read_parquet(home / "lists" / "lists.parquet")
    assert not lists.filter(pl.col("user_id") == "newcomer")["fallback"].all()
    artifact = newest_artifact("recsat-content-lists")
    assert isinstance(artifact.data, str)
    assert [row["item_id"] for row in json.loads(artifact.data)] == lists["item_id"].to_list()


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_feedback_beside_a_pipeline_waits_for_its_end_and_both_are_right(
    home: Path, finished_run: Path, small_run_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert domain_flow("promote", "content")() == "promoted"
    with FeedbackLog(home / ".recsat" / "feedback" / "default-content") as log:
        log.append([FeedbackEvent(user_id="newcomer", item_id="318", event="rating", value=5.0)])
    has_turn, feedback_waits = threading.Event(), threading.Event()
    work, leased = TASKS["index"].fn, Turn._leased

    def index(folder: str) -> str:
        has_turn.set()
        assert feedback_waits.wait(300)
        return work(folder)

    def leased_or_waiting(turn: Turn) -> dict[str, Any] | None:
        lease = leased(turn)
        if lease is None:
            feedback_waits.set()
        return lease

    monkeypatch.setattr(TASKS["index"], "fn", index)
    monkeypatch.setattr(Turn, "_leased", leased_or_waiting)
    settings = small_run_config.model_copy(update={"home": str(home)}).model_dump(mode="json")
    settings["rank"]["reranker"] = settings["measure"]["curve_arm"] = "none"
    folders: list[str] = []

    def run_pipeline() -> None:
        folders.append(domain_flow("pipeline_expert", "content")(config=settings, key="beside"))

    pipeline = threading.Thread(target=run_pipeline)
    pipeline.start()
    assert has_turn.wait(300)
    lists_folder = Path(domain_flow("feedback", "content")(config={"k": 3}))
    pipeline.join(300)
    assert [Path(folder).name for folder in folders] == ["beside"]
    of_run, undisturbed = (findings(folder, "series") for folder in (home / "runs" / "beside", finished_run))
    for part in ("config", "decisions", "plan", "versions"):  # places, and what is promoted and installed here
        del of_run[part], undisturbed[part]
    assert of_run == undisturbed
    decided = history(home)[-1]
    assert (decided.run_id, decided.action) == ("beside", "promoted")
    [everybody] = lists_folder.glob("everybody-*.parquet")
    assert decided.time.timestamp() <= everybody.stat().st_mtime
    with FeedbackLog(home / ".recsat" / "feedback" / "default-content") as log:
        refresh_lists(Model.load(home / "runs" / "beside"), log, home / "undisturbed", k=3)
    assert current_lists(lists_folder).equals(current_lists(home / "undisturbed"))


@pytest.mark.parametrize(
    ("name", "task", "arguments"),
    [
        ("promote", decide, ["runs/x", None, None]),
        ("refresh-lists", refresh, ["content", None]),
        ("lists", make_lists, ["content", "", [], None, [], [], [], "lists.parquet"]),
        ("embed-shard 1 of 2", embed_shard, ["runs/x", 1, 2, 0.01]),
    ],
)
def test_a_task_that_takes_too_long_is_ended_and_names_itself_and_the_setting(
    name: str, task: Task[..., Any], arguments: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSAT_FLOWS__TASK_LIMIT_S", "0.01")
    with pytest.raises(TaskTimeout, match=rf"task {name} took longer than flows\.task_limit_s \(0\.01 s\)"):
        task.fn(*arguments)


class Refusing:
    """A gate that the evidence never passes; a person's word is what decides."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.calls: list[tuple[str, str | None]] = []

    def __call__(self, folder: RunFolder, plugins: object, rule: Any, why: str | None = None) -> Outcome:
        self.calls.append((rule.policy, why))
        published = rule.policy == "always"
        decision = Decision.model_validate(
            {
                "id": f"{len(self.calls)}",
                "action": "promoted" if published else "refused",
                "time": "2026-11-26T12:00:00Z",
                "policy": rule.policy,
                "why": why or "ndcg@10 may be worse than the served model's by more than 5 %: 12 users cannot tell",
                "fingerprint": "f" * 64,
                "arm": "ease",
                "run_id": folder.run_id,
                "run_folder": str(folder.path),
                "collection": None,
                "served_before": None,
                "evidence": [],
                "checks": [],
            }
        )
        PromotionPlace.of(self.home, "content").append(decision)
        return Outcome(decision, changed=published)


@pytest.fixture
def refusing(home: Path, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    gate = Refusing(home)
    monkeypatch.setattr(served, "promote", gate)
    return gate


PAUSED = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED])))


class Person(threading.Thread):
    """Answers the first flow run that pauses, as the UI's Resume does."""

    def __init__(self, answer: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.question: dict[str, Any] = {}

    def run(self) -> None:
        with get_client(sync_client=True) as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                # Asked of the server: it lists so many runs and no more, and other tests have had theirs.
                paused = client.read_flow_runs(flow_run_filter=PAUSED)
                if paused:
                    details = paused[0].state.state_details if paused[0].state else None
                    assert details is not None
                    assert details.run_input_keyset is not None
                    keys = details.run_input_keyset
                    self.question = {
                        name: client.request(
                            "GET", "/flow_runs/{id}/input/{key}", path_params={"id": paused[0].id, "key": key}
                        ).json()
                        for name, key in keys.items()
                        if name != "response"
                    }
                    client.resume_flow_run(paused[0].id, run_input=self.answer)
                    return
                time.sleep(0.2)


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("publish", "action", "policies"),
    [("publish", "promoted", ["within-margin", "always"]), ("keep what is served", "refused", ["within-margin"])],
)
def test_where_the_evidence_refuses_a_person_is_asked_and_the_answer_is_kept(
    home: Path, refusing: Refusing, publish: str, action: str, policies: list[str]
) -> None:
    person = Person({"publish": publish, "why": "the old index is broken"})
    person.start()
    assert domain_flow("promote", "content")() == action
    person.join(10)
    assert "12 users cannot tell" in json.dumps(person.question)
    assert [policy for policy, _ in refusing.calls] == policies
    word = "published" if publish == "publish" else "kept"
    assert history(home)[-1].why == f"{word} by hand: the old index is broken"
    folder = run_of("content", "latest")
    REPORT.work(StageContext.open(folder, load_plugins()))
    decisions = Result.model_validate(folder.read_json("result.json")).decisions
    assert (decisions[0].why, decisions[0].action) == (f"{word} by hand: the old index is broken", action)


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_without_an_answer_what_is_served_stays_and_without_a_question_too(home: Path, refusing: Refusing) -> None:
    assert domain_flow("promote", "content")(config={"hours": 0.0003}) == "refused"
    assert history(home)[-1].why.startswith("nobody answered within 0.0003 hours; ndcg@10 may be worse")
    assert domain_flow("promote", "content")(config={"ask": False}) == "refused"
    assert [policy for policy, _ in refusing.calls] == ["within-margin", "within-margin"]


def test_what_recsat_up_says_to_its_processes_is_no_setting_of_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = Place(tmp_path, 4200, 4201)
    for name, value in place.environment().items():
        if name.startswith("RECSAT_"):
            monkeypatch.setenv(name, value)
    assert served.home_of("content").home == str(tmp_path)
    assert flow_settings(os.environ).shards == 1


def test_an_answer_names_a_choice_and_a_reason() -> None:
    schema = Answer.model_json_schema()
    assert schema["properties"]["publish"]["enum"] == ["keep what is served", "publish"]
    assert schema["required"] == ["why"]


def test_a_run_is_found_by_name_folder_or_as_the_last_of_its_domain(home: Path, finished_run: Path) -> None:
    run = home / "runs" / finished_run.name
    for name in ("latest", finished_run.name, str(run)):
        assert run_of("content", name).path == open_run(run).path
    with pytest.raises(ConfigError, match="is of domain 'content', not 'game'"):
        run_of("game", finished_run.name)
    with pytest.raises(RunError, match="has no finished run of domain 'game'"):
        run_of("game", "latest")
    with pytest.raises(RunError, match="is not a run folder"):
        run_of("content", "nothing")


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("promote", {"policy": "sometimes"}, "policy"),
        ("promote", {"hours": 0}, "hours"),
        ("recommend", {"kinds": ["track"], "k": 0}, "k"),
        ("recommend", {"target": "../lists.parquet"}, "target"),
        ("feedback", {"k": 1001}, "k"),
        ("finetune", {"finetune": {"epoch": 1}}, "epoch"),
        ("finetune", {"run": {"arms": ["popularty"]}}, "arms"),
    ],
)
def test_what_is_wrong_in_a_form_is_refused_by_name(kind: str, config: dict[str, object], field: str) -> None:
    with pytest.raises(ParameterTypeError, match=field):
        domain_flow(kind, "content").validate_parameters({"config": config})
