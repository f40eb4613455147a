"""A domain of another distribution is deployed with forms of its own settings, by nothing but being installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from plugin_wheels import installing
from prefect.client.orchestration import get_client
from prefect_processes import asked_for
from pydantic import Field

from recsat import DomainConfig, PluginError
from recsat.plugins import Plugins, load_plugins
from recsat_flows.deployments import deploy, deployments, make_pool
from recsat_flows.forms import expert_form, run_config, short_form

MAX_DAYS = {
    "default": 14,  # of its demo; its settings say 28
    "description": "Days for which a book is lent.",
    "maximum": 90,
    "minimum": 1,
    "type": "integer",
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    with installing(tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("wheels")) as install:
        install("shelf")
        yield load_plugins()


@pytest.fixture(scope="module")
def forms(server: None, shelf: Plugins, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By deployment, the form that the server has of it."""
    home = tmp_path_factory.mktemp("home")
    with get_client(sync_client=True) as client:
        make_pool(client)
        for one in deployments(["shelf"]):
            deploy(client, one, home=home, environment={})
        return {
            one.full_name: client.read_deployment_by_name(one.full_name).parameter_openapi_schema or {}
            for one in deployments(["shelf"])
        }


def fields_of(form: dict[str, Any], model: str) -> dict[str, dict[str, Any]]:
    """What the form has under that model's name, without what only the UI reads."""
    fields = form["definitions"][model]["properties"]
    return {name: {key: value for key, value in field.items() if key != "title"} for name, field in fields.items()}


@pytest.mark.server
def test_the_deployed_expert_form_has_the_settings_of_a_foreign_plugin_and_its_domain_alone(
    forms: dict[str, dict[str, Any]],
) -> None:
    for deployment in ("pipeline-expert/shelf", "evaluate/shelf"):
        run = fields_of(forms[deployment], "ShelfRun")
        assert (run["domain"]["const"], run["domain"]["default"]) == ("shelf", "shelf")
        assert run["domain_config"]["default"]["max_days"] == 14
        settings = fields_of(forms[deployment], "Library")
        assert list(settings) == ["folder", "branch", "max_days", "with_loans"]
        assert settings["max_days"] == {**MAX_DAYS, "default": 28}
        assert settings["branch"] == {
            "default": "south",
            "description": "The branch whose shelves are meant.",
            "enum": ["north", "south"],
            "type": "string",
        }
        assert settings["with_loans"] == {
            "default": False,
            "description": "Whether a loan counts as liked.",
            "type": "boolean",
        }
        assert run["arms"]["default"] == ["popularity", "ease"]
        filters = fields_of(forms[deployment], "ShelfRankSettings")["filters"]["items"]["enum"]
        assert "shelf.short_loan" in filters


@pytest.mark.server
def test_the_deployed_short_form_has_the_settings_that_the_plugin_names(forms: dict[str, dict[str, Any]]) -> None:
    short = fields_of(forms["pipeline/shelf"], "ShelfShortRun")
    assert list(short) == ["folder", "max_days", "effort", "k", "reranker"]
    assert short["max_days"] == MAX_DAYS
    assert short["folder"]["description"] == "Folder with the loans. Empty: the invented library."


@pytest.mark.server
@pytest.mark.parametrize(
    ("deployment", "config", "status", "place"),
    [
        ("pipeline/shelf", {"max_days": 21}, 201, ""),
        ("pipeline/shelf", {"max_days": 91}, 409, "max_days"),
        ("pipeline/shelf", {"branch": "north"}, 409, "branch"),  # of the expert form alone
        ("pipeline-expert/shelf", {"domain_config": {"branch": "north"}}, 201, ""),
        ("pipeline-expert/shelf", {"domain_config": {"branch": "east"}}, 409, "branch"),
        ("pipeline-expert/shelf", {"domain_config": {"max_dais": 3}}, 409, "max_dais"),
        ("pipeline-expert/shelf", {"domain": "content"}, 409, "domain"),
        ("pipeline-expert/shelf", {"rank": {"filters": ["shelf.long_loan"]}}, 409, "filters"),
    ],
)
@pytest.mark.usefixtures("forms")
def test_what_the_ui_sends_is_held_against_the_plugins_own_settings(
    deployment: str, config: dict[str, object], status: int, place: str
) -> None:
    answer = asked_for(deployment, {"config": config})
    assert answer.status_code == status, answer.text
    assert place in answer.text


def test_a_filled_form_is_a_run_with_the_plugins_settings(shelf: Plugins) -> None:
    short = run_config(short_form(shelf, "shelf").model_validate({"max_days": 21}), shelf, "shelf")
    expert = run_config(
        expert_form(shelf, "shelf").model_validate({"domain_config": {"max_days": 21, "branch": "north"}}),
        shelf,
        "shelf",
    )
    assert (short.domain, expert.domain) == ("shelf", "shelf")
    assert short.domain_config == {"folder": None, "branch": "south", "max_days": 21, "with_loans": False}
    assert expert.domain_config == {"folder": None, "branch": "north", "max_days": 21, "with_loans": False}


class Unready(DomainConfig):
    table: str = Field(description="The table that is read.")


def test_a_setting_that_nothing_fills_is_named_where_forms_are_made(
    shelf: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    unready = replace(shelf.domain("shelf"), config=Unready, demo={})
    monkeypatch.setattr(Plugins, "domain", lambda self, name: unready)
    with pytest.raises(
        PluginError,
        match=r"domain 'shelf' has no form: table: Field required\. Give the setting a default in Unready, or a value in demo\.",
    ):
        short_form(shelf, "shelf")
