"""``recsat judge`` and ``recsat profiles`` against a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from chat_server import chat_server
from typer.testing import Result

from recsat.measure import prediction_powered
from recsat.run import open_run
from recsat.stages import judge
from recsat.stages.split_lists import read_split_lists

Recsat = Callable[..., Result]


@pytest.fixture
def labels(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labels of twelve of the run's forty users; an interval takes no more here."""
    for module in (judge, prediction_powered):
        monkeypatch.setattr(module, "FEWEST_LABELS", 10)
    _, tables = read_split_lists(open_run(finished_run), "warm")
    some = tables.users.sort().head(12)
    preferred = ["text", "popularity"] * 6
    pl.DataFrame({"user_id": some, "preferred": preferred}).write_csv(tmp_path / "labels.csv")
    return tmp_path / "labels.csv"


def shorter(body: dict[str, Any]) -> str:
    content = json.loads(body["messages"][1]["content"])
    first, second = (len("".join(content[name])) for name in ("list 1", "list 2"))
    return "0" if first == second else "1" if first < second else "2"


def test_judge_says_the_cost_first_and_then_what_people_prefer(
    recsat: Recsat, finished_run: Path, labels: Path
) -> None:
    with chat_server(shorter) as server:
        words = [
            "judge",
            str(finished_run),
            "--labels",
            str(labels),
            "--arms",
            "text",
            "popularity",
            "--url",
            server.url,
        ]
        words += ["--served-model", "m", "--users", "100"]
        few = recsat(*words, "--most-requests", "3")
        assert few.exit_code == 2
        assert "most_requests is 3" in few.stderr
        assert server.requests == []
        done = recsat(*words)
        assert done.exit_code == 0, done.output
        n_requests = len(server.requests)
        assert f"at most {n_requests} requests" in done.stderr
        assert done.stdout.startswith("text against popularity on warm: ")
        again = recsat(*words, "--json")
        assert len(server.requests) == n_requests
        judgement = json.loads(again.stdout)
    assert (judgement["n_labels"], judgement["arms"]) == (12, ["text", "popularity"])
    assert 2 * (judgement["n_labels"] + judgement["n_judged"]) == n_requests
    assert judgement["people"]["low"] < 0 < judgement["people"]["high"]
    assert "not shown" in done.stdout


def test_profiles_writes_a_table_for_the_items(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "described.csv"
    with chat_server(lambda body: "=A film.") as server:
        where = ["--url", server.url, "--served-model", "m", "--words", "5"]
        done = recsat("profiles", str(finished_run), "--out", str(out), *where)
        assert done.exit_code == 0, done.output
        n_requests = len(server.requests)
    table = pl.read_csv(out)
    assert table.columns == ["item_id", "description"]
    assert set(table["description"]) == {"'=A film."}
    assert f"{len(table)} items with texts of fewer than 5 words" in done.stderr
    assert 0 < n_requests <= len(table)  # items of one text are asked about once


def test_an_address_that_is_none(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    done = recsat(
        "profiles", str(finished_run), "--out", str(tmp_path / "x.csv"), "--url", "localhost:1", "--served-model", "m"
    )
    assert done.exit_code == 2
    assert "http://" in done.stderr


@pytest.mark.parametrize("url", ["http://ann:s3same@host/v1", "https://host/v1?api_key=s3same", "ann:s3same@host"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(
    recsat: Recsat, finished_run: Path, tmp_path: Path, url: str
) -> None:
    done = recsat("profiles", str(finished_run), "--out", str(tmp_path / "x.csv"), "--url", url, "--served-model", "m")
    assert done.exit_code == 2
    assert "s3same" not in done.output
    assert "RECSAT_LLM_KEY" in done.stderr or "begin with http://" in done.stderr
