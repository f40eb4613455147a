"""``recsat federated``: what a silo sends, and what becomes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from recsat.arms.aligned import AlignedText
from recsat.arms.federated import read_sums, write_sums
from recsat.errors import ConfigError
from recsat.plugins import load_plugins
from recsat.run import open_run
from recsat.run.stage import StageContext
from recsat.stages.federated import training_data
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import validation_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.ratings import rating_folds

Recsat = Callable[..., Result]


def test_sums_go_from_a_run_to_a_file_and_to_an_arm(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    for silo in ("north", "south"):
        done = recsat(
            "federated",
            "export",
            str(finished_run),
            "--silo",
            silo,
            "--split",
            "warm",
            "--pairs",
            "--out",
            str(tmp_path / silo),
        )
        assert done.exit_code == 0, done.output
        assert f"sums of silo {silo}, " in done.stdout
    done = recsat(
        "federated", "merge", str(tmp_path / "south"), str(tmp_path / "north"), "--out", str(tmp_path / "all")
    )
    assert done.exit_code == 0, done.output
    assert "sums of north, south" in done.stdout
    assert f"--set parameters.ease-text.sums={tmp_path / 'all'}" in done.stdout
    total, one = read_sums(tmp_path / "all"), read_sums(tmp_path / "north")
    np.testing.assert_array_equal(total.arrays["gram"], 2 * one.arrays["gram"])


def test_sums_of_another_encoder_are_refused_by_the_arms_of_a_run(
    recsat: Recsat, finished_run: Path, tmp_path: Path
) -> None:
    place = tmp_path / "sums"
    done = recsat("federated", "export", str(finished_run), "--silo", "s", "--out", str(place))
    assert done.exit_code == 0, done.output
    context = StageContext.open(open_run(finished_run), load_plugins())
    inputs = embedded_inputs(context)
    split = read_split(context.folder, "warm")
    (of_ratings, _), _ = rating_folds(inputs, split, "rating")
    write_sums(replace(read_sums(place), encoder="0" * 64), tmp_path / "other")
    for train in (training_data(context, None), validation_fold(inputs, split).train, of_ratings.train):
        AlignedText(sums=str(place)).fit(train)
        with pytest.raises(ConfigError, match=r"another encoder's vectors \(000000000000\)"):
            AlignedText(sums=str(tmp_path / "other")).fit(train)


def test_of_a_split_the_training_part_alone_is_sent(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    for name, more in (("part", ["--split", "warm"]), ("all", [])):
        done = recsat("federated", "export", str(finished_run), "--silo", "s", "--out", str(tmp_path / name), *more)
        assert done.exit_code == 0, done.output
    part, everything = (read_sums(tmp_path / name).arrays["totals"][0] for name in ("part", "all"))
    assert 0 < part < everything


def test_masked_files_are_added_up_and_alone_say_nothing(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    for silo, other in (("north", "south"), ("south", "north")):
        (tmp_path / "secrets.json").write_text(json.dumps({other: "s" * 40}))
        done = recsat("federated", "export", str(finished_run), "--silo", silo, "--out", str(tmp_path / silo),
                      "--secrets", str(tmp_path / "secrets.json"), "--round", "one")  # fmt: skip
        assert done.exit_code == 0, done.output
        assert f"silo {silo}, masked" in done.stdout
    alone = recsat("federated", "merge", str(tmp_path / "north"), "--out", str(tmp_path / "all"))
    assert alone.exit_code == 2
    assert "need south too" in alone.stderr
    assert (
        recsat(
            "federated", "merge", str(tmp_path / "north"), str(tmp_path / "south"), "--out", str(tmp_path / "all")
        ).exit_code
        == 0
    )


def test_privacy_says_its_price_and_its_noise_is_another_each_time(
    recsat: Recsat, finished_run: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        done = recsat(
            "federated", "export", str(finished_run), "--silo", "s", "--epsilon", "4", "--out", str(tmp_path / name)
        )
        assert done.exit_code == 0, done.output
        printed = " ".join(done.stderr.split())
        assert "Noise of standard deviation" in printed
        assert re.search(r"are [\d.e+-]+ times as large, and \d+ of 384 directions of taste stand above it", printed)
    one, two = (read_sums(tmp_path / name).arrays for name in ("one", "two"))
    assert set(one) == {"text"}
    assert (one["text"] != two["text"]).any()


@pytest.mark.parametrize(
    ("content", "message"), [("no json", "cannot be read as JSON"), ("[1]", "must be an object of texts")]
)
def test_secrets_that_are_none_are_refused(
    recsat: Recsat, finished_run: Path, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "secrets.json").write_text(content)
    done = recsat(
        "federated",
        "export",
        str(finished_run),
        "--silo",
        "s",
        "--out",
        str(tmp_path / "x"),
        "--secrets",
        str(tmp_path / "secrets.json"),
    )
    assert done.exit_code == 2
    assert message in done.stderr


def test_private_item_pairs_are_refused(recsat: Recsat, finished_run: Path, tmp_path: Path) -> None:
    done = recsat(
        "federated",
        "export",
        str(finished_run),
        "--silo",
        "s",
        "--out",
        str(tmp_path / "x"),
        "--epsilon",
        "4",
        "--pairs",
    )
    assert done.exit_code == 2
    assert "Leave out --pairs" in done.stderr
