"""A served language model, over real HTTP: what it is sent, what is kept, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_server import chat_server

from recsat.errors import ConfigError, RunError
from recsat.rerank.endpoint import Endpoint, Question

QUESTIONS = [Question("You count.", f"How many? {n}") for n in range(5)]


def echo(body: dict[str, object]) -> str:
    messages = body["messages"]
    assert isinstance(messages, list)
    return str(messages[1]["content"]).upper()


def test_answers_come_in_the_order_of_the_questions_and_are_asked_once(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        endpoint = Endpoint(server.url, "small", folder=str(tmp_path))
        twice = [*QUESTIONS, QUESTIONS[0]]
        assert endpoint.answers(twice) == [q.user.upper() for q in twice]
        assert len(server.requests) == len(QUESTIONS)
        body = next(body for body in server.requests if body["messages"][1]["content"] == QUESTIONS[3].user)
        assert body["model"] == "small"
        assert body["temperature"] == 0
        assert body["messages"][0] == {"role": "system", "content": "You count."}
        assert endpoint.cost(twice).n_requests == 0
    # The server is gone: what was answered is still there, for the next process too.
    assert Endpoint(server.url, "small", folder=str(tmp_path)).answers(QUESTIONS[:2]) == ["HOW MANY? 0", "HOW MANY? 1"]


def test_another_model_or_length_is_another_question(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        Endpoint(server.url, "small", folder=str(tmp_path)).answers(QUESTIONS[:1])
        for other in (
            Endpoint(server.url, "large", folder=str(tmp_path)),
            Endpoint(server.url, "small", most_tokens=7, folder=str(tmp_path)),
        ):
            assert other.cost(QUESTIONS[:1]).n_requests == 1
            other.answers(QUESTIONS[:1])
        assert len(server.requests) == 3


def test_the_key_comes_from_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("RECSAT_LLM_KEY", "sesame")
    with chat_server(echo) as server:
        endpoint = Endpoint(server.url, "small", folder=str(tmp_path))
        endpoint.answers(QUESTIONS[:1])
        assert server.keys == ["Bearer sesame"]
        assert "sesame" not in repr(endpoint)
    assert b"sesame" not in (tmp_path / "answers.sqlite").read_bytes()


def test_a_budget_is_kept_before_anything_is_sent(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        endpoint = Endpoint(server.url, "small", most_requests=3, folder=str(tmp_path))
        with pytest.raises(ConfigError, match=r"5 requests are needed, and most_requests is 3"):
            endpoint.answers(QUESTIONS)
        assert server.requests == []
        endpoint.answers(QUESTIONS[:3])
        # The two that are left are within it: what is known costs nothing.
        assert len(endpoint.answers(QUESTIONS)) == 5


def test_a_server_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with chat_server(echo, failures=2) as server:
        assert Endpoint(server.url, "small", folder=str(tmp_path)).answers(QUESTIONS[:1]) == ["HOW MANY? 0"]
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "message"), [(401, "does not accept the key"), (503, r"answered 503 after 1 retries \(.*not now")]
)
def test_a_server_that_refuses_is_named_with_what_to_do(tmp_path: Path, status: int, message: str) -> None:
    with chat_server(echo, failures=99, status=status) as server:
        endpoint = Endpoint(server.url, "small", retries=1, folder=str(tmp_path))
        with pytest.raises(RunError, match=message):
            endpoint.answers(QUESTIONS[:1])


def test_an_address_where_nobody_listens(tmp_path: Path) -> None:
    with chat_server(echo) as server:
        url = server.url
    with pytest.raises(RunError, match=r"cannot be reached.*Check url"):
        Endpoint(url, "small", retries=0, folder=str(tmp_path)).answers(QUESTIONS[:1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"url": "ftp://x", "model": "m"}, "http://"),
        ({"url": "http://x", "model": ""}, "served_model"),
        ({"url": "http://x", "model": "m", "most_requests": 0}, "at least 1"),
    ],
)
def test_settings_that_cannot_be(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Endpoint(**parameters)  # type: ignore[arg-type]


def test_a_damaged_file_of_answers_is_named(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"no database" * 500)
    with pytest.raises(RunError, match=r"answers\.sqlite.*delete the file"):
        Endpoint("http://127.0.0.1:1/v1", "small", folder=str(tmp_path)).cost(QUESTIONS)
