"""What the UI's forms show and let through, for every installed domain."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from recsat import RunConfig
from recsat.config.sources import check_domain_config
from recsat.plugins import load_plugins
from recsat_flows.forms import demo_config, expert_form, run_config, short_form

PLUGINS = load_plugins()
DOMAINS = sorted(PLUGINS.domains())


def definition(schema: dict[str, Any], field: str) -> dict[str, Any]:
    reference: str = schema["properties"][field]["$ref"]
    of_field: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return of_field


def walked(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """All fields of a schema, nested ones too."""
    models = [schema, *schema.get("$defs", {}).values()]
    return [field for model in models for field in model.get("properties", {}).values()]


@pytest.mark.parametrize("name", DOMAINS)
def test_a_form_that_nobody_touched_is_the_demo(name: str) -> None:
    demo = demo_config(PLUGINS, name)
    settings = check_domain_config(demo, PLUGINS.domain(name).config).model_dump(mode="json")
    expected = demo.model_copy(update={"domain_config": settings})
    for form in (expert_form(PLUGINS, name), short_form(PLUGINS, name)):
        assert run_config(form(), PLUGINS, name) == expected


@pytest.mark.parametrize("name", DOMAINS)
def test_the_expert_form_locks_the_domain_and_has_its_settings_and_choices(name: str) -> None:
    schema = expert_form(PLUGINS, name).model_json_schema()
    domain = PLUGINS.domain(name)
    assert schema["properties"]["domain"]["const"] == name
    of_domain = definition(schema, "domain_config")["properties"]
    for key, field in domain.config.model_fields.items():
        assert of_domain[key]["description"] == field.description
    arms = schema["properties"]["arms"]["items"]["enum"]
    assert {"popularity", "ease", "hybrid"} <= set(arms)
    assert not [arm for arm in arms if arm.endswith(("-words", "-permuted", "-masked"))]
    rank = definition(schema, "rank")["properties"]
    assert rank["filters"]["items"]["enum"] == list(PLUGINS.filters(domain))
    kinds = rank["kinds"]["items"]
    assert kinds.get("enum", [kinds.get("const")]) == list(domain.kinds)
    assert rank["reranker"]["enum"] == ["none", *PLUGINS.rerankers(domain)]
    assert definition(schema, "encoder")["properties"]["name"]["enum"] == list(PLUGINS.encoders())
    assert (rank["k"]["minimum"], rank["k"]["maximum"]) == (1, 1000)


@pytest.mark.parametrize("name", DOMAINS)
def test_every_choice_has_a_default_and_every_field_says_what_it_is(name: str) -> None:
    for form in (expert_form(PLUGINS, name), short_form(PLUGINS, name)):
        for field in walked(form.model_json_schema()):
            assert field.get("description"), field
            assert "default" in field or "enum" not in field, field


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"domain": "social"}, "domain"),
        ({"domain_config": {"layout": "movielense"}}, "domain_config.layout"),
        ({"domain_config": {"max_age_rating": -1}}, "domain_config.max_age_rating"),
        ({"domain_config": {"folders": "x"}}, "domain_config.folders"),
        ({"domain_config": {"layout": "tables"}}, "domain_config"),
        ({"arms": ["popularty"]}, "arms.0"),
        ({"arms": []}, "arms"),
        ({"rank": {"filters": ["sen"]}}, "rank.filters.0"),
        ({"rank": {"kinds": ["nothing of it"]}}, "rank.kinds.0"),
        ({"rank": {"reranker": "mmmr"}}, "rank.reranker"),
        ({"encoder": {"name": "minilmm"}}, "encoder.name"),
        ({"splits": [{"name": "a"}, {"name": "a"}]}, "splits"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_refused_with_the_name_of_its_field(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        expert_form(PLUGINS, "content").model_validate(change)
    assert ".".join(str(part) for part in refused.value.errors()[0]["loc"]) == place


def test_a_filled_expert_form_is_the_run_that_it_says() -> None:
    filled = {
        "domain_config": {"folder": "/data", "layout": "tables", "licence_at": "2024-06-01T00:00:00Z"},
        "arms": ["ease"],
        "rank": {"reranker": "mmr", "k": 20},
        "measure": {"curve_arm": "ease"},
        "seed": 7,
    }
    config = run_config(expert_form(PLUGINS, "content").model_validate(filled), PLUGINS, "content")
    assert type(config) is RunConfig
    assert (config.arms, config.rank.reranker, config.rank.k, config.measure.curve_arm, config.seed) == (
        ["ease"],
        "mmr",
        20,
        "ease",
        7,
    )
    assert config.domain_config["licence_at"] == "2024-06-01T00:00:00Z"
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_parameters_tuned_on_the_sample_are_none_of_other_data() -> None:
    assert demo_config(PLUGINS, "ecommerce").parameters
    form = short_form(PLUGINS, "ecommerce")
    of_own_data = run_config(form.model_validate({"folder": "/data", "layout": "tables"}), PLUGINS, "ecommerce")
    assert of_own_data.parameters == {}


def test_the_short_form_changes_what_it_says_and_leaves_the_rest_to_the_demo() -> None:
    form = short_form(PLUGINS, "content")
    demo = demo_config(PLUGINS, "content")
    config = run_config(
        form.model_validate({"folder": "/data", "layout": "tables", "k": 5, "reranker": "mmr"}), PLUGINS, "content"
    )
    assert (config.domain_config["folder"], config.domain_config["layout"]) == ("/data", "tables")
    assert (config.rank.k, config.rank.reranker) == (5, "mmr")
    assert (config.arms, config.splits, config.measure) == (demo.arms, demo.splits, demo.measure)
    assert config.parameters == {}
    quick = run_config(form.model_validate({"effort": "quick"}), PLUGINS, "content")
    assert quick.arms == ["popularity", "text", "ease", "hybrid"]
    assert [(split.name, split.n_draws) for split in quick.splits] == [(demo.splits[0].name, 1)]
    assert not quick.measure.curves
    with pytest.raises(ValidationError, match="set folder to where they are"):
        run_config(form.model_validate({"layout": "tables"}), PLUGINS, "content")
