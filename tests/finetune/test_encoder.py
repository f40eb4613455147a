"""A whole training on a small run: what it learns, what it leaves, and that a killed one ends the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from recsat import RunError
from recsat.embed.registry import make
from recsat.finetune.execute import finetune_run, open_finetune
from recsat.finetune.settings import FinetuneConfig
from recsat.plugins import load_plugins
from recsat.run import run_stage

Config = Callable[..., FinetuneConfig]


@pytest.fixture
def finished(config: Config) -> Path:
    return finetune_run(config(), load_plugins(["content"]))


def test_the_model_folder_is_an_encoder_that_gives_what_training_saw(finished: Path, config: Config) -> None:
    run = config().run
    settings = run.encoder.model_copy(update={"model": str(finished / "finetune" / "model")})
    tuned, original = make(settings), make(run.encoder)
    texts = ["Heat (1995). Crime", "Toy Story (1995). Children"]
    assert tuned.dimension == original.dimension
    assert tuned.fingerprint != original.fingerprint
    assert not np.allclose(tuned.encode(texts), original.encode(texts), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(tuned.encode(texts), axis=1), 1.0, atol=1e-5)


def test_the_model_folder_says_what_it_must_not_be_tested_on(finished: Path, config: Config) -> None:
    story = json.loads((finished / "finetune" / "model" / "finetune.json").read_text())
    assert [split["name"] for split in story["splits"]] == ["warm", "cold"]
    assert story["data_fingerprint"] == json.loads((finished / "data" / "summary.json").read_text())["fingerprint"]
    assert len(story["history"]) == 3  # the start and two epochs


def test_the_comparison_has_every_split_and_arm_that_can_speak_there(finished: Path) -> None:
    rows = json.loads((finished / "finetune" / "compare.json").read_text())["rows"]
    assert {(row["split"], row["arm"]) for row in rows} == {
        (split, arm) for split in ("warm", "cold") for arm in ("text-raw", "text", "aligned")
    }
    for row in rows:
        gap = row["after"]["mean"] - row["before"]["mean"]
        assert row["difference"]["mean"] == pytest.approx(gap, abs=1e-9)
        assert row["difference"]["low"] <= row["difference"]["mean"] <= row["difference"]["high"]
    told = (finished / "finetune" / "compare.md").read_text()
    assert told.count("\n| ") == 1 + 1 + len(rows)


def test_validation_before_the_first_step_is_that_of_the_encoder_as_it_was(finished: Path, config: Config) -> None:
    again = finetune_run(config(epochs=1), load_plugins(["content"]))
    first, second = (json.loads((run / "finetune" / "history.json").read_text()) for run in (finished, again))
    assert first[0] == second[0]
    assert first[0]["epoch"] == 0
    assert "loss" not in first[0]


CHILD = """
import os, signal, sys
from pathlib import Path
from recsat.finetune import training
from recsat.plugins import load_plugins
from recsat.run import open_run, run_stage

class Killed:
    done = 0
    def stage(self, name, total=None): pass
    def expect(self, total): pass
    def note(self, text): pass
    def finish(self, cost): pass
    def advance(self, n=1):
        self.done += n
        if self.done == 9:  # in the second epoch, three steps after a checkpoint
            os.kill(os.getpid(), signal.SIGKILL)

run_stage(open_run(Path(sys.argv[1])), "finetune", load_plugins(["content"]), Killed())
"""


def test_a_training_that_is_killed_and_resumed_ends_with_the_same_weights(config: Config) -> None:
    plugins = load_plugins(["content"])
    settings = config(checkpoint_steps=2, user_share=0.5)
    through, cut = open_finetune(settings), open_finetune(settings)
    for folder in (through, cut):
        run_stage(folder, "prepare", plugins)
    run_stage(through, "finetune", plugins)
    child = subprocess.run([sys.executable, "-c", CHILD, str(cut.path)], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert not cut.has("finetune/model")
    finetune_run(settings, plugins, resume=cut.path)
    expected, found = (load_file(folder.path / "finetune" / "model" / "model.safetensors") for folder in (through, cut))
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert cut.read_json("finetune/history.json") == through.read_json("finetune/history.json")


def test_a_checkpoint_of_other_settings_is_refused(config: Config) -> None:
    plugins = load_plugins(["content"])
    folder = open_finetune(config(epochs=1))
    for stage in ("prepare", "finetune"):
        run_stage(folder, stage, plugins)
    folder.write_json("finetune/settings.json", config(epochs=2).finetune.model_dump())
    with pytest.raises(RunError, match=r"belongs to a training with other settings"):
        run_stage(folder, "finetune", plugins)


def test_observers_hear_of_every_epoch(finished: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_plugins(["content"])
    heard: list[tuple[int, dict[str, float]]] = []
    monkeypatch.setattr(
        plugins.observers,
        "recsat_on_metrics",
        lambda *, stage, folder, step, values: heard.append((step, dict(values))),
    )
    folder = finetune_run(config(epochs=1, patience=1), plugins)
    history = json.loads((folder / "finetune" / "history.json").read_text())
    assert [values for _, values in heard if "epoch" in values] == history
    assert [step for step, values in heard if "epoch" in values] == [0, 6]


def test_nothing_that_a_split_holds_out_is_a_pair(config: Config) -> None:
    from recsat.finetune.encoder import known_of
    from recsat.run.progress import LogProgress
    from recsat.run.stage import StageContext

    plugins = load_plugins(["content"])
    settings = config()
    folder = open_finetune(settings)
    run_stage(folder, "prepare", plugins)
    known = known_of(StageContext(folder, settings.run, plugins, LogProgress()))
    pair = ["user_id", "item_id"]
    for split in ("warm", "cold"):
        for part in ("validation", "test"):
            held = pl.read_parquet(folder.path / "splits" / split / f"{part}.parquet")
            assert known.train.join(held, on=pair, how="semi").is_empty()
        test = pl.read_parquet(folder.path / "splits" / split / "test.parquet")
        for judged in known.splits:
            assert judged.validation.join(test, on=pair, how="semi").is_empty()
    assert known.train.height > 100
