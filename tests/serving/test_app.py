"""What the service answers, in this process."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from kept_models import kept_folder
from served_models import service, wait_until

from recsat.feedback.log import FeedbackLog
from recsat.plugins import load_plugins
from recsat.stages.model.explanation import Explanation
from recsat.stages.model.files import open_model
from recsat.stages.model.loaded import Model


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def client(finished_run: Path, log: Path) -> Iterator[TestClient]:
    with service(finished_run, log, max_users=5, max_k=50, max_items=4, max_events=3, max_bytes=2_000) as client:
        yield client


def event(number: int, **members: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "user_id": "1", "item_id": "318", "event": "rating", "value": 5, **members}


def detail(response: Response, status: int) -> str:
    """The sentence of a problem that is one by RFC 9457."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content = response.json()
    assert set(content) == {"type", "title", "status", "detail"}
    assert content["status"] == status
    assert "\n" not in content["detail"]
    assert "Traceback" not in content["detail"]
    return str(content["detail"])


def test_lists_are_those_of_the_model(client: TestClient, finished_run: Path) -> None:
    model = Model.load(finished_run, load_plugins(["content"]))
    answer = client.post("/v1/recommend", json={"users": ["2", "nobody", "2"], "k": 5, "kinds": ["movie"]}).json()
    assert (answer["model"], answer["arm"]) == (model.fingerprint, model.card.arm)
    assert [(one["user_id"], one["known"]) for one in answer["lists"]] == [("2", True), ("nobody", False)]
    expected = model.recommend(["2", "nobody"], k=5)
    assert [item for one in answer["lists"] for item in one["items"]] == expected.drop("user_id", "arm").to_dicts()
    assert len({one["list_id"] for one in answer["lists"]}) == 2
    assert all(one["list_id"].startswith(model.fingerprint[:12] + "-") for one in answer["lists"])


def test_a_request_narrows_its_lists_and_an_empty_one_is_a_list(client: TestClient) -> None:
    def items(**members: Any) -> list[str]:
        answer = client.post("/v1/recommend", json={"users": ["2"], **members}).json()
        return [item["item_id"] for item in answer["lists"][0]["items"]]

    best = items(k=4)
    assert items(exclude=best[:1], k=3) == best[1:]
    assert items(include=best[1:3]) == best[1:3]
    assert items(include=best[:1], exclude=best[:1]) == []


def test_an_acknowledged_event_is_on_the_disk_and_changes_the_next_list(client: TestClient, log: Path) -> None:
    def best() -> str:
        answer = client.post("/v1/recommend", json={"users": ["2"], "k": 1}).json()
        return str(answer["lists"][0]["items"][0]["item_id"])

    before = best()
    batch = {"events": [event(1, user_id="2", item_id=before), event(2, user_id="2", item_id="of tomorrow")]}
    assert client.post("/v1/events", json=batch).json() == {"new": 2, "repeated": 0, "sequence": 2}
    with sqlite3.connect(log / "events.sqlite") as connection:
        assert connection.execute("SELECT event_id, user_id, item_id FROM events").fetchall()[0] == ("e1", "2", before)
    assert best() != before
    assert client.post("/v1/events", json=batch).json() == {"new": 0, "repeated": 2, "sequence": 2}


def test_what_everybody_did_moves_the_list_of_who_is_not_known(finished_run: Path, tmp_path: Path) -> None:
    with service(finished_run, tmp_path) as client:

        def popular() -> list[str]:
            answer = client.post("/v1/recommend", json={"users": ["nobody"], "k": 3}).json()
            return [item["item_id"] for item in answer["lists"][0]["items"]]

        before = popular()
        last = client.post("/v1/recommend", json={"users": ["nobody"], "k": 50}).json()["lists"][0]["items"][-1][
            "item_id"
        ]
        assert last not in before
        liked = [event(i, user_id=f"new {i}", item_id=last) for i in range(100)]
        assert client.post("/v1/events", json={"events": liked}).json()["new"] == 100
        wait_until(lambda: popular() != before)
        assert popular()[0] == last
        assert "recsat_folded_sequence 100.0" in client.get("/metrics").text


