"""A whole training on a small run: what it leaves, and that a killed one ends the same."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file

from recsat import RunError
from recsat.finetune.encoder import info_nce, known_of
from recsat.finetune.execute import FINETUNE, finetune_run
from recsat.finetune.settings import FinetuneConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, run_stage
from recsat.run.stage import StageContext

Config = Callable[..., FinetuneConfig]
Prepared = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def finished(config: Config, prepared: Prepared) -> Path:
    return finetune_run(config(), load_plugins(["content"]), resume=prepared().path)


def test_the_model_folder_is_an_encoder_with_other_vectors_and_the_same_pooling(finished: Path, config: Config) -> None:
    run = config().run
    encoder = load_plugins([]).encoder(run.encoder.name)
    tuned = encoder.make(run.encoder.model_copy(update={"model": str(finished / "finetune" / "model")}))
    original = encoder.make(run.encoder)
    texts = ["Heat (1995). Crime", "Toy Story (1995). Children"]
    assert tuned.dimension == original.dimension
    assert not np.allclose(tuned.encode(texts), original.encode(texts), atol=1e-3)
    assert json.loads((finished / "finetune/model/1_Pooling/config.json").read_text())["pooling_mode_mean_tokens"]


def test_the_model_folder_says_what_it_must_not_be_tested_on(finished: Path) -> None:
    provenance = json.loads((finished / "finetune" / "model" / "finetune.json").read_text())
    assert [split["name"] for split in provenance["splits"]] == ["warm", "cold"]
    assert provenance["data_fingerprint"] == json.loads((finished / "data" / "summary.json").read_text())["fingerprint"]
    assert [one["epoch"] for one in provenance["history"]] == [0, 1, 2]
    assert "loss" not in provenance["history"][0]


def test_the_comparison_has_every_split_and_arm_that_can_speak_there(finished: Path) -> None:
    rows = json.loads((finished / "finetune" / "compare.json").read_text())["rows"]
    assert {(row["split"], row["arm"]) for row in rows} == {
        (split, arm) for split in ("warm", "cold") for arm in ("text-raw", "text", "aligned")
    }
    assert any(row["difference"]["low"] is not None for row in rows)
    for row in rows:
        gap = row["after"]["mean"] - row["before"]["mean"]
        assert row["difference"]["mean"] == pytest.approx(gap, abs=1e-9)
        if row["difference"]["low"] is None:  # few or equal differences have no ends
            assert row["difference"]["high"] is None
        else:
            assert row["difference"]["low"] <= row["difference"]["mean"] <= row["difference"]["high"]
    markdown = (finished / "finetune" / "compare.md").read_text()
    assert markdown.count("\n| ") == 2 + len(rows)


CHILD = """
import os, signal, sys
from pathlib import Path
from recsat.plugins import load_plugins
from recsat.finetune.execute import FINETUNE
from recsat.run import open_run, run_stage

class Killed:
    done = 0
    def stage(self, name, total=None): pass
    def expect(self, total): pass
    def note(self, text): pass
    def finish(self, cost): pass
    def advance(self, n=1):
        self.done += n
        if self.done == 9:  # in the second epoch, a step after a checkpoint
            os.kill(os.getpid(), signal.SIGKILL)

