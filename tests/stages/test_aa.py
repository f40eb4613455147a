"""A/A of a finished run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from recsat.errors import RunError
from recsat.measure.leaders import leaders_of
from recsat.measure.verdict import verdicts
from recsat.result.leading import may_lead
from recsat.run import open_run
from recsat.stages.aa import read_evaluated, run_aa


def test_the_splits_read_again_give_the_verdicts_of_the_run(finished_run: Path) -> None:
    folder = open_run(finished_run)
    result, splits = read_evaluated(folder)
    infos = {info.name: info for info in result.arm_infos}
    again = []
    for split in splits:
        ndcg = {
            arm.name: arm.validation_ndcg or 0.0
            for arm in split.arms
            if arm.slice == "all" and may_lead(infos[arm.name].control)
        }
        reads = {name: info.reads for name, info in infos.items()}
        measure = folder.config().measure.model_copy(update={"baseline": result.baseline_on(split.split)})
        leaders = leaders_of(split, ndcg, reads, measure.baseline)
        again += verdicts(split, leaders, settings=measure, seed=folder.config().seed).values()
    assert {one.outcome for one in again} > {"not measured"}
    assert again == result.verdicts


def test_every_split_has_its_pair_and_every_arm_its_users(finished_run: Path) -> None:
    expected: list[int] = []
    advances: list[int] = []
    alarms, lacks = run_aa(open_run(finished_run), n=60, seed=1, expect=expected.append, advance=advances.append)
    assert lacks == []
    by_kind = {(one.split, one.way, one.arms) for one in alarms}
    assert {(split, arms) for split, way, arms in by_kind if way == "arms exchanged"} == {
        ("warm", ("text", "ease")),
        ("cold", ("text", "text-words")),
    }
    assert {arms for split, way, arms in by_kind if (split, way) == ("warm", "users divided")} == {
        ("popularity",),
        ("text",),
        ("text-words",),
        ("ease",),
    }
    assert expected == [sum(advances)]


def test_a_run_that_was_cut_short_is_refused(finished_run: Path, tmp_path: Path) -> None:
    shutil.copy(finished_run / "config.json", tmp_path)
    with pytest.raises(RunError, match=r"evaluated\.json is missing"):
        run_aa(open_run(tmp_path), n=20, seed=0)


def test_values_of_an_older_version_are_refused(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run, tmp_path / "run", ignore=shutil.ignore_patterns("stages.json"))
    (tmp_path / "run" / "measures.parquet").touch()
    with pytest.raises(RunError, match=r"measures\.parquet is of an older version.* Run it again"):
        run_aa(open_run(tmp_path / "run"), n=20, seed=0)
