"""A service takes candidates from the index of what is promoted, and does without where it cannot be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from promotable_runs import promotable_run
from served_models import service

from recsat.config.settings import PromoteSettings
from recsat.errors import StoreError
from recsat.lists.candidates import StoreRetriever
from recsat.plugins import load_plugins
from recsat.serving.source import HomeSource
from recsat.stages.model import indexed
from recsat.stages.model.loaded import Model
from recsat.stages.promotion.promote import promote

REQUEST: Mapping[str, Any] = {"users": ["1", "2", "nobody"], "k": 5}


@pytest.fixture(scope="module")
def home(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that serves texts."""
    place = tmp_path_factory.mktemp("home")
    run = promotable_run(finished_run, place, "texts", "text", load_plugins(["content"]))
    assert promote(run, load_plugins(["content"]), PromoteSettings(policy="always")).changed
    return place


@pytest.fixture
def on_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded store stands for a server, which processes share."""
    monkeypatch.setattr(indexed, "_is_embedded", lambda model: False)


def promoted(home: Path) -> HomeSource:
    return HomeSource(home, "content", "default", home)


def answer(client: TestClient) -> dict[str, Any]:
    answered: dict[str, Any] = client.post("/v1/recommend", json=REQUEST).json()
    return answered


def items(answered: dict[str, Any]) -> list[str]:
    return [item["item_id"] for one in answered["lists"] for item in one["items"]]


@pytest.mark.usefixtures("on_a_server")
def test_a_large_catalogue_is_answered_from_the_index_of_what_is_promoted(home: Path, tmp_path: Path) -> None:
    expected = Model.load(home, load_plugins(["content"])).recommend(REQUEST["users"], 5)
    with service(promoted(home), tmp_path, index_from=0) as client:
        answered = answer(client)
    assert answered["source"] == "qdrant:text"
    assert items(answered) == expected["item_id"].to_list()


@pytest.mark.parametrize("settings", [{"index_from": 0}, {}])
def test_an_embedded_index_is_left_to_the_runs_and_a_small_catalogue_is_scored(
    home: Path, tmp_path: Path, settings: dict[str, int]
) -> None:
    with service(promoted(home), tmp_path, **settings) as client:
        assert answer(client)["source"] == "catalogue"


@pytest.mark.usefixtures("on_a_server")
def test_an_index_that_fails_in_a_request_is_done_without(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(promoted(home), tmp_path, index_from=0) as client:
        by_index = answer(client)
        monkeypatch.setattr(StoreRetriever, "candidates", _failing)
        monkeypatch.setattr("recsat.lists.candidates.search", _failing)
        without = answer(client)
    assert (by_index["source"], without["source"]) == ("qdrant:text", "catalogue")
    assert items(by_index) == items(without)


def _failing(*arguments: object, **named: object) -> None:
    raise StoreError("the server does not answer")