run_stage(open_run(Path(sys.argv[1])), FINETUNE, load_plugins(["content"]), Killed())
"""


def test_a_training_that_is_killed_and_resumed_ends_with_the_same_weights(finished: Path, prepared: Prepared) -> None:
    cut = prepared(checkpoint_steps=2)
    child = subprocess.run([sys.executable, "-c", CHILD, str(cut.path)], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert cut.has("finetune/checkpoint.safetensors")
    assert not cut.has("finetune/model")
    run_stage(cut, FINETUNE, load_plugins(["content"]))
    expected, resumed = (load_file(path / "finetune" / "model" / "model.safetensors") for path in (finished, cut.path))
    assert expected.keys() == resumed.keys()
    for name in expected:
        np.testing.assert_array_equal(resumed[name], expected[name], err_msg=name)
    assert cut.read_json("finetune/history.json") == json.loads((finished / "finetune/history.json").read_text())


def test_a_checkpoint_of_other_settings_is_refused_and_a_finished_one_is_not_trained_again(prepared: Prepared) -> None:
    plugins, folder = load_plugins(["content"]), prepared(epochs=1)
    assert run_stage(folder, FINETUNE, plugins).n_new == 6
    before = (folder.path / "finetune/checkpoint.safetensors").stat().st_mtime_ns
    run_stage(folder, FINETUNE, plugins)
    assert (folder.path / "finetune/checkpoint.safetensors").stat().st_mtime_ns == before
    folder.write_json("finetune/settings.json", folder.read_json("finetune/settings.json") | {"epochs": 2})
    with pytest.raises(RunError, match="belongs to a training with other settings"):
        run_stage(folder, FINETUNE, plugins)


def test_observers_hear_of_every_epoch(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins, folder = load_plugins(["content"]), prepared(epochs=1)
    metrics: list[tuple[int, dict[str, float]]] = []

    def hear(*, stage: str, folder: Path, step: int, values: dict[str, float]) -> None:
        metrics.append((step, dict(values)))

    monkeypatch.setattr(plugins.observers, "recsat_on_metrics", hear)
    run_stage(folder, FINETUNE, plugins)
    assert [values for _, values in metrics if "epoch" in values] == folder.read_json("finetune/history.json")
    assert [step for step, values in metrics if "epoch" in values] == [0, 6]


def test_nothing_that_a_split_holds_out_is_learnt_from_or_decides_when_to_stop(
    prepared: Prepared, config: Config
) -> None:
    folder, plugins = prepared(), load_plugins(["content"])
    known = known_of(StageContext.open(folder, plugins))
    pair = ["user_id", "item_id"]
    for split in ("warm", "cold"):
        validation, test = (folder.read_table(f"splits/{split}/{part}.parquet") for part in ("validation", "test"))
        assert known.train.join(pl.concat([validation, test]), on=pair, how="semi").is_empty()
        for judged in known.splits:
            assert judged.validation.join(test, on=pair, how="semi").is_empty()
    assert known.train.height > 100


def by_hand(anchors: torch.Tensor, items: torch.Tensor, liked: torch.Tensor, temperature: float) -> float:
    total = 0.0
    for i in range(len(anchors)):
        positive = math.exp(float(anchors[i] @ items[i]) / temperature)
        negatives = [
            math.exp(float(anchors[i] @ items[j]) / temperature)
            for j in range(len(items))
            if j != i and not bool(liked[i, j])
        ]
        total -= math.log(positive / (positive + sum(negatives)))
    return total / len(anchors)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_is_the_formula_with_what_the_user_liked_left_out_of_the_negatives(share: float) -> None:
    torch.manual_seed(0)
    anchors, items = (torch.nn.functional.normalize(torch.randn(6, 4), dim=1) for _ in range(2))
    liked = torch.rand(6, 6) < share
    liked |= torch.eye(6, dtype=torch.bool)
    loss = info_nce(anchors, items, liked, temperature=0.2)
    assert float(loss) == pytest.approx(by_hand(anchors, items, liked, 0.2), rel=1e-5, abs=1e-6)


def test_equal_vectors_give_the_log_of_the_batch_and_the_correction_gives_the_entropy_of_the_chances() -> None:
    same, none = torch.ones(4, 1), torch.zeros(4, 4, dtype=torch.bool)
    assert float(info_nce(same, same, none, temperature=1.0)) == pytest.approx(math.log(4))
    chances = torch.tensor([0.4, 0.3, 0.2, 0.1])
    weights = (1 / chances) / (1 / chances).sum()
    loss = info_nce(same, same, none, temperature=1.0, log_chances=chances.log())
    assert float(loss) == pytest.approx(float(-weights.log().mean()))
