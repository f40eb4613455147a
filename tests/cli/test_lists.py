"""recsat recommend: lists from the model of a run."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from promotable_runs import promotable_run
from typer.testing import Result

from recsat.cli.exit_codes import ExitCode
from recsat.config.settings import PromoteSettings
from recsat.plugins import load_plugins
from recsat.stages.model import indexed
from recsat.stages.model.loaded import Model
from recsat.stages.promotion.promote import promote


def test_a_users_list_is_a_table_or_json(recsat: Callable[..., Result], finished_run: Path) -> None:
    expected = Model.load(finished_run, load_plugins(["content"])).recommend(["2"], k=3)
    table = recsat("recommend", "2", "--run", str(finished_run), "-k", "3")
    assert table.exit_code == 0
    assert gc.isenabled()
    assert table.stderr == ""
    for word in ["2 · ", *expected["title"], *expected["reason"]]:
        assert word in table.stdout
    as_json = recsat("recommend", "2", "--run", str(finished_run / "model"), "-k", "3", "--json")
    assert json.loads(as_json.stdout) == expected.to_dicts()


def test_an_unknown_user_is_named(recsat: Callable[..., Result], finished_run: Path) -> None:
    outcome = recsat("recommend", "[b]who[/b]", "2", "[b]who[/b]", "--run", str(finished_run), "-k", "1", "--json")
    assert outcome.stderr == "[b]who[/b]: nothing is known of this user; the list is the fallback's.\n"
    assert [row["fallback"] for row in json.loads(outcome.stdout)] == [True, False]
    assert outcome.exit_code == ExitCode.UNKNOWN_USER
    assert recsat("recommend", "2", "--run", str(finished_run)).exit_code == ExitCode.OK


def test_nothing_of_the_data_steers_the_terminal(recsat: Callable[..., Result], finished_run: Path) -> None:
    outcome = recsat("recommend", "\x1b]0;owned\x07\u202e", "--run", str(finished_run), "-k", "1")
    assert not {"\x1b", "\x07", "\u202e"} & set(outcome.output)
    assert "\ufffd]0;owned" in outcome.output


def test_everybodys_lists_go_into_a_file(recsat: Callable[..., Result], finished_run: Path, tmp_path: Path) -> None:
    target = tmp_path / "lists.parquet"
    outcome = recsat("recommend", "--all", "--out", str(target), "--run", str(finished_run), "-k", "2")
    lists = pl.read_parquet(target)
    n_users = lists["user_id"].n_unique()
    assert outcome.stdout == f"{lists.height:,} rows for {n_users} users in {target}\n"
    assert lists.height == 2 * n_users


def test_wrong_requests_are_refused(recsat: Callable[..., Result], finished_run: Path, tmp_path: Path) -> None:
    def refusal(*arguments: str) -> str:
        outcome = recsat("recommend", *arguments)
        assert gc.isenabled()
        assert outcome.exit_code == 2
        assert outcome.stderr.count("\n") == 1
        return outcome.stderr

    assert "Name users, or say --all" in refusal()
    assert "Name users, or say --all" in refusal("1", "--all", "--out", "lists.parquet")
    assert "--all and --out FILE go together" in refusal("--all")
    assert "--all and --out FILE go together" in refusal("1", "--out", "lists.parquet")
    assert "runs/latest is neither a run nor a model folder" in refusal("1")
    shutil.copytree(finished_run, tmp_path / "old", ignore=shutil.ignore_patterns("model*"))
    assert f"recsat run --resume {tmp_path / 'old'}" in refusal("1", "--run", str(tmp_path / "old"))


def test_a_run_of_before_gets_its_model_by_resuming(
    recsat: Callable[..., Result], finished_run: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    shutil.copytree(finished_run, old, ignore=shutil.ignore_patterns("model*"))
    costs = json.loads((old / "stages.json").read_text())
    (old / "stages.json").write_text(json.dumps([cost for cost in costs if cost["name"] != "model"]))
    assert recsat("run", "--resume", str(old)).exit_code == 0
    plugins = load_plugins(["content"])
    lists = [Model.load(run, plugins).recommend(["1", "2"]) for run in (old, finished_run)]
    assert lists[0].equals(lists[1])


def test_candidates_from_the_index_are_said(
    recsat: Callable[..., Result], finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = load_plugins(["content"])
    run = promotable_run(finished_run, tmp_path, "texts", "text", plugins)
    assert promote(run, plugins, PromoteSettings(policy="always")).changed
    plain = recsat("recommend", "2", "--run", str(run.path), "--json")
    assert "index" not in plain.stderr
    monkeypatch.setattr(indexed, "indexed_where_large", partial(indexed.indexed_where_large, n_items=0))
    outcome = recsat("recommend", "2", "--run", str(run.path), "--json")
    assert outcome.stderr.strip() == "Candidates come from the index (qdrant:text)."
    assert outcome.stdout == plain.stdout