def test_why_answers_of_the_list_of_this_moment(client: TestClient, finished_run: Path) -> None:
    lists = client.post("/v1/recommend", json={"users": ["3"], "k": 2}).json()["lists"]
    best = lists[0]["items"][1]["item_id"]

    def why(**query: Any) -> dict[str, Any]:
        answer = client.get("/v1/why", params={"user": "3", "item": best, **query})
        assert answer.status_code == 200
        return dict(answer.json())

    assert (why()["step"], why()["rank"]) == ("listed", 2)
    assert why(k=1)["step"] == "k"
    assert why(exclude=[best, "318"])["changes"][0]["filters"] == ["request.exclude"]
    assert why(item="zzz")["step"] == "catalogue"
    client.post("/v1/events", json={"events": [event(40, user_id="3", item_id=best)]}).raise_for_status()
    answer = why()
    assert answer["removals"][0]["name"] == "seen"
    assert answer["sentences"][0].startswith("It is removed by filter seen")
    assert answer == Explanation.model_validate(without_words(answer)).model_dump()


def without_words(answer: dict[str, Any]) -> dict[str, Any]:
    """What the sentences are made of."""
    return {name: value for name, value in answer.items() if name != "sentences"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"user": "1"}, "item: field required."),
        ({"user": "1", "item": "318", "k": 51}, "k: at most 50 here, not 51."),
        ({"user": "1", "item": "318", "k": "x"}, "k: input should be a valid integer"),
        ({"user": "1", "item": "318", "exclude": "zzz"}, "item 'zzz' is not in the catalogue of "),
        ({"user": "1", "item": "318", "of": "x"}, "of: extra inputs are not permitted."),
    ],
)
def test_what_a_question_why_gets_wrong_is_one_sentence(
    client: TestClient, query: dict[str, Any], expected: str
) -> None:
    assert detail(client.get("/v1/why", params=query), 422).startswith(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "users: field required."),
        ({"users": []}, "users: list should have at least 1 item after validation, not 0."),
        ({"users": [""]}, "users.0: string should have at least 1 character."),
        ({"users": ["a\x00"]}, "users.0: must not contain the NUL character."),
        ({"users": ["1"], "k": 0}, "k: input should be greater than or equal to 1."),
        ({"users": ["1"], "k": 51}, "k: at most 50 here, not 51."),
        ({"users": list("abcdef")}, "users: at most 5 in one request here, not 6."),
        ({"users": ["1"], "exclude": list("abcde")}, "exclude: at most 4 in one request here, not 5."),
        ({"users": ["1"], "include": list("abcde")}, "include: at most 4 in one request here, not 5."),
        ({"users": ["1"], "n": 5, "m": 6}, "n: extra inputs are not permitted. And 1 more."),
        ({"users": ["1"], "exclude": ["zzz"]}, "item 'zzz' is not in the catalogue of "),
        ({"users": ["1"], "kinds": ["track"]}, "no item of the catalogue is of kind 'track'. It has: movie."),
    ],
)
def test_what_a_request_for_lists_gets_wrong_is_one_sentence(
    client: TestClient, body: dict[str, Any], expected: str
) -> None:
    assert detail(client.post("/v1/recommend", json=body), 422).startswith(expected)


def test_what_a_batch_of_events_gets_wrong_is_one_sentence_and_nothing_of_it_is_kept(
    client: TestClient, log: Path
) -> None:
    def refused(status: int, *events: dict[str, Any]) -> str:
        return detail(client.post("/v1/events", json={"events": list(events)}), status)

    client.post("/v1/events", json={"events": [event(10)]})
    with FeedbackLog(log) as reader:
        before = reader.last
        assert (
            refused(422, event(11), event(12, user_id=""))
            == "events.1.user_id: string should have at least 1 character."
        )
        assert refused(422, event(11, timestamp="2026-01-01T00:00:00")).startswith("events.0.timestamp: ")
        for name, no_number in (("value", False), ("value", "5"), ("position", True), ("position", "1")):
            assert refused(422, event(11, **{name: no_number})).startswith(f"events.0.{name}: ")
        assert refused(422, *(event(i) for i in range(20, 24))) == "events: at most 3 in one request here, not 4."
        assert refused(409, event(11), event(10, value=1)).startswith("event 'e10' is in the feedback log already")
        assert reader.last == before


