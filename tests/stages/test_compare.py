"""Runs of one home beside each other: their rows in the history, what they have in common, and the alerts of the later one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat import ConfigError, RunConfig, RunError
from recsat.config.home import at_home
from recsat.plugins import load_plugins
from recsat.result.model import Alert, Result, RunComparison
from recsat.run import RunFolder, run_stage
from recsat.run.check import check_config
from recsat.run.history import HISTORY_SCHEMA, previous_run, read_history
from recsat.stages import REPORT
from recsat.stages.compare import compare_folders, judged_together, primaries

MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(finished_run: Path, tmp_path: Path) -> MakeRun:
    """``make_run("monday", 1, series="nightly")``: a copy of the finished run in a home of its own, evaluated on that day, its report not written."""

    def make(name: str, day: int, **settings: Any) -> RunFolder:
        folder = RunFolder(tmp_path / "runs" / name)
        shutil.copytree(finished_run, folder.path)
        for file in ("result.json", "report.html", "report.md"):
            (folder.path / file).unlink()
        config = folder.config().model_copy(update={"home": str(tmp_path)}).model_dump(mode="json")
        folder.write_json("config.json", {**config, **settings})
        evaluated = folder.read_json("evaluated.json")
        folder.write_json(
            "evaluated.json", {**evaluated, "created": f"2026-11-{day:02d}T08:00:00+00:00", "run_id": name}
        )
        return folder

    return make


def reported(folder: RunFolder) -> Result:
    run_stage(folder, REPORT, load_plugins(["content"]))
    return Result.model_validate(folder.read_json("result.json"))


def with_shuffled_lists(folder: RunFolder, arm: str) -> None:
    """Every user gets the list of another: as long, of items that are as popular, and of no use."""
    lists = folder.read_table("lists/warm.parquet")
    users = lists["user_id"].unique().sort()
    other = dict(zip(users, [*users[1:], users[0]], strict=True))
    moved = lists.with_columns(
        user_id=pl.when(pl.col("arm") == arm)
        .then(pl.col("user_id").replace_strict(other, default=None))
        .otherwise("user_id")
    )
    folder.write_table("lists/warm.parquet", moved)


ALERT = {"arm": "ease", "measure": "ndcg", "split": "warm", "worse_by": 0.05}


def test_every_run_has_its_rows_once_and_they_are_those_of_its_result(make_run: MakeRun, tmp_path: Path) -> None:
    monday, tuesday = make_run("monday", 2), make_run("tuesday", 3, series="nightly")
    for folder in (tuesday, monday, monday):
        result = reported(folder)
    history = read_history(monday.config())
    assert history.schema == HISTORY_SCHEMA
    assert history["run"].unique(maintain_order=True).to_list() == ["monday", "tuesday"]
    assert not history.select("run", "split", "arm", "measure").is_duplicated().any()
    [row] = history.filter(
        (pl.col("run") == "monday")
        & (pl.col("split") == "warm")
        & (pl.col("arm") == "ease")
        & (pl.col("measure") == "ndcg@10")
    ).to_dicts()
    [arm] = [one for one in result.arms if (one.name, one.split, one.slice) == ("ease", "warm", "all")]
    assert {name: row[name] for name in ("mean", "low", "high", "n_users")} == arm.measures["ndcg@10"].model_dump(
        include={"mean", "low", "high", "n_users"}
    )
    assert row["data_fingerprint"] == result.data_fingerprint
    assert result.plan is not None
    assert row["plan_sha256"] == result.plan.sha256
    assert history["config_sha256"].n_unique() == 2
    assert len(list((tmp_path / ".recsat" / "history").iterdir())) == 2


def test_a_file_of_the_history_that_cannot_be_read_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("monday", 2)
    reported(folder)
    [file] = (tmp_path / ".recsat" / "history").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match=rf"history {file} cannot be read"):
        read_history(folder.config())


def test_the_run_before_is_of_the_same_domain_and_series_and_still_there(make_run: MakeRun) -> None:
    runs = {
        name: make_run(name, day, series=series)
        for name, day, series in [
            ("sunday", 1, "nightly"),
            ("monday", 2, "nightly"),
            ("trial", 3, ""),
            ("tuesday", 4, "nightly"),
        ]
    }
    results = {name: reported(folder) for name, folder in runs.items()}

    def before(name: str) -> str | None:
        previous = previous_run(runs[name], results[name])
        return None if previous is None else previous.run_id

    assert [before(name) for name in runs] == [None, "sunday", None, "monday"]
    shutil.rmtree(runs["monday"].path)
    assert before("tuesday") == "sunday"


def test_a_run_that_is_as_good_raises_no_alert_and_one_whose_lists_are_shuffled_does(make_run: MakeRun) -> None:
    rules = [ALERT, {**ALERT, "arm": "text"}]
    first = reported(make_run("sunday", 1, alerts=rules))
    assert [(alert.previous, alert.raised) for alert in first.alerts] == [(None, False)] * 2
    assert all("no earlier run" in alert.lack for alert in first.alerts)

    same = reported(make_run("monday", 2, alerts=rules))
    assert [(alert.previous, alert.raised, alert.lack) for alert in same.alerts] == [("sunday", False, "")] * 2
    assert all(alert.comparison is not None and alert.comparison.mean == 0 for alert in same.alerts)

    broken = make_run("tuesday", 3, alerts=rules)
    with_shuffled_lists(broken, "ease")
    ease, text = reported(broken).alerts
    assert (ease.raised, text.raised) == (True, False)
    assert ease.comparison is not None
    assert ease.comparison.high is not None
    assert ease.comparison.high < 0
    assert "Alert: ease on warm is worse than in run monday." in (broken.path / "report.md").read_text()
    assert 'role="alert">Alert: ease on warm is worse than in run monday.' in (broken.path / "report.html").read_text()


def test_a_fall_that_is_smaller_than_worse_by_raises_nothing(make_run: MakeRun) -> None:
    reported(make_run("sunday", 1))
    broken = make_run("monday", 2, alerts=[{**ALERT, "worse_by": 0.99}])
    with_shuffled_lists(broken, "ease")
    [alert] = reported(broken).alerts
    assert alert.comparison is not None
    assert alert.comparison.significant
    assert not alert.raised


def test_runs_are_compared_arm_by_arm_and_where_they_cannot_be_it_is_said(make_run: MakeRun) -> None:
    before, now = make_run("sunday", 1), make_run("monday", 2)
    with_shuffled_lists(now, "ease")
    compared = compare_folders(before, now, measures=["ndcg", "recall"])
    warm = {(one.arm, one.measure): one for one in compared.comparisons if one.split == "warm"}
    assert {arm for arm, _ in warm} == {"popularity", "text", "text-words", "ease"}
    assert {measure for _, measure in warm} == {"ndcg@10", "recall@10"}
    assert warm["ease", "ndcg@10"].significant
    assert [one.mean for key, one in warm.items() if key[0] != "ease"] == [0.0] * 6
    assert compared.lacks == {}

    nobody = now.read_table("lists/cold-relevant.parquet")
    for draw in ("", "/draw-2", "/draw-3", "/draw-4", "/draw-5"):
        now.write_table(f"lists/cold{draw}-relevant.parquet", nobody.clear())
    assert "nothing can be said" in compare_folders(before, now).lacks["cold"]
    assert compare_folders(before, now, arms=["ials"]).lacks == dict.fromkeys(
        ("warm", "cold"), "not both runs have lists of ials there."
    )


def with_popular_lists(folder: RunFolder, arm: str) -> None:
    """Everybody gets popularity's list from ``arm``."""
    lists = folder.read_table("lists/warm.parquet")
    popular = lists.filter(pl.col("arm") == "popularity").with_columns(arm=pl.lit(arm))
    folder.write_table("lists/warm.parquet", pl.concat([lists.filter(pl.col("arm") != arm), popular]))


