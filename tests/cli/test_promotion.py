"""recsat promote, rollback and promoted; and who reads what is served."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from promotable_runs import promotable_run
from typer.testing import Result

from recsat import ConfigError, SavedModelError
from recsat.plugins import load_plugins
from recsat.stages.model.loaded import Model


def test_a_model_is_served_refused_and_taken_back(
    recsat: Callable[..., Result], finished_run: Path, tmp_path: Path
) -> None:
    plugins, home = load_plugins(["content"]), {"RECSAT_HOME": str(tmp_path)}
    for name, arm, scale in (("one", "ease", 1.0), ("two", "popularity", 1.0), ("three", "ease", -1.0)):
        promotable_run(finished_run, tmp_path, name, arm, plugins, scale=scale)
    assert "No model of domain content is served" in recsat("promoted", **home).stdout
    assert "nothing to go back to" in recsat("rollback", **home).stderr
    outcome = recsat("promote", "one", **home)
    assert (outcome.exit_code, outcome.stdout.split(":")[0]) == (0, "promoted")
    outcome = recsat("promote", "one", **home)
    assert (outcome.exit_code, "served already" in outcome.stdout) == (0, True)
    outcome = recsat("promote", "two", "--margin", "0.01", "--guard", "recall=0.02", "--json", **home)
    refusal = json.loads(outcome.stdout)
    assert (outcome.exit_code, refusal["action"], refusal["changed"]) == (3, "refused", False)
    assert [(one["measure"], one["margin"]) for one in refusal["evidence"][:2]] == [
        ("ndcg@10", 0.01),
        ("recall@10", 0.02),
    ]
    assert recsat("promote", "three", **home).exit_code == 0
    assert recsat("rollback", "--why", "[b]clicks[/b] fell", **home).exit_code == 0
    page = recsat("promoted", **home).stdout
    assert "rolled back: ease of run one" in page
    assert "[b]clicks[/b] fell" in page
    data = json.loads(recsat("promoted", "--json", **home).stdout)
    assert [one["action"] for one in data["history"]] == ["promoted", "refused", "promoted", "rolled back"]
    assert data["served"]["run_id"] == "one"
    clean = recsat("runs", "clean", "--keep", "1", "--yes", **home)
    assert clean.exit_code == 0
    assert (tmp_path / "runs/one").is_dir()
    lists = recsat("recommend", "2", "--json", **home)
    assert json.loads(lists.stdout) == Model.load(data["path"], plugins).recommend(["2"]).to_dicts()
    assert Model.load(tmp_path, plugins, domain="content").fingerprint == data["served"]["fingerprint"]
    with pytest.raises(SavedModelError, match="no model of domain 'social' is served"):
        Model.load(tmp_path, plugins, domain="social")
    (tmp_path / ".recsat/models/default-social").mkdir()
    (tmp_path / ".recsat/models/default-social/promoted.json").write_text("{}")
    with pytest.raises(ConfigError, match="serves models of content, social"):
        Model.load(tmp_path, plugins)


def test_wrong_choices_are_refused(recsat: Callable[..., Result], finished_run: Path) -> None:
    for choice, words in (
        (("--policy", "sometimes"), "--policy: "),
        (("--margin", "2"), "--margin: "),
        (("--measure", "gini"), "--measure: "),
        (("--guard", "recall"), "--guard recall: name a measure and its margin"),
        (("--guard", "gini=0.1"), "'gini': runs are compared by"),
        (("--guard", "recall=x"), "--guard recall: "),
        (("--guard", "ndcg=0.1"), "ndcg is the measure that decides"),
    ):
        outcome = recsat("promote", str(finished_run), *choice)
        assert outcome.exit_code == 2, choice
        assert words in outcome.stderr
        assert outcome.stderr.count("\n") == 1