def test_bodies_that_are_no_json_or_too_long_are_refused(client: TestClient) -> None:
    as_json = {"content-type": "application/json"}
    assert detail(client.post("/v1/recommend", content=b'{"users":', headers=as_json), 422).startswith(
        "The body is no JSON"
    )
    assert detail(client.post("/v1/recommend", content=b'"\xff"', headers=as_json), 400).startswith(
        "The body cannot be read"
    )
    deep = b"[" * 1_900
    assert client.post("/v1/recommend", content=deep, headers=as_json).status_code in (400, 422)
    surrogate = client.post("/v1/recommend", content=b'{"users": ["\\ud800"], "\\ud800": 1}', headers=as_json)
    assert detail(surrogate, 422)
    long = json.dumps({"users": ["a" * 2_000]}).encode()
    expected = "The body has more than 2000 bytes. Send several smaller requests."
    assert detail(client.post("/v1/recommend", content=long, headers=as_json), 413) == expected
    pieces = client.post("/v1/recommend", content=iter([b"a" * 1_500] * 2), headers=as_json)
    assert "content-length" not in pieces.request.headers
    assert detail(pieces, 413) == expected


def test_what_is_not_there_is_a_problem_too(client: TestClient) -> None:
    assert detail(client.get("/v1/nothing"), 404) == "Nothing is here. See /openapi.json for what there is."
    assert detail(client.get("/v1/recommend"), 405) == "This method does nothing here. Use POST."
    assert detail(client.get("/docs"), 404)


def test_without_a_key_other_hosts_are_refused(client: TestClient) -> None:
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000"):
        assert client.get("/metrics", headers={"host": host}).status_code == 200
    for host in ("example.org", "127.0.0.1.example.org", "10.0.0.1:8000", ""):
        expected = "Without a key this service answers to 127.0.0.1 and localhost alone."
        assert detail(client.get("/metrics", headers={"host": host}), 400) == expected
    assert client.get("/healthz", headers={"host": "10.0.0.1"}).json() == {"status": "ok"}


def test_a_key_is_asked_for_everywhere_but_by_the_probes(finished_run: Path, tmp_path: Path) -> None:
    with service(finished_run, tmp_path, key="secret") as client:
        ask = {"users": ["1"]}
        for headers in ({}, {"x-api-key": "secre"}, {"x-api-key": "secret2"}, {"authorization": "Basic secret"}):
            refused = client.post("/v1/recommend", json=ask, headers=headers)
            assert (
                detail(refused, 401) == "The key is missing or wrong. Send it as X-API-Key or as Authorization: Bearer."
            )
            assert refused.headers["www-authenticate"] == "Bearer"
        for path in ("/metrics", "/openapi.json", "/v1/nothing"):
            assert client.get(path).status_code == 401
        for headers in (
            {"x-api-key": "secret"},
            {"authorization": "Bearer secret"},
            {"authorization": "bearer secret"},
        ):
            assert client.post("/v1/recommend", json=ask, headers={**headers, "host": "example.org"}).status_code == 200
        security = client.get("/openapi.json", headers={"x-api-key": "secret"}).json()["security"]
        assert security == [{"header": []}, {"bearer": []}]