def test_an_alert_may_be_of_any_dimension_and_know_which_way_is_worse(make_run: MakeRun) -> None:
    of_domain = "content.mean_rating"
    rules = [{**ALERT, "arm": "text", "measure": name} for name in ("novelty", "topic-kl", of_domain)]
    reported(make_run("sunday", 1, alerts=rules))
    same = reported(make_run("monday", 2, alerts=rules))
    assert [(one.raised, one.lack) for one in same.alerts] == [(False, "")] * 3
    assert [one.measure for one in same.alerts] == ["novelty@10", "topic-kl@10", of_domain]

    popular = make_run("tuesday", 3, alerts=rules)
    with_popular_lists(popular, "text")
    novelty, divergence, _ = reported(popular).alerts
    assert novelty.comparison is not None
    assert divergence.comparison is not None
    assert novelty.comparison.mean < 0 < divergence.comparison.mean
    assert (novelty.comparison.better, divergence.comparison.better) == ("higher", "lower")
    assert (novelty.raised, divergence.raised) == (True, True)
    assert novelty.comparison.n_users > 20

    with_shuffled_lists(back := make_run("wednesday", 4, alerts=rules[:2]), "popularity")
    assert [one.raised for one in reported(back).alerts] == [False, False]  # better again


def test_runs_are_compared_by_the_primary_measures_of_the_dimensions_that_they_have(make_run: MakeRun) -> None:
    before, now = make_run("sunday", 1), make_run("monday", 2)
    names = primaries(reported(before))
    assert names[0] == "ndcg"
    assert "topic-ild" in names
    compared = compare_folders(before, now, measures=names, splits=["warm"], arms=["text"])
    assert [one.measure.partition("@")[0] for one in compared.comparisons] == names
    assert {one.mean for one in compared.comparisons} == {0.0}

    no_events = compare_folders(before, now, measures=["ndcg", "content.watch_time"], splits=["warm"], arms=["text"])
    assert [one.measure for one in no_events.comparisons] == ["ndcg@10"]
    assert no_events.lacks["warm"].startswith("content.watch_time: The data have no ")


