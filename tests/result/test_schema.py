"""result.json keeps to its schema, and the schema to the model."""

from __future__ import annotations

import json

import jsonschema
import pytest
from pydantic import ValidationError

from recsat.result.model import Measure, Result
from recsat.result.schema import SCHEMA_FILE, result_schema, schema_text


def test_the_committed_schema_is_the_model_s() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m recsat.result.schema"


def test_the_schema_is_a_valid_schema_and_a_result_keeps_to_it(result: Result) -> None:
    jsonschema.Draft202012Validator.check_schema(result_schema())
    jsonschema.validate(json.loads(result.model_dump_json()), result_schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("arms", 0, "measures", "ndcg@10", "n_users"), -1),
        (("arms", 0, "measures", "ndcg@10", "mean"), "high"),
        (("stages", 0, "seconds"), None),
        (("seed",), "42"),
        (("stranger",), 1),
    ],
)
def test_the_schema_refuses_what_the_model_refuses(result: Result, path: tuple[str | int, ...], value: object) -> None:
    document = json.loads(result.model_copy(update={"arms": result.arms[:1]}).model_dump_json())
    jsonschema.validate(document, result_schema())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, result_schema())
    with pytest.raises(ValidationError):
        Result.model_validate(document, strict=True)


def test_a_result_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Measure(mean=float("nan"), low=None, high=None, n_users=1)