def test_a_promoted_model_takes_over_and_a_broken_one_does_not(finished_run: Path, tmp_path: Path) -> None:
    plugins = load_plugins(["content"])
    folders = [kept_folder(finished_run, arm, plugins, tmp_path) for arm in ("text", "ease")]
    broken = tmp_path / "broken"
    shutil.copytree(folders[0], broken)
    (broken / "SHA256SUMS").write_text((broken / "SHA256SUMS").read_text() + "0  nothing\n")
    (broken / "items.parquet").write_bytes(b"")
    served = tmp_path / "served"

    def promote(folder: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(folder)
        link.replace(served)

    promote(folders[0])
    with service(served, tmp_path / "log") as client:

        def arm() -> str:
            return str(client.post("/v1/recommend", json={"users": ["1"]}).json()["arm"])

        assert arm() == "text"
        promote(broken)
        wait_until(lambda: 'recsat_model_loads_total{outcome="failed"} 1.0' in client.get("/metrics").text)
        assert arm() == "text"
        promote(folders[1])
        wait_until(lambda: arm() == "ease")
        figures = client.get("/metrics").text
    fingerprints = [open_model(folder).fingerprint for folder in folders]
    for fingerprint, name, value in zip(fingerprints, ("text", "ease"), (0.0, 1.0), strict=True):
        labels = f'arm="{name}",domain="content",fingerprint="{fingerprint}"'
        assert f"recsat_model_processes{{{labels}}} {value}" in figures


def test_before_a_model_is_there_the_process_lives_and_is_not_ready(finished_run: Path, tmp_path: Path) -> None:
    with service(tmp_path / "run", tmp_path / "log", wait=False) as client:
        assert client.get("/healthz").status_code == 200
        assert detail(client.get("/readyz"), 503) == "No model is loaded yet. Try again in a moment."
        refused = client.post("/v1/recommend", json={"users": ["1"]})
        assert detail(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert client.post("/v1/events", json={"events": [event(1)]}).json()["new"] == 1
        shutil.copytree(finished_run / "model", tmp_path / "run")
        wait_until(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/v1/recommend", json={"users": ["1"]}).status_code == 200


def test_a_log_that_cannot_be_written_to_is_said_and_lists_go_on(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsat.feedback.log.WAIT_S", 0.05)
    with service(finished_run, tmp_path) as client:
        other = sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert detail(client.get("/readyz"), 503) == "The feedback log cannot be written to."
        refused = client.post("/v1/events", json={"events": [event(1)]})
        assert "nothing of this request is in it" in detail(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert client.post("/v1/recommend", json={"users": ["1"]}).status_code == 200
        other.execute("ROLLBACK")
        other.close()
        assert client.post("/v1/events", json={"events": [event(1)]}).json()["new"] == 1
        assert client.get("/readyz").status_code == 200


def test_a_bug_is_answered_without_its_traceback(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("secret figures")

    monkeypatch.setattr(Model, "recommend", fail)
    answer = detail(client.post("/v1/recommend", json={"users": ["1"]}), 500)
    assert answer == "This request failed for a reason that is in the service's log. Tell who runs it."


def test_figures_are_of_routes_and_not_of_what_callers_make_up(client: TestClient) -> None:
    client.post("/v1/recommend", json={"users": ["1", "nobody"]})
    client.get("/made-up")
    figures = client.get("/metrics").text
    for expected in (
        'recsat_requests_total{route="/v1/recommend",status="200"}',
        'recsat_requests_total{route="other",status="404"}',
        'recsat_request_seconds_bucket{le="0.05",route="/v1/recommend"}',
        'recsat_lists_total{known="no"}',
        'recsat_events_total{kind="new"}',
        "recsat_model_created_seconds ",
        "recsat_log_sequence ",
    ):
        assert expected in figures
    assert "made-up" not in figures


def test_the_description_has_examples_that_work_and_this_services_limits(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    schemas = description["components"]["schemas"]
    assert schemas["RecommendRequest"]["properties"]["users"]["maxItems"] == 5
    assert schemas["RecommendRequest"]["properties"]["k"]["anyOf"][0]["maximum"] == 50
    assert schemas["EventsRequest"]["properties"]["events"]["maxItems"] == 3
    assert "security" not in description
    for path, schema in (("/v1/recommend", "RecommendRequest"), ("/v1/events", "EventsRequest")):
        for example in schemas[schema]["examples"]:
            assert client.post(path, json=example).status_code == 200