def test_a_measure_that_says_nothing_of_a_list_or_of_better_is_refused_by_name(
    make_run: MakeRun, small_run_config: RunConfig
) -> None:
    before, now = make_run("sunday", 1), make_run("monday", 2)
    for name in ("coverage", "popularity-lift", "nonsense"):
        with pytest.raises(ConfigError, match=f"'{name}': runs are compared by ndcg, "):
            compare_folders(before, now, measures=[name])
    settings = {"alerts": [{**ALERT, "measure": "topic-idl"}], "promote": {"guards": {"gini": 0.1}}}
    config = RunConfig.model_validate({**small_run_config.model_dump(), **settings})
    with pytest.raises(
        ConfigError, match=r"(?s)alerts\[0\]\.measure: .*Did you mean 'topic-ild'.*promote\.guards\.gini"
    ):
        check_config(config, load_plugins(["content"]))


def test_a_run_before_that_is_damaged_costs_the_comparison_and_not_the_run(make_run: MakeRun) -> None:
    before = make_run("sunday", 1)
    reported(before)
    (before.path / "lists" / "warm.json").unlink()
    [alert] = reported(make_run("monday", 2, alerts=[ALERT])).alerts
    assert alert.comparison is None
    assert "lists/warm.json is missing" in alert.lack


def test_an_alert_names_an_arm_and_a_split_of_the_run(small_run_config: RunConfig) -> None:
    with pytest.raises(ValueError, match=r"the run has no split 'wram'.* Did you mean 'warm'"):
        RunConfig.model_validate({**small_run_config.model_dump(), "alerts": [{**ALERT, "split": "wram"}]})
    config = RunConfig.model_validate({**small_run_config.model_dump(), "alerts": [{**ALERT, "arm": "esae"}]})
    with pytest.raises(ConfigError, match=r"alerts\[0\]\.arm: .*Did you mean 'ease'"):
        check_config(config, load_plugins(["content"]))


def test_what_was_written_is_json_that_the_result_reads_again(make_run: MakeRun) -> None:
    folder = make_run("sunday", 1, alerts=[ALERT])
    result = reported(folder)
    assert Result.model_validate(json.loads((folder.path / "result.json").read_text())) == result
    assert at_home(folder.config()) == folder.config()


def held_against(p: float, low: float, high: float) -> Alert:
    comparison = RunComparison(
        split="warm", arm="ease", measure="ndcg@10", mean_before=0.4, mean_now=0.3, mean=-0.1, low=low, high=high,
        p_adjusted=p, significant=False, n_users=50, n_pairs=90,
    )  # fmt: skip
    return Alert(
        arm="ease",
        measure="ndcg@10",
        split="warm",
        worse_by=0.0,
        previous="sunday",
        comparison=comparison,
        raised=False,
    )


@pytest.mark.parametrize(
    ("alerts", "raised"),
    [
        ([held_against(0.03, -0.2, -0.01)], [True]),
        ([held_against(0.03, -0.2, -0.01)] * 2, [False, False]),
        ([held_against(0.03, -0.2, -0.01), held_against(0.001, -0.2, -0.05)], [True, True]),
        ([held_against(0.03, -0.2, 0.01)], [False]),
        ([held_against(0.06, -0.2, -0.01)], [False]),
    ],
)
def test_rules_of_one_run_are_one_family_and_the_interval_must_lie_below_0(
    alerts: list[Alert], raised: list[bool]
) -> None:
    assert [alert.raised for alert in judged_together(alerts, 0.05)] == raised
