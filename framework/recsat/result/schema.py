"""The JSON schema of ``result.json``. ``python -m recsat.result.schema`` writes it anew after a change of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recsat.result.model import Result

SCHEMA_FILE = Path(__file__).with_name("result.schema.json")


def result_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what :func:`~recsat.report.write.write_report` writes: every field is there."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as the committed file has it."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
