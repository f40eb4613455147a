"""The calls of docs/how-to/serve.md, made to a service: they work, and answer with the fields that the page shows."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
from served_models import listening, wait_until

from recsat.plugins import load_plugins
from recsat.serving.app import create_app
from recsat.serving.source import FolderSource

PAGE = (Path(__file__).parents[2] / "docs/how-to/serve.md").read_text(encoding="utf-8")
CALL = re.compile(r"^```console\n\$ (?P<command>curl .*)\n(?P<answer>(?:.*\n)*?)```$", re.MULTILINE)


def fields(answer: Any) -> Any:
    """The names in ``answer``, and below them those of the first of a list."""
    if isinstance(answer, dict):
        return {name: fields(value) for name, value in answer.items()}
    return [fields(one) for one in answer[:1] if isinstance(one, dict)] if isinstance(answer, list) else None


def test_every_call_of_the_page_answers_with_the_fields_that_it_shows(finished_run: Path, tmp_path: Path) -> None:
    calls = list(CALL.finditer(PAGE))
    assert len(calls) == PAGE.count("$ curl") == 4
    app = create_app(FolderSource(finished_run), tmp_path, plugins=load_plugins(["content"]))
    with listening(app) as address:
        wait_until(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        for call in calls:
            command = call["command"].replace("http://127.0.0.1:8000", address)
            printed = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
            answer, expected = json.loads(printed), json.loads(call["answer"])
            if "parts" in expected:  # the arm of this run has none, and the sentences are of its lists
                answer, expected = (
                    {**one, "parts": [], "because": None, "changes": [], "removals": []} for one in (answer, expected)
                )
            assert fields(answer) == fields(expected), call["command"]


def test_every_figure_of_the_page_is_one_of_the_service(finished_run: Path, tmp_path: Path) -> None:
    app = create_app(FolderSource(finished_run), tmp_path, plugins=load_plugins(["content"]))
    with listening(app) as address:
        wait_until(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        figures = httpx.get(f"{address}/metrics").text
        names = set(re.findall(r"`(recsat_\w+)", PAGE))
        assert len(names) > 8
        assert [name for name in names if name not in figures and name.removesuffix("_total") not in figures] == []
